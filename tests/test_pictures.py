"""The pictures in the documents: small, there, and made by a terminal that is one."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scripts.pictures.running import seen
from scripts.pictures.svg import svg
from scripts.pictures.terminal import Look, Terminal

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
MOST_BYTES = 400_000


def text_of(terminal: Terminal) -> list[str]:
    return ["".join(character for character, _ in row).rstrip() for row in terminal.cells]


@pytest.mark.parametrize(
    ("fed", "lines"),
    [
        ("one\r\ntwo", ["one", "two"]),
        ("one\rTw", ["Twe", ""]),
        ("a\r\nb\r\nc", ["b", "c"]),
        ("\x1b[2;3Hx", ["", "  x"]),
        ("abc\x1b[1;2H\x1b[K", ["a", ""]),
        ("abc\x1b[2J\x1b[1;1Hd", ["d", ""]),
        ("old\x1b[?1049hnew\x1b[?25h\x1b[?1049lback", ["new", ""]),
        ("a very long line", ["a very lon", ""]),
        ("猫a", ["猫a", ""]),
    ],
)
def test_a_terminal_shows_what_was_written(fed: str, lines: list[str]) -> None:
    terminal = Terminal(10, 2)
    terminal.feed(fed)
    assert text_of(terminal) == lines


def test_colours_hold_until_they_are_taken_back() -> None:
    terminal = Terminal(10, 1)
    terminal.feed("\x1b[1;31ma\x1b[0mb\x1b[2mc")
    looks = [look for _, look in terminal.cells[0][:3]]
    assert looks == [Look(31, bold=True), Look(), Look(dim=True)]


def test_a_picture_is_sound_xml_whatever_stands_in_it() -> None:
    terminal = Terminal(30, 2)
    terminal.feed('<script>&"\x1b[31m]]>  far')
    root = ET.fromstring(svg(terminal.cells, "a < b"))
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert texts == ["$ a < b", '<script>&"', "]]>", "far"]


def test_a_program_is_seen_as_in_a_terminal() -> None:
    said = (
        'import sys, os; print(sys.stdout.isatty(), os.get_terminal_size().columns, "\\x1b[31mred")'
    )
    terminal = seen([sys.executable, "-c", said], (40, 3), 30.0)
    assert text_of(terminal)[0] == "True 40 red"


def test_the_pictures_are_there_and_small() -> None:
    files = list(PICTURES.iterdir())
    assert {"watch.svg", "status.svg", "doctor.svg", "bench.svg"} <= {file.name for file in files}
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
