"""What UPGRADING.md promises of formats is what the code writes and reads."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

import edgeagent
from edgeagent import assembly, identity
from edgeagent.bench import history, report
from edgeagent.engines import trial
from edgeagent.outbox.entry import READABLE, VERSION
from edgeagent.wire import fields as wire

TEXT = (Path(__file__).parents[1] / "UPGRADING.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below ``heading``, its head left out."""
    table = TEXT.partition(f"{heading}\n")[2].partition("\n\n")[0]
    return [re.findall(r"[^|]+", row) for row in table.splitlines()[2:]]


def numbers(cell: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", cell))


FORMATS = {row[0].strip(): row[1:] for row in rows("## Formats")}
RELEASES = rows("### Which release reads whose outbox")


def test_the_outboxs_formats_are_those_of_the_code() -> None:
    _, written, read = FORMATS["events that wait"]
    assert (numbers(written), numbers(read)) == ((VERSION,), READABLE)
    release, writes, reads = (cell.strip() for cell in RELEASES[-1])
    assert (release, numbers(writes), numbers(reads)) == (
        edgeagent.__version__,
        (VERSION,),
        READABLE,
    )


def test_what_a_release_writes_the_one_before_it_reads() -> None:
    for before, release in pairwise(RELEASES):
        assert set(numbers(release[1])) <= set(numbers(before[2])), release[0]


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("boot counter", identity._FILE),
        ("models that were tried", trial.MEMORY),
        ("the last model that worked", assembly.LAST_GOOD),
        ("kept measurements", history.NAME),
    ],
)
def test_the_files_are_named_as_in_the_code(what: str, name: str) -> None:
    assert FORMATS[what][0].strip() == f"`{name}`"


def test_the_other_numbers_are_those_of_the_code() -> None:
    assert numbers(FORMATS["messages to the broker"][1]) == (wire.SCHEMA,)
    assert FORMATS["kept measurements"][1].strip() == f"`{report.SCHEMA}`"
