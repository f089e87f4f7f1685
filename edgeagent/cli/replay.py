"""``edgeagent replay``: what would be said of a clip, as JSON lines; flat out and repeatable."""

import argparse
import sys
import time
from pathlib import Path

import msgspec

from edgeagent import assembly, settings
from edgeagent.agent import Agent
from edgeagent.bench import clip_config
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config
from edgeagent.errors import UsageError
from edgeagent.event import Event
from edgeagent.identity import Identity
from edgeagent.manifest import did_you_mean
from edgeagent.sources import open_source
from edgeagent.wire.json import to_json

BOOT = "0-replay"
"""Stands for the boot in a replay's events: the same each time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("clip", type=Path, help="a film, a still, or a folder of stills")
    parser.add_argument("--config", type=Path, help="settings file; default: the defaults")
    parser.add_argument(
        "--camera", metavar="NAME", help="whose zones and lines; default: the file's first"
    )
    parser.add_argument("--model", help="bundle, by name or folder")
    parser.add_argument("--vector", help="bundle that makes a vector of each new track")


def run(options: argparse.Namespace) -> int:
    """Print the events to stdout and an account to stderr."""
    config = chosen_config(options.config, options.model, options.vector)
    camera = placed(clip_config(options.clip), config, options.camera)
    if camera.source == "images":
        config = for_stills(config)
    engines = assembly.open_engines(config.model)
    clock = ManualClock(mono_s=0.0, wall_ms=0)
    agent = Agent(camera, config, engines, clock)
    printer = Printer(config.device or "replay", clock)
    source = open_source(msgspec.structs.replace(camera, loop=False), clock, pace=False)
    began_s = time.perf_counter()
    agent.run(source, printer.put)
    _account(agent, printer.seq, time.perf_counter() - began_s)
    for engine in engines.all():
        engine.close()
    return 0


def chosen_config(file: Path | None, model: str | None = None, vector: str | None = None) -> Config:
    """Return the settings of ``file``, or the defaults, with the bundles named instead."""
    config = settings.load(file) if file else Config()
    names = {key: name for key, name in (("name", model), ("vector", vector)) if name is not None}
    return msgspec.structs.replace(config, model=msgspec.structs.replace(config.model, **names))


def for_stills(config: Config) -> Config:
    """Return ``config`` for pictures that have nothing to do with each other.

    None moves against the one before, each is seen once, and none says that the last has gone.
    """
    motion = msgspec.structs.replace(config.motion, gate=False)
    events = msgspec.structs.replace(config.events, min_hits=1, gone_s=0.1)
    model = msgspec.structs.replace(config.model, looks_per_s=60.0)
    return msgspec.structs.replace(config, motion=motion, events=events, model=model)


def placed(clip: CameraConfig, config: Config, name: str | None = None) -> CameraConfig:
    """Return ``clip`` with the zones and lines of the camera ``name``, else of the first.

    What it is armed for is left out: a clip's time is not the wall's.

    Raises:
        UsageError: there is no camera of that name.
    """
    if not (config.camera or name):
        return clip
    known = {camera.name: camera for camera in config.camera}
    if name is not None and name not in known:
        raise UsageError(f"--camera {name}: no such camera in the file{did_you_mean(name, known)}")
    chosen = known[name] if name else config.camera[0]
    return msgspec.structs.replace(clip, zone=chosen.zone, line=chosen.line)


class Printer:
    """Numbers the events as an outbox would, and prints them as the wire would carry them."""

    def __init__(self, device: str, clock: ManualClock) -> None:
        self.seq = 0
        self._device = device
        self._clock = clock

    def put(self, event: Event) -> None:
        """Print one event; how long the model took is left out, or no two replays were equal."""
        if event.source is not None:
            source = msgspec.structs.replace(event.source, invoke_us=0)
            event = msgspec.structs.replace(event, source=source)
        self._clock.set(event.when.mono_ms / 1000, event.when.wall_ms)
        identity = Identity(self._device, BOOT, self.seq, self.seq)
        sys.stdout.write(to_json(event, identity, self._clock, "").decode() + "\n")
        self.seq += 1


def _account(agent: Agent, events: int, seconds: float) -> None:
    frames, moved, looks = (
        agent.health.counted(f"{what}_total.{agent.name}") for what in ("frames", "moved", "looks")
    )
    print(
        f"{frames} frames, {moved} moved, {looks} looks, {events} events "
        f"in {seconds:.1f} s, {1000 * seconds / max(frames, 1):.2f} ms a frame",
        file=sys.stderr,
    )
