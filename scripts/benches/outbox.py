"""scripts/bench outbox: nothing lost by kill -9 or a power cut, how fast, and what it writes.

* kill -9: a process that puts, reads and acknowledges is killed; what it said it put is counted.
* power cut: every prefix of a run's writes, torn and out of order; see `outbox_power.py`.
* start: with a million stored events.
* the rest: device bytes at five events a second, all acknowledged each second, and idle, beside
  SQLite in the same run, each on an ext4 of its own; needs root.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.benches.outbox_device import beside_sqlite
from scripts.benches.outbox_kill import rounds
from scripts.benches.outbox_power import Row, cuts
from scripts.benches.outbox_start import start

PARTS = ("kill", "power", "start", "device")


def rows(options: argparse.Namespace) -> list[Row]:
    """Return the table."""
    table: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        if "kill" in options.only:
            table.append(rounds(Path(name) / "box", options.rounds))
        if "power" in options.only:
            table.append(cuts(options.steps, options.every, options.images))
        if "start" in options.only:
            table.append(start(Path(name), options.stored))
    if "device" in options.only and os.geteuid() == 0:
        table += beside_sqlite(options.seconds)
    return table


def main() -> int:
    """Print the table; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rounds", type=int, default=500, help="of kill -9")
    parser.add_argument("--steps", type=int, default=2000, help="events before the power is cut")
    parser.add_argument("--every", type=int, default=1, help="cut after every so many writes")
    parser.add_argument("--images", type=int, default=3, help="disks a cut may leave, tried each")
    parser.add_argument("--stored", type=int, default=1_000_000, help="events at the start")
    parser.add_argument("--seconds", type=float, default=60.0, help="of five events a second")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    table = rows(options)
    for row in table:
        line = "  ".join(f"{k} {v}" for k, v in row.items() if k != "what")
        print(json.dumps(row) if options.json else f"{row['what']:<26}{line}")
    if "device" in options.only and os.geteuid() != 0:
        print("no root: device bytes, idle and SQLite beside it were left out", file=sys.stderr)
    return int(not all(row.get("met", True) for row in table))


if __name__ == "__main__":
    sys.exit(main())
