import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from docs.complete import Consumer

PROGRAM = Path(__file__).parents[1] / "docs" / "complete.py"
BOOT = ("door", "1-aaaaaaaa")


def message(seq: int, low: int = 0, boot: str = BOOT[1]) -> dict[str, Any]:
    return {"dev": BOOT[0], "boot": boot, "seq": seq, "low": low, "k": "label"}


def gap_of(seq: int, first: int, last: int, **more: str) -> dict[str, Any]:
    return message(seq) | {"k": "gap", "from": first, "to": last, **more}


def lost(*messages: dict[str, Any]) -> dict[tuple[str, str], list[int]]:
    consumer = Consumer()
    for each in messages:
        consumer.hear(each)
    return consumer.lost()


def test_all_heard_in_any_order_and_twice_is_complete() -> None:
    assert lost(*(message(seq, low=3) for seq in (3, 1, 0, 2, 2, 0))) == {}


def test_what_is_still_to_come_is_not_lost() -> None:
    assert lost(message(0), message(7, low=1)) == {}


def test_a_seq_below_low_that_never_came_is_lost() -> None:
    assert lost(message(0), message(3, low=3)) == {BOOT: [1, 2]}


def test_a_gap_accounts_for_what_it_names_whether_it_comes_before_or_after() -> None:
    gap = gap_of(5, 1, 4)
    assert lost(message(0), message(6, low=6), gap) == {}
    assert lost(gap, message(0), message(6, low=6)) == {}


def test_a_gap_may_be_of_an_earlier_boot() -> None:
    gap = gap_of(0, 0, 1, of="0-bbbbbbbb")
    assert lost(message(3, low=3, boot="0-bbbbbbbb"), gap) == {("door", "0-bbbbbbbb"): [2]}


def test_the_program_reads_lines_and_prints_what_is_lost() -> None:
    lines = io.StringIO()
    for each in (message(0), message(3, low=2)):
        print(json.dumps(each), file=lines)
    told = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=lines.getvalue(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "{('door', '1-aaaaaaaa'): [1]}\n"


def test_it_is_as_short_as_it_is_said_to_be() -> None:
    assert len(PROGRAM.read_text().splitlines()) == 40
