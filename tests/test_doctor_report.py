"""All checks at once, each in its time; and what is made of their lines."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from edgeagent.cli import main
from edgeagent.doctor import Check, Level, Line, examine, fault, report, warning, well
from edgeagent.errors import BundleError, ConfigError, LinkError, RetryError
from edgeagent.terminal import Ink

from .doctor_cases import case

SCHEMA = json.loads((Path(report.__file__).parent / "report.schema.json").read_text())
NEVER = threading.Event()


def broken() -> Iterator[Check]:
    yield Check("late", _late, 0.2)
    yield Check("raises", _raises)
    yield Check("bundle", _bundle)
    yield Check("good", lambda: [well("good", "as it should be")])


def _late() -> Iterator[Line]:
    yield well("late", "said before it hung")
    NEVER.wait(30)


def _raises() -> Iterator[Line]:
    yield warning("raises", "so far")
    raise KeyError("a fault of its own")


def _bundle() -> Iterator[Line]:
    raise BundleError("a.tflite: is missing; deploy it\nb.tflite: is missing; deploy it")
    yield


@pytest.fixture
def lines() -> list[Line]:
    return [line for told in examine.run_all(broken()) for line in told]


def test_what_hangs_is_cut_off_and_what_it_said_is_kept(lines: list[Line]) -> None:
    said, cut = [line for line in lines if line.name == "late"]
    assert said.what == "said before it hung"
    assert (cut.level, cut.status) == ("fault", 69)
    assert cut.what == "gave no answer within 0.2 s"


def test_what_raises_is_a_fault_and_takes_no_other_along(lines: list[Line]) -> None:
    said, broke = [line for line in lines if line.name == "raises"]
    assert said.level == "warning"
    assert (broke.level, broke.status) == ("fault", 70)
    assert [line.what for line in lines if line.name == "good"] == ["as it should be"]


def test_an_error_of_the_tree_is_told_by_line_with_cure_and_status(lines: list[Line]) -> None:
    told = [line for line in lines if line.name == "bundle"]
    assert [(line.what, line.cures, line.status) for line in told] == [
        ("a.tflite: is missing", ("deploy it",), 65),
        ("b.tflite: is missing", ("deploy it",), 65),
    ]


def test_a_group_that_cannot_be_imported_is_a_fault(tmp_path: Path) -> None:
    (line,) = examine.examine(case(tmp_path), {"Gone": "no_such_group"})["Gone"]
    assert (line.level, line.status) == ("fault", 70)
    assert "no_such_group" in line.what


def test_all_of_them_run_at_once() -> None:
    meet = threading.Barrier(5, timeout=20)

    def look() -> Iterator[Line]:
        meet.wait()
        yield well("met", "the others")

    found = list(examine.run_all([Check(str(n), look, 25) for n in range(5)]))
    assert [one.what for lines in found for one in lines] == ["the others"] * 5


def of(*lines: Line) -> report.Report:
    return report.Report({"Group": lines}, 1_800_000_000_000, "pi")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((well("a", "b"), warning("a", "b")), 0),
        ((fault("a", "b"),), 69),
        ((fault("a", "b", kind=RetryError), fault("a", "b", kind=ConfigError)), 78),
        ((fault("a", "b", kind=LinkError), fault("a", "b", kind=BundleError)), 65),
    ],
)
def test_the_exit_status_is_the_worst_faults(lines: tuple[Line, ...], status: int) -> None:
    assert of(*lines).status == status


def test_the_json_is_as_its_schema_says() -> None:
    told = report.table(of(well("a", "b"), warning("c", "d", "e"), fault("f", "g", "h")))
    jsonschema.validate(told, SCHEMA)
    assert (told["faults"], told["warnings"], told["status"]) == (1, 1, 69)


@pytest.mark.parametrize("level", ["ok", "warning", "fault"])
def test_the_level_is_a_word_also_without_colour(level: Level) -> None:
    text = report.text(of(Line("name", level, "what")), Ink(), 80)
    assert text.splitlines()[1].split() == [level, "name", "what"]


def test_nothing_that_was_heard_reaches_the_terminal_as_a_command() -> None:
    text = report.text(of(fault("\x1b[2Jname", "\x1b]0;title\x07", "\x9b31m")), Ink(), 80)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\x9b" not in text


def test_long_lines_keep_their_column() -> None:
    text = report.text(of(warning("name", "word " * 60, "cure " * 40)), Ink(), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert {line[:24].strip() for line in text.splitlines()[2:-2]} == {""}


def test_the_command_ends_with_the_status_of_the_settings_that_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "edgeagent.toml"
    settings.write_text("[motion]\nmin_cells = 0\nnonsense = 1\n")
    state = str(tmp_path / "state")
    assert main(["doctor", "--json", "--config", str(settings), "--state", state]) == 78
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, SCHEMA)
    assert list(told["groups"]) == list(examine.GROUPS)
    whats = [line["what"] for line in told["groups"]["Settings"]]
    assert len(whats) == 2
    assert whats[0].startswith(f"{settings}:2: motion.min_cells: 0 is not a whole number")
