"""What one frame, or one happening, gives rise to: findings, motion and notices, made events."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from edgeagent.event.record import (
    WHY_MAX,
    CountPart,
    Event,
    MotionPart,
    Source,
    VectorPart,
    When,
)
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
