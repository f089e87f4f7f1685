"""Real processes killed, and every write of a run followed by a power cut: the bench, in short."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "scripts" / "benches" / "outbox.py"


@pytest.mark.parametrize(
    ("part", "counts"),
    [("kill", ("--rounds", "12")), ("power", ("--steps", "800", "--every", "2", "--images", "1"))],
)
def test_a_crash_loses_no_more_than_it_may(part: str, counts: tuple[str, ...]) -> None:
    command = [sys.executable, str(BENCH), "--json", "--only", part, *counts]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert row["garbage"] == 0
    assert row.get("lost", 0) == 0
    assert row.get("oldest_lost_s", 0) <= row.get("bar_s", 0)
    assert row.get("put", row.get("cuts")) > 300
