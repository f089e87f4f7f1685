"""Colours for terminals alone, and nothing from strangers that a terminal would obey."""

import io
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeagent.terminal import Ink, clean, columns, fit, ink_for, wrapped


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colour"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": "0"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_is_for_a_terminal_that_wants_it(
    stream: io.StringIO, environment: dict[str, str], colour: bool
) -> None:
    assert ink_for(stream, environment).colour is colour


def test_ink_writes_and_takes_back_its_colour() -> None:
    assert Ink(True)("red", "no") == "\x1b[1;31mno\x1b[0m"
    assert Ink(True)("plain", "yes") == "yes"
    assert Ink(False)("red", "no") == "no"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("door", "door"),
        ("\x1b[2J", "?[2J"),
        ("a\x9b31mb", "a?31mb"),
        ("a\r\nb\tc", "a  b c"),
        ("\u202egnp.exe", "?gnp.exe"),
        ("e\u0301", "e?"),
        ("a\u200bb\ufeffc", "a?b?c"),
        ("Tür 猫", "Tür 猫"),
        ("\ud800", "?"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_shown_as_such(text: str, shown: str) -> None:
    assert clean(text) == shown


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text())
def test_nothing_unseen_is_left_of_any_text(text: str) -> None:
    left = {unicodedata.category(c) for c in clean(text) if c != " "}
    assert not {one for one in left if one[0] in "CMZ"}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(), st.integers(0, 40))
def test_a_fitted_text_has_exactly_its_width(text: str, width: int) -> None:
    assert columns(fit(clean(text), width)) == width


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("door", 6, "door  "), ("doorway", 5, "door…"), ("猫猫猫", 4, "猫… "), ("猫猫", 4, "猫猫")],
)
def test_wide_characters_count_for_two(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


def test_commands_are_not_broken_within_a_word() -> None:
    lines = wrapped("sudo install --from /a/very/long-path/that/is/long", 20, "> ", "  ")
    assert lines == ["> sudo install", "  --from", "  /a/very/long-path/that/is/long"]
