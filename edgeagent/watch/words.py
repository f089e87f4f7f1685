"""An event in words for a person, whatever a stranger wrote into it."""

from collections.abc import Callable, Mapping
from typing import Any

from edgeagent.terminal import clean
from edgeagent.watch.reading import (
    Message,
    number,
    number_of,
    rows_of,
    table_of,
    text_of,
    whole,
    whole_of,
)

_ARROWS = "→↘↓↙←↖↑↗"
"""By eighths of a turn: 0 degrees is to the right, 90 down, as in messages."""
MOST_THINGS = 4
"""More than that are counted."""


def event_words(message: Message) -> str:
    """Return what an event says, without its kind, camera and time."""
    kind = text_of(message, "k")
    for key, words in _BY_KEY.items():
        if key in message:
            return words(message)
    return _BY_KIND.get(kind, _notice)(message)


def _motion(message: Message) -> str:
    motion = table_of(message, "mot")
    arrow = _ARROWS[round(number_of(motion, "dir") / 45) % 8]
    area = f"{number_of(motion, 'area') * 100:.1f} % of the frame"
    return f"{text_of(motion, 'ph'):<3} {arrow} {area}, for {number_of(motion, 'dur'):.0f} s"


def _vector(message: Message) -> str:
    return f"a vector of {_things(message) or 'a thing'}"


def _cross(message: Message) -> str:
    return f"{_things(message)} across {text_of(message, 'line')}"


def _zone(message: Message) -> str:
    given = message.get("dur")
    stays = [number(n) or 0.0 for n in given] if isinstance(given, list) else []
    stayed = f" after {max(stays):.0f} s" if any(stays) else ""
    return f"{_things(message)} {text_of(message, 'zone')}{stayed}"


def _count(message: Message) -> str:
    told = _numbers(table_of(message, "n")) or "nobody"
    return f"{told} new within {number_of(message, 'per'):.0f} s"


def _gap(message: Message) -> str:
    first, last = whole_of(message, "from"), whole_of(message, "to")
    return f"{first} to {last} were dropped: {text_of(message, 'why')}"


def _start(message: Message) -> str:
    before = message.get("prev")
    ended = before[2] if isinstance(before, list) and len(before) == 3 else ""
    how = {"clean": "stopped", "killed": "was killed", "power": "lost power"}.get(str(ended), "")
    return f"the run before {how}" if how else "for the first time"


def _notice(message: Message) -> str:
    name = text_of(message, "name")
    return " ".join(filter(None, [name, text_of(message, "why") or _things(message)]))


def _things(message: Message) -> str:
    """Return ``in person #3 0.82``, for each label of ``cls`` with its track."""
    tracks = rows_of(message, "trk")
    told = []
    for at, row in enumerate(rows_of(message, "cls")):
        track = tracks[at] if at < len(tracks) else []
        told.append(_thing(row, track))
    more = f", and {len(told) - MOST_THINGS} more" if len(told) > MOST_THINGS else ""
    return ", ".join(told[:MOST_THINGS]) + more or _numbers(table_of(message, "n")) or "nothing"


def _thing(row: list[Any], track: list[Any]) -> str:
    label, score = [*row, None, None][:2]
    number_of_track, phase = track if len(track) == 2 else (None, "")
    scored, followed = number(score), whole(number_of_track)
    told = (
        _label(phase) if followed is not None else "",
        _label(label) or "?",
        f"#{followed}" if followed is not None else "",
        f"{scored:.2f}" if scored is not None else "",
    )
    return " ".join(filter(None, told))


def _label(value: object) -> str:
    return clean(value[:64]) if isinstance(value, str) else ""


def _numbers(table: Mapping[str, Any]) -> str:
    counted = [(_label(key), whole(n)) for key, n in table.items()]
    return ", ".join(f"{n} {label}" for label, n in counted[:MOST_THINGS] if n is not None)


_BY_KEY: Mapping[str, Callable[[Message], str]] = {"mot": _motion, "vec": _vector}
_BY_KIND: Mapping[str, Callable[[Message], str]] = {
    "cross": _cross,
    "zone": _zone,
    "count": _count,
    "gap": _gap,
    "start": _start,
}
