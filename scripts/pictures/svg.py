"""A terminal's cells as an SVG: text stays text, and the columns stand whatever the font."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from scripts.pictures.terminal import Cell, Look

WIDE_PX, HIGH_PX, FONT_PX = 8.4, 18.0, 14
EDGE_PX, TITLE_PX = 18, 34
COLOURS = {31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 36: "#79c0ff", 39: "#d1d7e0"}
GROUND, DIM = "#0d1117", "#848d97"
_WORDS = re.compile(r"\S+(?: \S+)*")
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def svg(lines: Sequence[Sequence[Cell]], title: str) -> str:
    """Return ``lines`` as a picture with ``title``, the command, above them."""
    shown = [*lines]
    while shown and not _text(shown[-1]).strip():
        shown.pop()
    columns = max(map(len, lines), default=0)
    width = columns * WIDE_PX + 2 * EDGE_PX
    height = TITLE_PX + len(shown) * HIGH_PX + EDGE_PX
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" font-family="{FONT}" '
            f'font-size="{FONT_PX}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="100%" height="100%" rx="10" fill="{GROUND}"/>',
            f'<text x="{EDGE_PX}" y="{TITLE_PX - 12}" fill="{DIM}">$ {escape(title)}</text>',
            *(line for row, cells in enumerate(shown) for line in _row(row, cells)),
            "</svg>\n",
        ]
    )


def _text(cells: Sequence[Cell]) -> str:
    return "".join(character for character, _ in cells)


def _row(row: int, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield a piece of text for each stretch of one look, where its column is."""
    y = TITLE_PX + (row + 0.75) * HIGH_PX
    column = 0
    for look, stretch in groupby(cells, lambda cell: cell[1]):
        part = list(stretch)
        # Each group of words stands for itself: pictures do not keep spaces.
        for words in _WORDS.finditer(_text(part)):
            yield _piece(words[0], column + words.start(), y, look)
        column += len(part)


def _piece(text: str, column: int, y: float, look: Look) -> str:
    colour = DIM if look.dim else COLOURS.get(look.colour, COLOURS[39])
    bold = ' font-weight="bold"' if look.bold else ""
    x, long = EDGE_PX + column * WIDE_PX, len(text) * WIDE_PX
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{bold} textLength="{long:.1f}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )
