"""An event and its parts, and the record of it that lies in the outbox.

The record is MessagePack of the fields that are set: opaque to the outbox, turned into wire bytes
only when it is published, because only then its age, backlog and clock corrections are known.
"""

import msgspec

from edgeagent.clock import Clock, ahead_ms


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


class CountPart(msgspec.Struct, frozen=True, array_like=True):
    """What came within one stretch of time."""

    period_s: float
    zones: dict[str, dict[str, int]]
    """Zone to label to how many came into it."""
    lines: dict[str, dict[str, tuple[int, int]]]
    """Line to label to how many crossed it inwards, and outwards."""


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
    """``motion``, ``object``, ``label``, ``vector``, ``zone``, ``cross``, ``count``, ``look``,
    ``start``, ``gap``, or a notice."""
    when: When
    source: Source | None = None
    names: tuple[tuple[str, float], ...] = ()
    """Labels with scores; ``boxes`` and ``tracks`` run parallel to it."""
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    """Left, top, right, bottom as frame fractions."""
    tracks: tuple[tuple[int, str], ...] = ()
    """Track number and phase."""
    counts: dict[str, int] = {}
    """How many of each label are in view now; of a ``count``, how many came into view."""
    zone: str = ""
    """The zone that was entered or left."""
    line: str = ""
    """The line that was crossed; the tracks' phases are the directions."""
    durations_s: tuple[float, ...] = ()
    """How long each track was in the zone, parallel to ``tracks``."""
    tally: CountPart | None = None
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
    try:
        return _decoder.decode(record)
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deep") from None


def now(clock: Clock, kernel: str) -> When:
    """Return this instant; ``kernel`` is `clock.kernel_boot`, asked once."""
    return at(clock.mono_s(), clock, kernel)


def at(mono_s: float, clock: Clock, kernel: str) -> When:
    """Return the instant that was ``mono_s`` on the monotonic clock, by the wall clock of now.

    A clock that is set meanwhile is not trusted yet: the time it had before may be what was read.
    """
    trusted = clock.trusted()
    mono_ms = round(mono_s * 1000)
    return When(mono_ms, mono_ms + ahead_ms(clock), trusted and clock.trusted(), kernel)


def topic_of(event: Event) -> str:
    """Return the topic below the device: ``evt/<camera>``, ``vec/<camera>`` or ``sys``."""
    if event.source is None:
        return "sys"
    return f"{'vec' if event.kind == 'vector' else 'evt'}/{event.source.camera}"
