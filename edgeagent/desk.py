"""What may be asked of the agent, on the device or by an order, and who does it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from edgeagent import __version__
from edgeagent.bulletin import Bulletin, state_fields, to_fields
from edgeagent.cameras import Cameras
from edgeagent.clock import Clock
from edgeagent.commands import Deed
from edgeagent.control import Request
from edgeagent.errors import UsageError
from edgeagent.health import Health
from edgeagent.looker import Engines
from edgeagent.outbox import Outbox
from edgeagent.pausing import Pausing
from edgeagent.uplink import Uplink

LOCAL = "local"
"""Stands for the id in what a person on the device asked for."""
HERE = "by somebody at the device"
WORDS = ("lend", "glance", "pause", "resume", "status", "bulletin")


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
    ) -> None:
        self._cameras, self._pausing, self._engines = cameras, pausing, engines
        self._outbox, self._uplink = outbox, uplink
        self._health, self._clock, self._bulletin = health, clock, bulletin
        self._began_s = clock.mono_s()

    @contextmanager
    def answer(self, request: Request) -> Iterator[Mapping[str, Any]]:
        """Do what is asked; what is lent, for as long as the asker stays. See `control.Answer`."""
        match request.get("do"):
            case "lend":
                with self._cameras.lent(request) as told:
                    yield told
            case "glance":
                yield self._cameras.look_now(LOCAL, request)
            case "pause":
                yield self._pausing.pause(request, "local", HERE)
            case "resume":
                yield self._pausing.resume(request, "local", HERE)
            case "status":
                yield self._status()
            case "bulletin":
                yield to_fields(self._bulletin())
            case other:
                raise UsageError(f"{other!r}: there is {', '.join(WORDS)}")

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


def orders(cameras: Cameras, pausing: Pausing) -> dict[str, Deed]:
    """Return how each kind of order from the broker's side is done: by the same deeds."""
    return {
        "look": cameras.look_now,
        "pause": lambda wish, asked: pausing.pause(asked, "order", f"by order {wish}"),
        "resume": lambda wish, asked: pausing.resume(asked, "order", f"by order {wish}"),
    }
