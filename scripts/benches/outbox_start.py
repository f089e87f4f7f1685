"""Starting with a million stored events, in a process of its own; part of `scripts/bench outbox`.

Run as a program it opens an outbox, reads and acknowledges some of it, and prints what that took.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from edgeagent.config import OutboxConfig
from edgeagent.outbox import Outbox

Row = dict[str, str | int | float | bool]
CONFIG = OutboxConfig(max_bytes=1 << 30, sync_s=5.0)
RECORD = b"x" * 200
MAX_S = 1.0
MAX_MORE_MB = 4.0
"""What a million events may take in memory beyond what a thousand do."""


def fill(folder: Path, count: int) -> float:
    """Store ``count`` events; return microseconds each."""
    box = Outbox.open(folder, "1-aaaaaaaa", CONFIG, lambda _: None)
    began_s = time.perf_counter()
    for n in range(count):
        box.put("object", RECORD)
        if n % 50_000 == 0:
            box.tick()
    spent_s = time.perf_counter() - began_s
    box.close()
    return spent_s / count * 1e6


def anonymous_mb() -> float:
    """Return what this process holds of its own."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}["Anonymous"] / 1024


def look(folder: Path, read: int) -> dict[str, float]:
    """Open, read and acknowledge ``read`` events, and return what that took."""
    began_s = time.perf_counter()
    box = Outbox.open(folder, "2-bbbbbbbb", CONFIG, lambda _: None)
    open_s = time.perf_counter() - began_s
    depth, opened_mb = box.depth, anonymous_mb()
    _, backlog = box.cursors()
    for _ in range(read // 100):
        box.ack(box.peek(backlog, 100))
    mb = max(opened_mb, anonymous_mb())
    box.close()
    return {"open_s": open_s, "depth": depth, "mb": mb}


def measured(folder: Path, read: int) -> dict[str, float]:
    """Return what `look` does, from a fresh process."""
    command = [sys.executable, __file__, str(folder), str(read)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def start(folder: Path, count: int) -> Row:
    """Return the row of the table."""
    put_us = fill(folder / "many", count)
    fill(folder / "few", 1000)
    few, many = measured(folder / "few", 1000), measured(folder / "many", count // 5)
    more_mb = many["mb"] - few["mb"]
    return {
        "what": "start",
        "stored": int(many["depth"]),
        "put_us": round(put_us, 1),
        "open_ms": round(many["open_s"] * 1000, 1),
        "bar_ms": MAX_S * 1000,
        "more_mb_than_1000": round(more_mb, 2),
        "bar_mb": MAX_MORE_MB,
        "met": many["open_s"] < MAX_S and more_mb < MAX_MORE_MB and many["depth"] == count,
    }


if __name__ == "__main__":
    print(json.dumps(look(Path(sys.argv[1]), int(sys.argv[2]))))
