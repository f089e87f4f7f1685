"""Events and what else is said, as fields: short names, nothing that is not set, before encoding.

Field names are those of the wire's table: ``v ts tsq seq low boot dev k cam model eng inf crop age
hist hard cls box trk n zone line dur per zn ln mot vec vt scale zp why name from to of prev mono
kb``. Bytes (``vec``, and ``grid`` in ``mot``) are bytes here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edgeagent.clock import Clock
from edgeagent.event import CountPart, Event, MotionPart, VectorPart, When, now
from edgeagent.identity import Identity

SCHEMA = 1
"""``v``: rises when a reader of the old schema would misread, not for a new field."""
FINDINGS_MAX = 100
"""Most labels, boxes and tracks in one event; the best come first, the rest is left out."""
PLACES_MAX, PLACE_LABELS_MAX, PLACE_NAME_MAX = 16, 16, 32
"""Most zones, and lines, in one count, labels of each, and characters of their names."""
NAME_MAX = 64
WHY_MAX = 200
VECTOR_MAX = 2048
"""Most values of a feature vector, whatever their type."""

_VALUE_BYTES = {"uint8": 1, "int8": 1, "float32": 4}
_VALUE_NAMES = {"uint8": "u8", "int8": "s8", "float32": "f32"}

Fields = dict[str, Any]


def event_fields(
    event: Event,
    identity: Identity,
    clock: Clock,
    kernel: str,
    hist: bool = False,
    ahead_ms: Mapping[str, int] = MappingProxyType({}),
) -> Fields:
    """Return what is said of one event, as of now.

    Args:
        event: what happened.
        identity: device, boot and seq; the low-water mark of the same boot.
        clock: for the age, and for mending a time that could not be trusted when it was taken.
        kernel: `clock.kernel_boot`, asked once.
        hist: the event comes from the backlog.
        ahead_ms: see `reckoning.Reckoning.ahead_ms`; a time of a kernel boot that it does not know
            is mended only within the present one, if the clock is right now.

    Raises:
        ValueError: it holds too large a vector.
    """
    fields: Fields = {"v": SCHEMA, **_time(event.when, now(clock, kernel), ahead_ms)}
    fields["seq"], fields["low"] = identity.seq, min(identity.low, identity.seq)
    fields["boot"], fields["dev"], fields["k"] = identity.boot, identity.device, event.kind
    if hist:
        fields["hist"] = True
    _add_source(fields, event)
    _add_findings(fields, event)
    if event.motion is not None:
        fields["mot"] = _motion(event.motion)
    if event.vector is not None:
        _add_vector(fields, event.vector)
    _add_notice(fields, event, identity.boot)
    return fields


def _time(then: When, at: When, ahead_ms: Mapping[str, int]) -> Fields:
    """Return ``ts``, ``tsq``, ``age``, and what a consumer needs to mend ``ts`` itself."""
    told_ms, quality = _mended(then, at, ahead_ms)
    now_ms, is_now_known = _mended(at, at, ahead_ms)
    fields: Fields = {"ts": max(told_ms, 0), "tsq": quality}
    if then.kernel and then.kernel == at.kernel:
        fields["age"] = max(at.mono_ms - then.mono_ms, 0)
    elif quality and is_now_known:
        fields["age"] = max(now_ms - told_ms, 0)
    if not quality:
        fields["mono"], fields["kb"] = then.mono_ms, then.kernel
    return fields


def _mended(then: When, at: When, ahead_ms: Mapping[str, int]) -> tuple[int, int]:
    """Return unix milliseconds of ``then``, as well as is known by ``at``, and their ``tsq``."""
    if then.trusted:
        return then.wall_ms, 1
    if then.kernel and then.kernel == at.kernel and at.trusted:
        return then.mono_ms + at.wall_ms - at.mono_ms, 2
    if then.kernel in ahead_ms:
        return then.mono_ms + ahead_ms[then.kernel], 2
    return then.wall_ms, 0


def _add_source(fields: Fields, event: Event) -> None:
    source = event.source
    if source is None:
        return
    fields["cam"] = source.camera
    if source.model:
        fields["model"] = source.model
        fields["eng"] = source.engine
        fields["inf"] = round(source.invoke_us / 100)
    if source.later_ms is not None:
        fields["crop"] = source.later_ms


def _add_findings(fields: Fields, event: Event) -> None:
    if event.names:
        fields["cls"] = [[name[:NAME_MAX], round(p, 3)] for name, p in event.names[:FINDINGS_MAX]]
    if event.boxes:
        fields["box"] = [[fraction(edge) for edge in box] for box in event.boxes[:FINDINGS_MAX]]
    if event.tracks:
        fields["trk"] = event.tracks[:FINDINGS_MAX]
    if event.counts or event.kind == "look":
        # Of a look that was asked for, an empty one is the answer: nothing is in view.
        counts = list(event.counts.items())[:FINDINGS_MAX]
        fields["n"] = {name[:NAME_MAX]: count for name, count in counts}
    _add_places(fields, event)
    if event.hard:
        fields["hard"] = True


def _add_places(fields: Fields, event: Event) -> None:
    if event.zone:
        fields["zone"] = event.zone[:NAME_MAX]
    if event.line:
        fields["line"] = event.line[:NAME_MAX]
    if event.durations_s:
        fields["dur"] = event.durations_s[:FINDINGS_MAX]
    if event.tally is not None:
        _add_tally(fields, event.tally)


def _add_tally(fields: Fields, part: CountPart) -> None:
    fields["per"] = part.period_s
    if part.zones:
        fields["zn"] = _places(part.zones)
    if part.lines:
        fields["ln"] = _places(part.lines)


def _places(numbers: Mapping[str, Mapping[str, Any]]) -> Fields:
    places = list(numbers.items())[:PLACES_MAX]
    return {place[:PLACE_NAME_MAX]: _labels(labels) for place, labels in places}


def _labels(numbers: Mapping[str, Any]) -> Fields:
    return {label[:PLACE_NAME_MAX]: n for label, n in list(numbers.items())[:PLACE_LABELS_MAX]}


def fraction(edge: float) -> float:
    """A box may reach over the frame's edge; what is sent does not."""
    return round(min(max(edge, 0.0), 1.0), 4)


def _motion(part: MotionPart) -> Fields:
    return {
        "ph": part.phase,
        "area": part.area,
        "c": part.centroid,
        "dir": part.direction_deg,
        "v": part.speed,
        "dur": part.duration_s,
        "grid": part.grid,
    }


def _add_vector(fields: Fields, part: VectorPart) -> None:
    count = len(part.values) // _VALUE_BYTES[part.dtype]
    if count > VECTOR_MAX:
        raise ValueError(f"a vector of {count} values is over the {VECTOR_MAX} that may be sent")
    fields["vec"] = part.values
    fields["vt"] = _VALUE_NAMES[part.dtype]
    if part.dtype != "float32":
        fields["scale"], fields["zp"] = part.scale, part.zero_point


def _add_notice(fields: Fields, event: Event, boot: str) -> None:
    if event.why:
        fields["why"] = event.why[:WHY_MAX]
    if event.previous is not None:
        fields["prev"] = event.previous
    if event.kind == "gap":
        fields["from"], fields["to"] = event.first, event.last
        if event.name != boot:
            fields["of"] = event.name
    elif event.name:
        fields["cam" if event.kind.startswith("camera_") else "name"] = event.name[:NAME_MAX]
