"""An agent that only plays one: four cameras, walkers, events. For tests, and to see the page."""

import math
import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgeagent import __version__
from edgeagent import event as events
from edgeagent.bulletin import Bulletin, State
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, Config, LineConfig, PageConfig, ZoneConfig
from edgeagent.findings import Box, Detection, Motion, Phase, Sighting
from edgeagent.frame import BT601, Frame, Picture
from edgeagent.glimpse import Glimpse, Numbered
from edgeagent.histogram import Histogram
from edgeagent.page.telling import Feed
from edgeagent.page.trends import STAGES

STEP_S = 0.1
COLUMNS, ROWS = 8, 6


@dataclass(frozen=True, slots=True)
class Walker:
    """Who goes through a picture: there and back within ``period_s``, out of it for a while."""

    camera: str
    name: str
    size: tuple[float, float]
    """Width and height as frame fractions."""
    foot: float
    """How far down it walks."""
    period_s: float
    begins_s: float = 0.0

    def box(self, at_s: float) -> Box | None:
        """Return where it is; None: elsewhere."""
        turn = ((at_s - self.begins_s) / self.period_s) % 1.0
        x = turn * 3.0 if turn < 0.5 else (1.0 - turn) * 3.0
        width, height = self.size
        if x + width / 2 > 1.0:
            return None
        bob = 0.008 * math.sin(at_s * 7.0)
        left, bottom = max(x - width / 2, 0.0), self.foot + bob
        return Box(left, bottom - height, x + width / 2, bottom)


CAST = (
    Walker("door", "person", (0.14, 0.55), 0.92, 24.0),
    Walker("door", "dog", (0.12, 0.18), 0.96, 24.0, 1.6),
    Walker("drive", "car", (0.42, 0.38), 0.80, 40.0, 6.0),
    Walker("drive", "person", (0.09, 0.36), 0.88, 31.0, 12.0),
    Walker("garden", "cat", (0.13, 0.16), 0.74, 52.0, 3.0),
    Walker("garden", "bird", (0.05, 0.06), 0.33, 17.0),
)
PARKED = Detection("car", 0.91, Box(0.60, 0.24, 0.92, 0.52))
"""Stands in the drive, and does not move."""
PARKED_TRACK = 900
WELL = {
    "engine.coco16-320": "on usb:0, 8.2 ms a look",
    "outbox": "nothing waits",
    "link": "connected to mqtt.example, 12 ms",
    "clock": "set by a time server",
    "disk": "21.4 GB free",
    "temperature": "54 C, the clock has never been lowered",
}
TROUBLE = {
    "camera.hall": State(
        "fault",
        "lost",
        "no frame for 3 min: rtsp://hall:554/sub: no route to host",
        "see that it has power and network, and that camera.address is still right",
        184.0,
    ),
    "link": State(
        "warning",
        "away",
        "no answer from mqtt.example:8883 in 15 s; 212 events wait for it",
        "see mqtt.host, and the network; nothing is lost until the outbox is full, in about 9 days",
        640.0,
    ),
}
"""To see how the page says it."""
TIMES_MS = {
    "motion": 0.9,
    "wait": 0.2,
    "preprocess": 1.1,
    "invoke": 7.5,
    "decode": 0.3,
    "outbox": 0.1,
}


def config(port: int = 8480) -> Config:
    """Return the settings that the play is in."""
    porch = ZoneConfig(name="porch", polygon=[(0.05, 0.62), (0.6, 0.62), (0.6, 0.99), (0.05, 0.99)])
    street = ZoneConfig(name="street", kind="ignore", polygon=[(0, 0), (1, 0), (1, 0.22), (0, 0.3)])
    gate = LineConfig(name="gate", start=(0.5, 0.98), end=(0.42, 0.55))
    cameras = [
        CameraConfig(name="door", source="synthetic", zone=[porch]),
        CameraConfig(name="drive", source="synthetic", zone=[street], line=[gate]),
        CameraConfig(name="garden", source="synthetic"),
        CameraConfig(name="hall", source="synthetic"),
    ]
    return Config(device="rehearsal", camera=cameras, page=PageConfig(enabled=True, port=port))


@dataclass
class Rehearsal:
    """What a page is shown. One thread calls `step`; `feed` may be read by any."""

    clock: Clock
    states: dict[str, State] = field(default_factory=dict)
    """Set some to see how the page says them; a part that is not named is well."""
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._config = config()
        self._began_s = self.clock.mono_s()
        self._random = random.Random(7)  # noqa: S311  nothing is kept secret with it
        self._stages = {c.name: {s: Histogram() for s in STAGES} for c in self._config.camera}
        self._there: dict[int, Detection] = {}
        self._numbers: Counter[str] = Counter()
        glimpses = {camera.name: Glimpse() for camera in self._config.camera}
        self.feed = Feed(self.bulletin, self.clock, self._config, glimpses)
        self._luma = np.zeros((9, 16), np.uint8)
        self._steps = 0

    def bulletin(self) -> Bulletin:
        """Return how the players say they fare."""
        parts = [f"camera.{camera.name}" for camera in self._config.camera]
        parts += ["motion", "engine.coco16-320", "outbox", "link", "clock", "disk", "temperature"]
        states = {part: State(why=WELL.get(part, "")) for part in parts} | self.states
        return Bulletin(
            self._config.device_name,
            __version__,
            self.clock.mono_s() - self._began_s,
            states,
            dict(self.counters),
            {"outbox_depth": 0.0, "soc_c": 54.2},
            {n: {s: h.copy() for s, h in h_of.items()} for n, h_of in self._stages.items()},
            {"coco16-320": "usb:0"},
        )

    def step(self) -> None:
        """Play the next tenth of a second."""
        at_s = self.clock.mono_s()
        self._steps += 1
        frame = self._frame(at_s)
        for camera in self._config.camera:
            self._act(camera.name, frame)
        for walker in CAST:
            self._tell(walker, frame)

    def _frame(self, at_s: float) -> Frame:
        picture = Picture(self._luma, None, None, BT601)
        return Frame(self._luma, picture, self._steps, at_s, self.clock.wall_ms())

    def _act(self, camera: str, frame: Frame) -> None:
        boxes = [box for _, box in self._walking(camera, frame.mono_s)]
        motion = self._motion(boxes) if boxes else None
        self.feed.glimpses[camera].take(frame, motion, self._in_view(camera, frame.mono_s))
        for what in ("frames", *(("moved", "looks") if boxes else ())):
            self.counters[f"{what}_total.{camera}"] += 1
        reached = STAGES if boxes else ("motion",)
        for stage in reached:
            ms = TIMES_MS[stage] * self._random.lognormvariate(0.0, 0.25)
            self._stages[camera][stage].add(int(ms * 1e6))

    def _walking(self, camera: str, at_s: float) -> list[tuple[Walker, Box]]:
        walkers = [(w, w.box(at_s - self._began_s)) for w in CAST if w.camera == camera]
        return [(walker, box) for walker, box in walkers if box is not None]

    def _in_view(self, camera: str, at_s: float) -> list[Numbered]:
        there: list[Numbered] = [(PARKED_TRACK, PARKED)] if camera == "drive" else []
        walking = self._walking(camera, at_s)
        return there + [(self._numbers[w.name], _detection(w, box)) for w, box in walking]

    def _motion(self, boxes: Sequence[Box]) -> Motion:
        cells = [
            sum(box.overlap(_cell(column, row)) for box in boxes) * COLUMNS * ROWS
            for row in range(ROWS)
            for column in range(COLUMNS)
        ]
        noisy = [min(255, int(255 * c * self._random.uniform(0.55, 1.0))) for c in cells]
        area = sum(box.area for box in boxes) * 0.7
        return Motion(area, boxes[0].centre, bytes(noisy), tuple(boxes))

    def _tell(self, walker: Walker, frame: Frame) -> None:
        """Say that somebody came or left, as the agent would."""
        key, box = hash((walker.camera, walker.name)), walker.box(frame.mono_s - self._began_s)
        if (box is None) == (key not in self._there):
            return
        phase = Phase.OUT if box is None else Phase.IN
        if box is not None:
            self._numbers[walker.name] += 1
            self._there[key] = _detection(walker, box)
        thing = self._there[key] if box is not None else self._there.pop(key)
        sighting = Sighting(phase, self._numbers[walker.name], thing, 9.0, False)
        self.say(events.from_sightings([sighting], {}, events.Source(walker.camera), self._now()))
        self.counters[f"events_total.{walker.camera}"] += 1

    def say(self, event: events.Event) -> None:
        """Let ``event`` happen."""
        self.feed.events.append(event)

    def _now(self) -> events.When:
        return events.now(self.clock, "rehearsal")

    def play(self, over: threading.Event) -> None:
        """Play until ``over``."""
        while not over.wait(STEP_S):
            self.step()


def _detection(walker: Walker, box: Box) -> Detection:
    return Detection(walker.name, 0.87, box)


def _cell(column: int, row: int) -> Box:
    return Box(column / COLUMNS, row / ROWS, (column + 1) / COLUMNS, (row + 1) / ROWS)
