"""The right half of the river, put together: link and publisher, opened anew when settings change.

An agent without a broker keeps everything in its outbox; the same publisher thread then only
ticks it.
"""

import logging
import platform
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from edgeagent import __version__
from edgeagent.brokers import personal
from edgeagent.bulletin import Bulletin
from edgeagent.clock import Clock, kernel_boot
from edgeagent.commands import Books, Commands, Desired, Kind
from edgeagent.config import Config
from edgeagent.engines import Engine, shown
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.homeassistant import HomeAssistant
from edgeagent.identity import client_id
from edgeagent.link import Link, NoLink, Order, Payload
from edgeagent.mqtt import MqttLink, Words
from edgeagent.outbox import Outbox
from edgeagent.publisher import Publisher, letters
from edgeagent.wire.device import info_fields, stat_fields, status_fields
from edgeagent.wire.encodings import encoder

_log = logging.getLogger(__name__)

BOARD = Path("/proc/device-tree/model")
THREAD_STOP_S = 2.0
AUDIT_S = 3600.0
"""How often ``stat`` says how far the audit log goes."""

Engines = Callable[[], Sequence[Engine]]
"""Returns the engines that are open now."""


class Uplink:
    """One broker, or none. Opened, retuned and closed by the supervisor's thread."""

    def __init__(
        self,
        outbox: Outbox,
        state: Path,
        clock: Clock,
        health: Health,
        tell: Callable[[Notice], None],
        engines: Engines,
        kinds: Mapping[str, Kind],
        books: Books,
        desired: Desired,
        bulletin: Callable[[], Bulletin],
        ahead_ms: Mapping[str, int],
        home: HomeAssistant,
    ) -> None:
        self._outbox, self._state, self._clock = outbox, state, clock
        self._health, self._tell, self._engines = health, tell, engines
        self._kinds, self._books, self._desired = kinds, books, desired
        self._bulletin, self._ahead_ms, self._home = bulletin, ahead_ms, home
        self._told_s = float("-inf")

    def open(self, config: Config) -> None:
        """Begin to connect and to publish; returns at once."""
        self._config = config
        device, mqtt = config.device_name, personal(config)
        self._encode = encoder(mqtt.encoding, mqtt.prefix)
        self._link = self._new_link(config)
        self._publisher = Publisher(
            self._outbox,
            self._link,
            letters(self._outbox, device, self._clock, kernel_boot(), self._ahead_ms, self._encode),
            self._clock,
            config.mqtt,
            self._health,
            stat=self._stat,
            stat_s=config.health.stat_s,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._publisher.run, args=(self._stop,), name="publisher", daemon=True
        )
        self._commands = self._new_commands(config)
        orders = self._commands.hear if config.commands.allow else None
        self._link.listen(orders, self._desired.hear if config.commands.desired else None)
        if orders is not None:
            self._commands.start()
        say_stat = self._publisher.say_stat_soon
        self._home.open(config, self._link, self._encode, self._bulletin, say_stat, _board())
        self._link.start()
        self._thread.start()

    def _stat(self) -> Payload:
        """Return what ``stat`` says: once an hour, how far the audit log goes, too."""
        now_s, head = self._clock.mono_s(), None
        if now_s >= self._told_s + AUDIT_S:
            self._told_s, head = now_s, self._books.head
        return self._encode("stat", stat_fields(self._bulletin(), self._clock.wall_ms(), head))

    def _new_commands(self, config: Config) -> Commands:
        return Commands(
            config.commands,
            self._kinds,
            self._answer,
            config.device_name,
            self._books,
            self._clock,
            self._health,
            self._tell,
        )

    def _answer(self, order: Order, payload: bytes) -> bool:
        """Answer in the encoding of all that is said; whoever does the orders knows only JSON."""
        return self._link.reply(order, self._encode("answer", msgspec.json.decode(payload)))

    def _new_link(self, config: Config) -> Link:
        if not config.mqtt.host:
            return NoLink()
        device, mqtt = config.device_name, personal(config)
        encode, clock = self._encode, self._clock
        words = Words(
            mqtt.prefix,
            mqtt.client_id or client_id(self._state),
            status=lambda state: encode("status", status_fields(device, state, clock.wall_ms())),
            info=lambda: encode("info", info_fields(self._facts())),
            reported=self._reported if config.commands.desired else None,
        )
        return MqttLink(mqtt, words, self._tell)

    def _facts(self) -> dict[str, Any]:
        """Return what this device is, for ``info``."""
        engines = self._engines()
        facts = {
            "ts": self._clock.wall_ms(),
            "dev": self._config.device_name,
            "boot": self._outbox.boot,
            "agent": __version__,
            "python": platform.python_version(),
            "os": platform.platform(terse=True),
            "board": _board(),
            "cameras": [camera.name for camera in self._config.camera],
            "engines": sorted({shown(engine.name) for engine in engines}),
            "models": {engine.bundle.name: engine.file.digest8 for engine in engines},
            "enc": self._config.mqtt.encoding,
        }
        return {name: fact for name, fact in facts.items() if fact}

    def _reported(self) -> Payload:
        return self._encode("reported", self._desired.reported(self._config.device_name))

    def announce(self) -> None:
        """Say anew what this device is, and how its settings stand: something is other now."""
        self._link.announce()

    @property
    def connected(self) -> bool:
        """Whether there is a broker now."""
        return self._link.up > 0

    def alive(self) -> bool:
        """Return whether the publisher's thread lives."""
        return self._thread.is_alive()

    def retune(self, config: Config, reopen: bool) -> None:
        """Take over live settings, or open the link anew with all of them."""
        if reopen:
            self.close(0.0)
            self.open(config)
        else:
            self._config = config
            self._publisher.retune(config.mqtt, config.health.stat_s)
            self._home.retune(config)

    def close(self, drain_s: float) -> bool:
        """Stop the publisher, send what is left for at most ``drain_s``, say farewell.

        Returns:
            Whether the outbox is empty.
        """
        self._commands.close()
        self._home.close()
        self._stop.set()
        self._link.wake()
        self._thread.join(THREAD_STOP_S)
        is_empty = False
        if not self._thread.is_alive():
            self._publisher.say_stat()
            is_empty = self._publisher.drain(drain_s)
        self._link.stop()
        return is_empty


def _board() -> str:
    """Return the board's own name, ``Raspberry Pi 4 Model B Rev 1.5``; elsewhere the machine's."""
    try:
        return BOARD.read_text().rstrip("\0")
    except OSError:
        return platform.machine()
