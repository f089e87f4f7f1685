"""A terminal in memory: enough of one for what our own programs write."""

import re
import unicodedata
from dataclasses import dataclass, replace

_ESCAPE = re.compile(r"\x1b\[(?P<private>\?)?(?P<numbers>[\d;]*)(?P<what>[A-Za-z])")
ALTERNATE = "1049"


@dataclass(frozen=True, slots=True)
class Look:
    """How a character looks."""

    colour: int = 39
    """As in SGR: 31 red ... 36 cyan; 39 the usual."""
    bold: bool = False
    dim: bool = False


Cell = tuple[str, Look]
BLANK: Cell = (" ", Look())


class Terminal:
    """What would be seen after everything that was fed."""

    def __init__(self, columns: int, lines: int) -> None:
        self._size = columns, lines
        self._left: list[list[Cell]] | None = None
        self._clear()

    def _clear(self) -> None:
        columns, lines = self._size
        self._cells = [[BLANK] * columns for _ in range(lines)]
        self._row = self._column = 0
        self._look = Look()

    @property
    def cells(self) -> list[list[Cell]]:
        """The lines; of a program that had taken the screen over, as it left them."""
        return self._left or self._cells

    def feed(self, text: str) -> None:
        """Show ``text``."""
        at = 0
        while at < len(text):
            escape = _ESCAPE.match(text, at)
            if escape:
                self._obey(escape)
                at = escape.end()
                continue
            self._put(text[at])
            at += 1

    def _put(self, character: str) -> None:
        columns, lines = self._size
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row += 1
        elif character.isprintable():
            wide = unicodedata.east_asian_width(character) in ("W", "F")
            if self._column + wide < columns and self._row < lines:
                self._cells[self._row][self._column] = character, self._look
                if wide:
                    self._cells[self._row][self._column + 1] = "", self._look
            self._column += 1 + wide
        if self._row == lines:
            self._cells = [*self._cells[1:], [BLANK] * columns]
            self._row -= 1

    def _obey(self, escape: re.Match[str]) -> None:
        numbers = [int(n or 0) for n in escape["numbers"].split(";")]
        match escape["what"]:
            case "m":
                for number in numbers:
                    self._dress(number)
            case "H":
                self._row, self._column = max(numbers[0], 1) - 1, max(numbers[-1], 1) - 1
            case "K":
                row = self._cells[self._row]
                row[self._column :] = [BLANK] * len(row[self._column :])
            case "J":
                self._cells = [[BLANK] * self._size[0] for _ in range(self._size[1])]
            case "h" | "l" if escape["numbers"] == ALTERNATE:
                if escape["what"] == "l":
                    self._left = self._cells
                self._clear()

    def _dress(self, number: int) -> None:
        if number == 0:
            self._look = Look()
        elif number == 1:
            self._look = replace(self._look, bold=True)
        elif number == 2:
            self._look = replace(self._look, dim=True)
        elif 30 <= number <= 37 or number == 39:
            self._look = replace(self._look, colour=number)
