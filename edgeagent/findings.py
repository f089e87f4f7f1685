"""What the agent saw and what happened to it: the only things that may leave the device."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions: 0 is the left or top edge, 1 the right or bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Share of the frame's width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Share of the frame's height."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Share of the frame's area; 0 for an empty box."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle, x and y."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def join(self, other: "Box") -> "Box":
        """Return the smallest box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def overlap(self, other: "Box") -> float:
        """Return the area shared with ``other``, 0 where they are apart."""
        width = min(self.right, other.right) - max(self.left, other.left)
        if width <= 0.0:
            return 0.0
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if height > 0.0 else 0.0

    def iou(self, other: "Box") -> float:
        """Return intersection over union with ``other``, 0 to 1."""
        shared = self.overlap(other)
        return shared / (self.area + other.area - shared) if shared else 0.0


WHOLE = Box(0.0, 0.0, 1.0, 1.0)
"""The whole frame."""


@dataclass(frozen=True, slots=True)
class Label:
    """The whole picture that the model was given is probably this."""

    name: str
    score: float
    """0 to 1, as the model's output says after dequantisation."""


@dataclass(frozen=True, slots=True)
class Detection:
    """This is probably here."""

    name: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Embedding:
    """A feature vector as the model gave it, one byte a value or float32."""

    values: bytes
    dtype: str
    """``uint8``, ``int8`` or ``float32``."""
    scale: float
    """``real = scale * (q - zero_point)``; 0 for float32."""
    zero_point: int


Finding = Label | Detection | Embedding


@dataclass(frozen=True, slots=True)
class Motion:
    """What moved in one frame: the feature vector instead of the raw picture."""

    area: float
    """Share of the frame's cells that moved, 0 to 1."""
    centroid: tuple[float, float]
    """Centre of what moved, x and y as frame fractions."""
    grid: bytes
    """48 bytes: 6 rows of 8, each the share of that part of the frame that moved, 0 to 255."""
    regions: tuple[Box, ...]
    """Where: one box for each connected group of cells, largest first."""


class Phase(StrEnum):
    """Where in its life a thing seen is."""

    IN = "in"
    ON = "on"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Episode:
    """Motion over time, from the first frame that moved until all is still."""

    phase: Phase
    motion: Motion
    duration_s: float
    direction_deg: int
    """Where the centroid went: 0 is right, 90 down, as the picture is seen."""
    speed: float
    """How fast the centroid went, in frame widths per second."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing over time: came (``in``), is still there (``on``), went (``out``)."""

    phase: Phase
    track: int
    """Number of the track, unique within one boot and camera."""
    finding: Detection | Label
    """Where it was seen last, with the best score it ever had."""
    duration_s: float
    """Since it was first seen."""
    hard: bool
    """The model was unsure of it: its best score was near the threshold."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """One thing went over a line."""

    line: str
    direction: Phase
    """``in``: from the left hand of whoever goes along the line to the right; ``out``: back."""
    track: int
    thing: Detection


@dataclass(frozen=True, slots=True)
class Visit:
    """One thing came into a zone (``in``), or has left it (``out``)."""

    zone: str
    phase: Phase
    track: int
    thing: Detection
    duration_s: float
    """How long it was there, until it was last seen in it; 0 when it comes."""


Numbers = Mapping[str, int]
"""Label to how many."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What came within one stretch of time; each track is counted once in each place."""

    period_s: float
    view: Numbers = field(default_factory=dict)
    """New in view."""
    zones: Mapping[str, Numbers] = field(default_factory=dict)
    """Zone to what came into it."""
    ways_in: Mapping[str, Numbers] = field(default_factory=dict)
    """Line to what crossed it inwards."""
    ways_out: Mapping[str, Numbers] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """All that a tally has to say."""

    crossings: tuple[Crossing, ...] = ()
    visits: tuple[Visit, ...] = ()
    counts: Counts | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened to the agent itself, told by the part it happened to."""

    part: str
    """``agent``, ``camera``, ``engine``, ``outbox``, ``link``, ``clock``, ``disk``, ``config``."""
    what: str
    """``lost``, ``back``, ``refused``, ... in one word."""
    why: str
    """The cause, in words for a person."""
    name: str = ""
    """Which camera or device, where there are several."""
