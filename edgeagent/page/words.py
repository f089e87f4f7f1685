"""An event in words, for a person who reads it a moment later."""

from collections import Counter
from collections.abc import Callable, Mapping

from edgeagent.event import CountPart, Event

_DIRECTIONS = ("right", "down right", "down", "down left", "left", "up left", "up", "up right")


def words(event: Event) -> str:
    """Return one line without the camera and the time; empty: not for a person to read."""
    return _OF.get(event.kind, _notice)(event)


def _motion(event: Event) -> str:
    motion = event.motion
    if motion is None:
        return ""
    share = f"{_percent(motion.area)} of the picture"
    if motion.phase == "in":
        return f"something moves, {share}"
    if motion.phase == "out":
        return f"all is still again after {motion.duration_s:.0f} s"
    way = _DIRECTIONS[round(motion.direction_deg / 45) % 8]
    return f"still moving after {motion.duration_s:.0f} s, {share}, going {way}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share >= 0.01 else "less than 1 %"


_HAPPENED = {"in": "came", "on": "is still there", "out": "left"}


def _phases(event: Event) -> str:
    pairs = zip(event.names, event.tracks, strict=False)
    told = [f"{name} #{number} {_HAPPENED[phase]}" for (name, _), (number, phase) in pairs]
    return ", ".join(told)


def _crossings(event: Event) -> str:
    pairs = zip(event.names, event.tracks, strict=False)
    told = [f"{name} #{number} crossed {event.line} {way}" for (name, _), (number, way) in pairs]
    return ", ".join(told)


def _visits(event: Event) -> str:
    told = []
    for (name, _), (number, phase), s in zip(
        event.names, event.tracks, event.durations_s, strict=False
    ):
        left = f"left {event.zone} after {s:.0f} s"
        told.append(f"{name} #{number} {f'came into {event.zone}' if phase == 'in' else left}")
    return ", ".join(told)


def _counted(event: Event) -> str:
    part = event.tally
    if part is None or not (event.counts or part.zones or part.lines):
        return ""
    told = [f"{_several(event.counts)} came"] if event.counts else []
    told += [f"{_several(numbers)} into {zone}" for zone, numbers in part.zones.items()]
    told += _lines(part)
    return f"in {part.period_s:.0f} s: {'; '.join(told)}"


def _lines(part: CountPart) -> list[str]:
    ways = {line: Counter[str]() for line in part.lines}
    for line, numbers in part.lines.items():
        for ins, outs in numbers.values():
            ways[line].update({"in": ins, "out": outs})
    return [f"{way['in']} in, {way['out']} out over {line}" for line, way in ways.items()]


def _several(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {label}" for label, count in numbers.items())


def _looked(event: Event) -> str:
    return f"asked to look: {_several(event.counts) or 'nothing in view'}"


def _started(event: Event) -> str:
    ended = event.previous[2] if event.previous else ""
    after = {"killed": " after it was killed", "power": " after a power cut"}
    return f"the agent started{after.get(ended, '')}"


def _gap(event: Event) -> str:
    return f"{event.last - event.first + 1} events could not be kept: {event.why}"


def _notice(event: Event) -> str:
    part, _, what = event.kind.partition("_")
    told = f"{part} {what.replace('_', ' ')}"
    return f"{told}: {event.why}" if event.why else told


def _unsaid(_event: Event) -> str:
    return ""


_OF: dict[str, Callable[[Event], str]] = {
    "motion": _motion,
    "object": _phases,
    "label": _phases,
    "cross": _crossings,
    "zone": _visits,
    "count": _counted,
    "look": _looked,
    "start": _started,
    "gap": _gap,
    "vector": _unsaid,
}
