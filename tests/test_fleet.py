"""The proof's own parts that judge: what is missing, and whether a fault is still one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import ledger, releases
from tests.fleet.ledger import Ledger


def message(seq: int, low: int, boot: str = "1-a", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"dev": "pi1", "boot": boot, "seq": seq, "low": low, "k": "motion", **more}


def book(*messages: dict[str, Any]) -> Ledger:
    kept = Ledger()
    for one in messages:
        kept.add(one)
    return kept


def test_what_is_above_the_lowest_still_to_come_is_not_missing_yet() -> None:
    assert book(message(0, 0), message(3, 1)).missing == []
    assert book(message(0, 0), message(3, 3)).missing == ["pi1 1-a/1", "pi1 1-a/2"]


def test_what_a_gap_names_is_not_missing() -> None:
    gap: dict[str, Any] = {"k": "gap", "from": 1, "to": 2}
    assert book(message(0, 0), message(3, 3), message(4, 4, **gap)).missing == []


def test_a_start_says_how_far_the_boot_before_it_came() -> None:
    start = message(0, 0, "2-b", k="start", prev=["1-a", 1, "killed"])
    assert book(message(0, 0), start).missing == ["pi1 1-a/1"]
    assert book(message(0, 0), message(1, 1), start).missing == []


def test_an_event_that_came_twice_counts_once() -> None:
    kept = book(message(0, 0), message(0, 0))
    assert (kept.of("pi1"), kept.twice) == (1, 1)


def test_a_line_that_is_being_written_and_an_answer_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "heard"
    line = f"edge/v1/lab/pi1/evt/clip\t{json.dumps(message(0, 0))}\n"
    path.write_text(f"{line}edge/v1/lab/pi1/res/x\tx\n{line[:30]}")
    assert ledger.read(path).of("pi1") == 1


@pytest.mark.parametrize("fault", releases.FAULTS)
def test_each_fault_of_a_release_is_still_one_of_this_checkout(fault: str, tmp_path: Path) -> None:
    for name in ("edgeagent", "models"):
        shutil.copytree(releases.CHECKOUT / name, tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    releases.FAULTS[fault](tmp_path)
    changed = [path for path, data in before.items() if path.read_bytes() != data]
    assert bool(changed) == (fault != "good")
    for path in changed:
        if path.suffix == ".py":
            compile(path.read_text(), path, "exec")


BOX = """
import sys
from pathlib import Path
from edgeagent.config import OutboxConfig
from edgeagent.outbox import Outbox
box = Outbox.open(Path(sys.argv[1]), sys.argv[2], OutboxConfig(), print)
live, backlog = box.cursors()
letters = box.peek(backlog, 99) + box.peek(live, 99)
print(*("gap" if x.kind == "gap" else x.record.decode() for x in letters), end="")
box.put("camera_lost", sys.argv[2].encode())
box.close()
"""


def test_a_release_can_be_taken_back_to_one_that_reads_ahead_and_not_further(
    tmp_path: Path,
) -> None:
    for name, fault in (("old", "good"), ("ahead", "reads ahead"), ("new", "format")):
        shutil.copytree(releases.CHECKOUT / "edgeagent", tmp_path / name / "edgeagent")
        releases.FAULTS[fault](tmp_path / name)

    def found_by(name: str) -> str:
        """Open the outbox with that release, which then stores its own name there."""
        argv: list[str | Path] = [sys.executable, "-c", BOX, tmp_path / "box", name]
        return subprocess.run(
            argv, cwd=tmp_path / name, capture_output=True, text=True, check=True
        ).stdout

    assert found_by("old") == ""
    assert found_by("ahead") == "old"
    assert found_by("new") == "old ahead"
    assert found_by("ahead") == "old ahead new"
    assert found_by("old") == "old ahead ahead gap"
    assert found_by("new") == "old ahead new ahead gap old"
