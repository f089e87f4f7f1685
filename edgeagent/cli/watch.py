"""``edgeagent watch``: what devices say, live, on one screen or as lines."""

import argparse
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from edgeagent import settings
from edgeagent.cli.check import DEFAULT_FILE
from edgeagent.config import Config, MqttConfig
from edgeagent.errors import UsageError
from edgeagent.mqtt.client import port_of
from edgeagent.terminal import ink_for
from edgeagent.watch.fleet import Fleet, Told
from edgeagent.watch.frame import Now, frame, plain
from edgeagent.watch.hearing import Hearing
from edgeagent.watch.screen import Screen

REDRAW_S = 0.25
"""A screen changes at most so often."""
PREFIX = MqttConfig().prefix
_ANY = "+"
_TOPICS = ("status", "info", "stat", "sys", "evt/#", "vec/#")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_FILE, help="settings file, for its broker"
    )
    parser.add_argument(
        "--broker", metavar="HOST[:PORT]", help="a broker, instead of the settings'"
    )
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="with --broker: TLS, and its CA, PEM"
    )
    parser.add_argument("--tls", action="store_true", help="with --broker: TLS by the system's CAs")
    parser.add_argument("--username", help="with --broker: whose eyes; needs --password-file")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its first line")
    parser.add_argument("--site", help="only this site")
    parser.add_argument("--device", help="only this device")
    parser.add_argument("--plain", action="store_true", help="lines, no screen; as into a pipe")
    parser.add_argument("--seconds", type=float, default=0.0, help="end after so long; 0: never")


def run(options: argparse.Namespace) -> int:
    """Show what arrives until Ctrl-C."""
    config = _config(options)
    prefix = config.mqtt.prefix
    fleet = Fleet(prefix)
    hearing = Hearing(
        config.mqtt, f"edgeagent-watch-{secrets.token_hex(4)}", _topics(options, prefix)
    )
    stop = threading.Event()
    hearing.start()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    watching = _Watching(fleet, hearing, stop, options.seconds)
    with closing(hearing), suppress(KeyboardInterrupt):
        if options.plain or not sys.stdout.isatty():
            watching.lines()
        else:
            watching.screen(f"{config.mqtt.host}:{port_of(config.mqtt)}")
    return 0


def _config(options: argparse.Namespace) -> Config:
    """Return the settings whose broker is listened to.

    Raises:
        ConfigError: the settings file is wrong.
        UsageError: no broker is named.
    """
    if options.broker:
        return _named(options)
    config = settings.load(options.config)
    if not config.mqtt.host:
        raise UsageError(f"{options.config}: mqtt.host is empty; name a broker with --broker")
    return config


def _named(options: argparse.Namespace) -> Config:
    host, _, port = (
        options.broker.rpartition(":") if ":" in options.broker else (options.broker, "", "0")
    )
    if not port.isdigit() or not host:
        raise UsageError(f"--broker {options.broker}: must be HOST or HOST:PORT")
    table = {
        "host": host.strip("[]"),
        "port": int(port),
        "tls": bool(options.tls or options.ca),
        "ca_file": str(options.ca or ""),
        "username": options.username or "",
        "password_file": str(options.password_file or ""),
    }
    return settings.parse({"mqtt": table}, "--broker")


def _topics(options: argparse.Namespace, prefix: str) -> list[str]:
    for name in ("site", "device"):
        value = getattr(options, name)
        if value and any(c in value for c in "/+#"):
            raise UsageError(f"--{name} {value}: must be a name, without / + #")
        if value and f"{{{name}}}" not in prefix:
            raise UsageError(f"--{name}: mqtt.prefix is {prefix!r}, which has no {{{name}}}")
    base = prefix.format(site=options.site or _ANY, device=options.device or _ANY)
    return [f"{base}/{topic}" for topic in _TOPICS]


class _Watching:
    """Between what is heard and what is shown."""

    def __init__(
        self, fleet: Fleet, hearing: Hearing, stop: threading.Event, seconds: float
    ) -> None:
        self._fleet, self._hearing, self._stop = fleet, hearing, stop
        self._end_s = time.monotonic() + seconds if seconds else None
        self._connections = hearing.connections

    def lines(self) -> None:
        """Print a line for each event and each piece of news."""
        trouble: str | None = None
        while not self._over():
            if (now := self._hearing.trouble) != trouble:
                trouble = now
                print(f"edgeagent: {now or 'listening'}", file=sys.stderr, flush=True)
            self._hear(1.0, lambda told: print(plain(told), flush=True))

    def screen(self, where: str) -> None:
        """Draw frames."""
        ink = ink_for(sys.stdout)
        with Screen() as screen:
            while not self._over():
                columns, lines = screen.size
                now = Now(
                    time.monotonic(), _wall_ms(), columns, lines, where, self._hearing.trouble
                )
                screen.draw(frame(self._fleet, now, ink))
                self._hear(REDRAW_S, lambda _: None)

    def _over(self) -> bool:
        return self._stop.is_set() or (self._end_s is not None and time.monotonic() > self._end_s)

    def _hear(self, within_s: float, show: Callable[[Told], None]) -> None:
        """Take in all that comes within a time."""
        end_s = time.monotonic() + within_s
        while (left_s := end_s - time.monotonic()) > 0 and not self._stop.is_set():
            heard = self._hearing.next(left_s)
            if self._connections != self._hearing.connections:
                self._connections = self._hearing.connections
                self._fleet.interrupted()
            if heard is not None:
                for told in self._fleet.hear(
                    heard.topic, heard.payload, time.monotonic(), _wall_ms()
                ):
                    show(told)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
