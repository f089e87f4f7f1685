"""What one frame, or one happening, gives rise to; and its record in the outbox.

The record is MessagePack of the fields that are set: opaque to the outbox, turned into wire bytes
only when it is published, because only then its age, backlog and clock corrections are known.
"""

from collections.abc import Sequence

import msgspec

from edgeagent.clock import Clock
from edgeagent.findings import Embedding, Episode, Motion, Notice, Phase, Sighting


class When(msgspec.Struct, frozen=True, array_like=True):
    """An instant, on every clock the device has."""

    mono_ms: int
    """Milliseconds on the monotonic clock of the kernel boot ``kernel``."""
    wall_ms: int
    """Unix milliseconds as the wall clock said then."""
    trusted: bool
    """Whether the wall clock had been set by a time server."""
    kernel: str
    """`clock.kernel_boot`: corrections are possible only within the same one."""


class MotionPart(msgspec.Struct, frozen=True, array_like=True):
    """An episode of motion, rounded to what is worth sending."""

    phase: str
    area: float
    centroid: tuple[float, float]
    direction_deg: int
    speed: float
    """Frame widths a second."""
    duration_s: float
    grid: bytes
    """48 bytes, see `findings.Motion.grid`."""


class VectorPart(msgspec.Struct, frozen=True, array_like=True):
    """A feature vector as the model gave it."""

    values: bytes
    dtype: str
    scale: float
    zero_point: int


class Source(msgspec.Struct, frozen=True, array_like=True):
    """Who looked: the camera, and the model and engine that were asked."""

    camera: str
    model: str = ""
    """First 8 hex digits of the model file's sha256."""
    engine: str = ""
    """``cpu``, ``tpu`` or ``sim``."""
    invoke_us: int = 0
    later_ms: int | None = None
    """How much later than the frame the picture looked at was taken; None: it was the frame's."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message to be; everything but its identity, which the outbox gives it."""

    kind: str
    """``motion``, ``object``, ``label``, ``vector``, ``start``, ``gap``, or a notice."""
    when: When
    source: Source | None = None
    names: tuple[tuple[str, float], ...] = ()
    """Labels with scores; ``boxes`` and ``tracks`` run parallel to it."""
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    """Left, top, right, bottom as frame fractions."""
    tracks: tuple[tuple[int, str], ...] = ()
    """Track number and phase."""
    counts: dict[str, int] = {}
    """How many of each label are in view now."""
    hard: bool = False
    motion: MotionPart | None = None
    vector: VectorPart | None = None
    why: str = ""
    """The cause of a notice or gap, at most 200 characters."""
    name: str = ""
    first: int = 0
    """A gap's first missing seq."""
    last: int = 0
    """A gap's last missing seq."""
    previous: tuple[str, int, str] | None = None
    """A start's account of the boot before: its name, last seq, ``clean|killed|power|none``."""


WHY_MAX = 200

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Event)


def encode(event: Event) -> bytes:
    """Return the record of ``event``."""
    return _encoder.encode(event)


def decode(record: bytes) -> Event:
    """Return the event that ``record`` holds.

    Raises:
        msgspec.DecodeError: these bytes are no record of ours.
    """
    return _decoder.decode(record)


def now(clock: Clock, kernel: str) -> When:
    """Return this instant; ``kernel`` is `clock.kernel_boot`, asked once."""
    return When(round(clock.mono_s() * 1000), clock.wall_ms(), clock.trusted(), kernel)


def topic_of(event: Event) -> str:
    """Return the topic below the device: ``evt/<camera>``, ``vec/<camera>`` or ``sys``."""
    if event.source is None:
        return "sys"
    return f"{'vec' if event.kind == 'vector' else 'evt'}/{event.source.camera}"


def from_episode(episode: Episode, source: Source, when: When) -> Event:
    """Return the event that says where an episode of motion stands."""
    part = MotionPart(
        phase=str(episode.phase),
        area=round(episode.motion.area, 4),
        centroid=_rounded_pair(episode.motion),
        direction_deg=episode.direction_deg,
        speed=round(episode.speed, 3),
        duration_s=round(episode.duration_s, 1),
        grid=episode.motion.grid,
    )
    return Event("motion", when, source, motion=part)


def _rounded_pair(motion: Motion) -> tuple[float, float]:
    x, y = motion.centroid
    return round(x, 3), round(y, 3)


def from_sightings(
    sightings: Sequence[Sighting], counts: dict[str, int], source: Source, when: When
) -> Event:
    """Return one event for all that came, stayed or went in one frame."""
    boxed = [s.finding for s in sightings if hasattr(s.finding, "box")]
    return Event(
        "object" if boxed else "label",
        when,
        source,
        names=tuple((s.finding.name, round(s.finding.score, 3)) for s in sightings),
        boxes=tuple(_rounded_box(s) for s in sightings) if boxed else (),
        tracks=tuple((s.track, str(s.phase)) for s in sightings),
        counts=counts,
        hard=any(s.hard for s in sightings),
    )


def _rounded_box(sighting: Sighting) -> tuple[float, float, float, float]:
    box = getattr(sighting.finding, "box", None)
    assert box is not None
    return round(box.left, 4), round(box.top, 4), round(box.right, 4), round(box.bottom, 4)


def from_embedding(vector: Embedding, track: int | None, source: Source, when: When) -> Event:
    """Return the event that carries a feature vector, of a track where there is one."""
    part = VectorPart(vector.values, vector.dtype, vector.scale, vector.zero_point)
    tracks = () if track is None else ((track, str(Phase.IN)),)
    return Event("vector", when, source, tracks=tracks, vector=part)


def from_notice(notice: Notice, when: When) -> Event:
    """Return the event that says what happened to the agent: ``camera_lost``, ``link_back``."""
    kind = f"{notice.part}_{notice.what}"
    return Event(kind, when, why=notice.why[:WHY_MAX], name=notice.name)
