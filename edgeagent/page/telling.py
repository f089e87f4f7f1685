"""What the page is told, as JSON: of what moves now, of how all fares, of what happened."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from edgeagent.bulletin import Bulletin, State
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, Config, LineConfig, ZoneConfig
from edgeagent.event import Event
from edgeagent.findings import Box, Detection
from edgeagent.glimpse import Glimpse, Numbered
from edgeagent.page.trends import Trends
from edgeagent.page.words import words

FRESH_S = 1.0
"""What moved longer ago than this moves no more."""
EVENTS = 40
"""So many of the latest are told."""
COUNTED = ("frames", "moved", "looks", "events")

_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(slots=True)
class Feed:
    """What the agent lends the page. All of it may be read in any thread."""

    bulletin: Callable[[], Bulletin]
    clock: Clock
    config: Config = field(default_factory=Config)
    """Bound anew as a whole when the settings are read again."""
    glimpses: dict[str, Glimpse] = field(default_factory=dict)
    """By camera."""
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=4 * EVENTS))
    """The latest, oldest first; some are not for people."""


class Teller:
    """Says in one message of each kind all there is to say. For one thread."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._trends = Trends()
        self._rates: dict[str, float] = {}
        self._sampled_s = 0.0
        self._frames: dict[str, int] = {}

    def plan(self) -> bytes:
        """Return what stands in the settings: each camera with its zones and lines."""
        cameras = [_planned(camera) for camera in self._feed.config.camera]
        return _encode({"device": self._feed.config.device_name, "cameras": cameras})

    def live(self) -> bytes:
        """Return what each camera sees now."""
        now_s = self._feed.clock.mono_s()
        slots = [(name, self._feed.glimpses.get(name, Glimpse())) for name in self._names()]
        return _encode({name: _seen(slot, now_s) for name, slot in slots})

    def events(self) -> bytes:
        """Return what happened last, newest first, in words."""
        told: list[dict[str, Any]] = []
        for event in reversed(list(self._feed.events)):
            text = words(event)
            if text and len(told) < EVENTS:
                told.append(_happened(event, text))
        return _encode(told)

    def sample(self) -> None:
        """Take note of how long the stages took, and how many frames came, since the last call."""
        bulletin, now_s = self._feed.bulletin(), self._feed.clock.mono_s()
        self._trends.sample(bulletin.stages)
        passed_s = max(now_s - self._sampled_s, 1e-3)
        for name in self._names():
            count = bulletin.counters.get(f"frames_total.{name}", 0)
            if name in self._frames:
                self._rates[name] = round((count - self._frames[name]) / passed_s, 1)
            self._frames[name] = count
        self._sampled_s = now_s

    def state(self) -> bytes:
        """Return how every part fares, worst first what is not well, and the figures."""
        bulletin = self._feed.bulletin()
        return _encode(
            {
                "version": bulletin.version,
                "up_s": int(bulletin.up_s),
                "level": bulletin.level,
                "unwell": [_part(part, state) for part, state in bulletin.unwell.items()],
                "parts": [_part(part, state) for part, state in bulletin.states.items()],
                "engines": bulletin.engines,
                "outbox": bulletin.gauges.get("outbox_depth", 0),
                "soc_c": bulletin.gauges.get("soc_c"),
                "cameras": {
                    c.name: self._figures(c.name, bulletin) for c in self._feed.config.camera
                },
            }
        )

    def _names(self) -> list[str]:
        return [camera.name for camera in self._feed.config.camera]

    def _figures(self, camera: str, bulletin: Bulletin) -> dict[str, Any]:
        counters = bulletin.counters
        return {
            "fps": self._rates.get(camera),
            **{what: counters.get(f"{what}_total.{camera}", 0) for what in COUNTED},
            "stages": self._trends.of(camera),
        }


def _planned(camera: CameraConfig) -> dict[str, Any]:
    return {
        "name": camera.name,
        "source": camera.source,
        "zones": [_zone(zone) for zone in camera.zone],
        "lines": [_line(line) for line in camera.line],
    }


def _zone(zone: ZoneConfig) -> dict[str, Any]:
    return {"name": zone.name, "kind": zone.kind, "polygon": zone.polygon}


def _line(line: LineConfig) -> dict[str, Any]:
    return {"name": line.name, "from": line.start, "to": line.end}


def _seen(slot: Glimpse, now_s: float) -> dict[str, Any]:
    motion = slot.motion if now_s - slot.moved_s < FRESH_S else None
    rows, columns, *_ = slot.size_px
    return {
        "age_s": round(now_s - slot.seen_s, 1) if slot.seen_s else None,
        "aspect": round(columns / rows, 3),
        "armed": slot.armed,
        "area": round(motion.area, 3) if motion else 0,
        "grid": list(motion.grid) if motion else None,
        "things": [_thing(numbered) for numbered in slot.things],
    }


def _thing(numbered: Numbered) -> dict[str, Any]:
    number, thing = numbered
    box = _corners(thing.box) if isinstance(thing, Detection) else None
    return {"track": number, "name": thing.name, "score": round(thing.score, 2), "box": box}


def _corners(box: Box) -> list[float]:
    return [round(edge, 3) for edge in (box.left, box.top, box.right, box.bottom)]


def _part(part: str, state: State) -> Mapping[str, Any]:
    return {
        "part": part,
        "level": state.level,
        "why": state.why,
        "cure": state.cure,
        "age_s": int(state.age_s),
    }


def _happened(event: Event, text: str) -> dict[str, Any]:
    return {
        "at_ms": event.when.wall_ms,
        "mono_ms": event.when.mono_ms,
        "camera": event.source.camera if event.source else "",
        "kind": event.kind,
        "text": text,
    }
