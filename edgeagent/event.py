"""What one frame, or one happening, gives rise to; and its record in the outbox.

The record is MessagePack of the fields that are set: opaque to the outbox, turned into wire bytes
only when it is published, because only then its age, backlog and clock corrections are known.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from edgeagent.clock import Clock, ahead_ms
from edgeagent.findings import (
    Counts,
    Crossing,
    Detection,
    Embedding,
    Episode,
    Label,
    Motion,
    Notice,
    Phase,
    Sighting,
    Told,
    Visit,
)

T = TypeVar("T")


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
    return _decoder.decode(record)


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
        boxes=tuple(_rounded_box(s.finding) for s in sightings) if boxed else (),
        tracks=tuple((s.track, str(s.phase)) for s in sightings),
        counts=counts,
        hard=any(s.hard for s in sightings),
    )


def from_glance(wish: str, seen: Sequence[Detection | Label], source: Source, when: When) -> Event:
    """Return the event that says what is in view, or that nothing is, because ``wish`` asked."""
    boxes = tuple(_rounded_box(thing) for thing in seen if isinstance(thing, Detection))
    names = tuple((thing.name, round(thing.score, 3)) for thing in seen)
    counts = dict(Counter(thing.name for thing in seen))
    return Event("look", when, source, names=names, boxes=boxes, counts=counts, name=wish)


def _rounded_box(thing: Detection | Label) -> tuple[float, float, float, float]:
    box = getattr(thing, "box", None)
    assert box is not None
    return round(box.left, 4), round(box.top, 4), round(box.right, 4), round(box.bottom, 4)


def from_embedding(vector: Embedding, track: int | None, source: Source, when: When) -> Event:
    """Return the event that carries a feature vector, of a track where there is one."""
    part = VectorPart(vector.values, vector.dtype, vector.scale, vector.zero_point)
    tracks = () if track is None else ((track, str(Phase.IN)),)
    return Event("vector", when, source, tracks=tracks, vector=part)


AT_ONCE = 100
"""Most crossings or visits in one event: what the wire's lists take."""


def from_told(told: Told, source: Source, when: When) -> list[Event]:
    """Return the events of a tally: one for each line and zone with news, one for the counts."""
    made: list[Event] = []
    for line in dict.fromkeys(crossing.line for crossing in told.crossings):
        crossings = [c for c in told.crossings if c.line == line]
        made += [_crossed(line, some, source, when) for some in _portions(crossings)]
    for zone in dict.fromkeys(visit.zone for visit in told.visits):
        visits = [v for v in told.visits if v.zone == zone]
        made += [_visited(zone, some, source, when) for some in _portions(visits)]
    return made if told.counts is None else [*made, _counted(told.counts, source, when)]


def _portions(news: list[T]) -> list[list[T]]:
    return [news[n : n + AT_ONCE] for n in range(0, len(news), AT_ONCE)]


def _crossed(line: str, crossings: Sequence[Crossing], source: Source, when: When) -> Event:
    names = tuple((c.thing.name, round(c.thing.score, 3)) for c in crossings)
    tracks = tuple((c.track, str(c.direction)) for c in crossings)
    return Event("cross", when, source, names=names, tracks=tracks, line=line)


def _visited(zone: str, visits: Sequence[Visit], source: Source, when: When) -> Event:
    return Event(
        "zone",
        when,
        source,
        names=tuple((v.thing.name, round(v.thing.score, 3)) for v in visits),
        tracks=tuple((v.track, str(v.phase)) for v in visits),
        zone=zone,
        durations_s=tuple(round(v.duration_s, 1) for v in visits),
    )


def _counted(counts: Counts, source: Source, when: When) -> Event:
    ways = {**counts.ways_in, **counts.ways_out}
    lines = {line: _both_ways(counts, line) for line in ways}
    zones = {zone: dict(numbers) for zone, numbers in counts.zones.items()}
    part = CountPart(round(counts.period_s, 1), zones, lines)
    return Event("count", when, source, counts=dict(counts.view), tally=part)


def _both_ways(counts: Counts, line: str) -> dict[str, tuple[int, int]]:
    ins, outs = counts.ways_in.get(line, {}), counts.ways_out.get(line, {})
    return {label: (ins.get(label, 0), outs.get(label, 0)) for label in {**ins, **outs}}


def from_notice(notice: Notice, when: When) -> Event:
    """Return the event that says what happened to the agent: ``camera_lost``, ``link_back``."""
    kind = f"{notice.part}_{notice.what}"
    return Event(kind, when, why=notice.why[:WHY_MAX], name=notice.name)
