"""The one-line files by which the kernel says what there is: a temperature, a rate, a name."""

from pathlib import Path

MOST_DIGITS = 20
"""Of a number in 64 bits."""


def text_of(path: Path) -> str:
    """Return the file's text, "" where what it tells of has gone meanwhile or has no such file."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def number_of(path: Path) -> int | None:
    """Return the whole number in the file, None where there is none."""
    return whole(text_of(path))


def whole(text: str) -> int | None:
    """Return the whole number that ``text`` is, None where it is none, or none of a kernel's."""
    is_one = len(text) <= MOST_DIGITS and text.removeprefix("-").isdecimal()
    return int(text) if is_one else None
