"""Takes texts and numbers out of a stranger's message: harmless, of a sane length, or none."""

from collections.abc import Mapping
from typing import Any

from edgeagent.terminal import clean
from edgeagent.wire.reading import read

MAX_TEXT = 200
MOST = 1 << 53
"""Largest whole number that the wire has."""

Message = Mapping[str, Any]


def message_of(payload: bytes) -> Message | None:
    """Return the fields in ``payload``, whatever its encoding; None where there are none."""
    try:
        return read(payload)
    except ValueError:
        return None


def text_of(message: Message, key: str) -> str:
    """Return a text, made harmless; "" where there is none."""
    value = message.get(key)
    return clean(value[:MAX_TEXT]) if isinstance(value, str) else ""


def whole_of(message: Message, key: str) -> int | None:
    """Return a whole number of at least 0; None where there is none."""
    return whole(message.get(key))


def whole(value: object) -> int | None:
    """Return ``value`` if it is a whole number of at least 0 that the wire has, else None."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MOST else None


def number_of(message: Message, key: str) -> float:
    """Return a number; 0 where there is none that can be shown."""
    return number(message.get(key)) or 0.0


def number(value: object) -> float | None:
    """Return ``value`` if it is a number that can be shown, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -MOST < value < MOST else None


def table_of(message: Message, key: str) -> Message:
    """Return the object under ``key``; an empty one where there is none."""
    value = message.get(key)
    return value if isinstance(value, dict) else {}


def rows_of(message: Message, key: str) -> list[list[Any]]:
    """Return the lists in the list under ``key``."""
    value = message.get(key)
    return [row for row in value if isinstance(row, list)] if isinstance(value, list) else []


def texts_of(message: Message, key: str) -> list[str]:
    """Return the texts in the list under ``key``, at most 32, made harmless."""
    value = message.get(key)
    texts = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    return [clean(one[:MAX_TEXT]) for one in texts[:32]]
