"""The one-line files by which the kernel says what there is: a temperature, a rate, a name."""

from pathlib import Path


def text_of(path: Path) -> str:
    """Return the file's text, "" where what it tells of has gone meanwhile or has no such file."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def number_of(path: Path) -> int | None:
    """Return the whole number in the file, None where there is none."""
    text = text_of(path)
    return int(text) if text.removeprefix("-").isdecimal() else None
