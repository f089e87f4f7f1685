"""``edgeagent demo``: the whole way, from a real clip to a subscriber at a broker."""

import argparse
import logging
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from edgeagent import clips, demo
from edgeagent.errors import RetryError, UsageError
from edgeagent.sources.clip_facts import clip_facts
from edgeagent.subscriber import Heard, Subscriber


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--clip", type=Path, help="a film of your own")
    what.add_argument(
        "--camera",
        nargs="?",
        const="/dev/video0",
        metavar="DEVICE",
        help='a camera: /dev/video0, an rtsp:// address, or "picamera"',
    )
    parser.add_argument("--broker", metavar="HOST[:PORT]", help="a broker of your own, without TLS")
    parser.add_argument("--seconds", type=float, default=50.0, help="longest it may take")


def run(options: argparse.Namespace) -> int:
    """Show events as they arrive, then what they cost beside the video."""
    clip = None if options.camera else options.clip or clips.demo()
    facts = clip_facts(clip) if clip else None
    account, began_s = demo.Account(), time.monotonic()
    # Asked to end in either way, it ends its agent first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The broker's own log would stand between the events.
    logging.getLogger("iotcore").setLevel(logging.WARNING)

    def hear(heard: Heard) -> None:
        message = account.take(heard)
        if "seq" in message:
            print(f"{time.monotonic() - began_s:5.1f} s  {demo.line(message)}", flush=True)

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeagent-demo-")))
        host, port = _broker(options.broker, folder, stack)
        subscriber = Subscriber(host, port, "edge/v1/+/demo/#", hear)
        subscriber.start()
        stack.callback(subscriber.close)
        print(f"broker {host}:{port}, watching {clip or options.camera}\n")
        began_s = time.monotonic()
        status = _watch(folder, demo.settings_text(_camera(clip, options), host, port), options)
        time.sleep(0.5)
    print(f"\n{demo.summary(account, facts, time.monotonic() - began_s)}")
    if status:
        raise RetryError(f"the agent ended with status {status}; what it said stands above")
    return 0


def _broker(named: str | None, folder: Path, stack: ExitStack) -> tuple[str, int]:
    if not named:
        return "127.0.0.1", stack.enter_context(demo.embedded_broker(folder))
    host, _, port = named.rpartition(":") if ":" in named else (named, "", "1883")
    if not port.isdigit():
        raise UsageError(f"--broker {named}: the port must be a number")
    return host, int(port)


def _camera(clip: Path | None, options: argparse.Namespace) -> dict[str, object]:
    if clip:
        return {"name": "clip", "address": str(clip.absolute()), "fps": 30}
    if options.camera == "picamera":
        return {"name": "camera", "source": "picamera"}
    return {"name": "camera", "address": options.camera}


def _watch(folder: Path, settings: str, options: argparse.Namespace) -> int:
    """Run the agent as a service would, until its clip ends or the time is up."""
    file = folder / "edgeagent.toml"
    file.write_text(settings)
    command = [sys.executable, "-m", "edgeagent", "run", "--config", str(file)]
    log = subprocess.DEVNULL if not options.debug else None
    agent = subprocess.Popen([*command, "--state", str(folder / "state")], stderr=log)  # noqa: S603
    try:
        return agent.wait(options.seconds)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        agent.terminate()
        return agent.wait(10)
