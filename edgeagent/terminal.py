"""Text for a terminal: which colours it may have, how wide it is, and harmless whoever wrote it."""

import os
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TextIO

Style = Literal["plain", "bold", "dim", "green", "yellow", "red", "cyan"]

_CODES: Mapping[Style, str] = {
    "bold": "1",
    "dim": "2",
    "red": "1;31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}
_WIDE = ("W", "F")
"""East Asian Width of what takes two columns (UAX 11)."""
_UNSEEN = ("C", "M", "Z")
"""General categories that are no character to look at: controls, formats (those that turn the
direction of writing among them), marks that stand on the one before, separators."""
ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours text, or leaves it alone."""

    colour: bool = False

    def __call__(self, style: Style, text: str) -> str:
        """Return ``text`` in ``style``."""
        code = _CODES.get(style) if self.colour else None
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


def ink_for(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Ink:
    """Return colours for a terminal; none for a file or a pipe, or where NO_COLOR is set.

    NO_COLOR counts whatever it holds, unless that is nothing (no-color.org).
    """
    dumb = environment.get("TERM") == "dumb" or bool(environment.get("NO_COLOR"))
    return Ink(stream.isatty() and not dumb)


def clean(text: str) -> str:
    """Return ``text`` with nothing in it that a terminal would obey, or hide, or draw over others.

    What comes over the network may hold escape sequences; each character that cannot be seen by
    itself becomes ``?``, a line end or another space a space.
    """
    return "".join(map(_seen, text))


def _seen(character: str) -> str:
    if character.isspace():
        return " "
    return "?" if unicodedata.category(character)[0] in _UNSEEN else character


def columns(text: str) -> int:
    """Return how many columns a terminal gives to ``text``, which is `clean`."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def fit(text: str, width: int) -> str:
    """Return ``text`` cut or filled to exactly ``width`` columns."""
    room, shown = width, text
    if columns(text) > width:
        room, shown = width - 1, ""
        for character in text:
            if _columns(character) > room:
                break
            shown += character
            room -= _columns(character)
        shown += ELLIPSIS if width > 0 else ""
        return shown + " " * room
    return shown + " " * (room - columns(text))


def wrapped(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    """Return ``text`` in lines of ``width``; paths and commands, copied by hand, are not broken."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
