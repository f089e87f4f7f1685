"""What may be asked of the agent, on the device or by an order, and who does it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from edgeagent import __version__
from edgeagent.bulletin import Bulletin, state_fields, to_fields
from edgeagent.cameras import Cameras
from edgeagent.clock import Clock
from edgeagent.control import Request, unit
from edgeagent.engines import Engine
from edgeagent.errors import UsageError
from edgeagent.health import Health
from edgeagent.histogram import StageHistograms
from edgeagent.looker import Engines
from edgeagent.outbox import Outbox
from edgeagent.pausing import Pausing
from edgeagent.uplink import Uplink

LOCAL = "local"
"""Stands for the id in what a person on the device asked for."""
HERE = "by somebody at the device"


class Desk:
    """Answers for one agent; any thread may ask."""

    def __init__(
        self,
        cameras: Cameras,
        pausing: Pausing,
        engines: Engines,
        outbox: Outbox,
        uplink: Uplink,
        health: Health,
        clock: Clock,
        bulletin: Callable[[], Bulletin],
        act: Callable[[Request], Mapping[str, Any]],
    ) -> None:
        self._cameras, self._pausing, self._engines = cameras, pausing, engines
        self._outbox, self._uplink = outbox, uplink
        self._health, self._clock, self._bulletin = health, clock, bulletin
        self._began_s = clock.mono_s()
        self._deeds: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {
            "glance": lambda asked: cameras.look_now(LOCAL, asked),
            "pause": lambda asked: pausing.pause(asked, "local", HERE),
            "resume": lambda asked: pausing.resume(asked, "local", HERE),
            "status": lambda _: self._status(),
            "bulletin": lambda _: to_fields(self._bulletin()),
            "act": act,
            "histograms": lambda _: self._histograms(),
            "holds": lambda _: self._holds(),
        }

    @contextmanager
    def answer(self, request: Request) -> Iterator[Mapping[str, Any]]:
        """Do what is asked; what is lent, for as long as the asker stays. See `control.Answer`."""
        word = str(request.get("do"))
        if word == "lend":
            with self._cameras.lent(request) as told:
                yield told
        elif word in self._deeds:
            yield self._deeds[word](request)
        else:
            raise UsageError(f"{word!r}: there is lend, {', '.join(self._deeds)}")

    def _status(self) -> Mapping[str, Any]:
        """Return how the agent fares, for a person on the device and for whoever rolls it out."""
        snapshot, bulletin = self._health.snapshot(), self._bulletin()
        return {
            "state": bulletin.level,
            "states": state_fields(bulletin.states),
            "version": __version__,
            "boot": self._outbox.boot,
            "up_s": round(self._clock.mono_s() - self._began_s, 1),
            "cameras": self._cameras.states(),
            "paused": self._pausing.paused(),
            "stages": self._cameras.stages(),
            "engines": [engine.name for engine in self._engines.all()],
            "link": self._uplink.connected,
            "outbox": {"pending": self._outbox.depth, "bytes": self._outbox.bytes},
            "faults": dict(snapshot.states),
            "counters": dict(snapshot.counters),
            "gauges": dict(bulletin.gauges),
        }

    def _histograms(self) -> Mapping[str, Any]:
        """Return every stage time since each camera was begun, for `bench.live`."""
        return {
            **_process(),
            "version": __version__,
            "up_s": round(self._clock.mono_s() - self._began_s, 3),
            "cpu_s": round(time.process_time(), 3),
            "engines": [_engine(engine) for engine in self._engines.all()],
            "cameras": {name: _stages(kept) for name, kept in self._cameras.kept().items()},
        }

    def _holds(self) -> Mapping[str, Any]:
        """Return the devices that nobody else can open now, for `bench.held`."""
        held = [one for one in self._engines.accelerators if one.is_held]
        return {
            **_process(),
            "cameras": self._cameras.addresses(),
            "tpus": [{"name": one.name, "port": one.port} for one in held],
        }


def _process() -> dict[str, Any]:
    return {"pid": os.getpid(), "unit": unit()}


def _engine(engine: Engine) -> Mapping[str, Any]:
    shape = "x".join(map(str, engine.takes.shape))
    return {
        "name": engine.name,
        "model": engine.bundle.name,
        "digest8": engine.file.digest8,
        "size_bytes": engine.file.size_bytes,
        "takes": f"{shape} {engine.takes.dtype}",
        "load_ms": round(engine.load_ms, 3),
        "first_ms": round(engine.first_ms, 3),
    }


def _stages(kept: StageHistograms) -> Mapping[str, Any]:
    every = {**kept.stages, "see": kept.see, "looked": kept.looked}
    copies = {name: histogram.copy() for name, histogram in every.items()}
    return {
        name: {"sum_us": copy.sum_us, "n": copy.sparse()}
        for name, copy in copies.items()
        if copy.count
    }
