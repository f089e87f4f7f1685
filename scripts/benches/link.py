"""scripts/bench link: the link under fire, beside paho's own queue, and a fleet's return.

Each fault happens in a world of its own: mosquitto in a network namespace, before it a proxy that
notes every PUBLISH and PUBACK, a subscriber that counts, and over a wire that can lose, delay, cut
and forget (fire/wire.py: TUN devices, because not every kernel has netem) another namespace with
`edgeagent run` (7 synthetic cameras, an event a second each, and a backlog from an earlier boot)
and a paho client that publishes as often. Both live through the same fault at the same time.

Bars, for edgeagent: every stored event has a PUBACK with success or stands in an announced gap;
what the broker lost after its PUBACK is exactly what docs/complete.py finds missing; it comes
back; live events do not wait for the backlog, which keeps to its rate; birth, will and farewell.
Then 1,000 agents lose one broker (fire/herd.py). Exits 1 when a bar is missed, 69 where there is
no mosquitto. Without root some faults cannot be made; they are named. With ``--counts`` the bars
on time are shown and not judged: for a machine that is busy.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from scripts.benches.fire import herd  # noqa: E402
from scripts.benches.fire.broker import PROGRAM  # noqa: E402
from scripts.benches.fire.faults import FAULTS, Fault  # noqa: E402

TRIAL = ROOT / "scripts" / "benches" / "fire" / "trial.py"
TRIAL_S = 600.0
"""No trial takes so long; one that does is a missed bar."""
COLUMNS = (
    ("stored", "stored"),
    ("taken", "acked"),
    ("given_up", "gap"),
    ("missing", "lost"),
    ("broker_lost", "broker"),
    ("twice", "twice"),
    ("back_s", "back s"),
    ("hist", "hist"),
    ("hist_per_s", "hist/s"),
    ("live_s", "live s"),
    ("flying", "flying"),
    ("births", "births"),
    ("wills", "wills"),
)

Rows = list[dict[str, Any]]


def try_fault(name: str, hold_s: float, rounds: int) -> Rows:
    """Return the two rows of one fault; one row with the reason where it could not be tried."""
    command = [sys.executable, str(TRIAL), name, "--hold", str(hold_s), "--rounds", str(rounds)]
    if os.geteuid() == 0:
        command = ["unshare", "--net", *command]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=TRIAL_S, check=False
        )
        rows: Rows = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        why = f"it ended without a result: {error}"
        return [{"fault": FAULTS[name].title, "who": "edgeagent", "faults": [why], "late": []}]
    return rows


def can_be_made(fault: Fault) -> bool:
    """Whether this machine can make it."""
    return os.geteuid() == 0 or not fault.needs_wire


def table(rows: Rows) -> str:
    """Return the rows for a person."""
    head = "".join(f"{title:>8}" for _, title in COLUMNS)
    lines = [f"{'fault':<42}{'':<13}{head}"]
    for row in rows:
        cells = "".join(f"{_cell(row.get(name)):>8}" for name, _ in COLUMNS)
        lines.append(f"{row['fault']:<42}{row['who']:<13}{cells}")
        lines += [f"    MISSED: {why}" for why in row["faults"]]
        lines += [f"    LATE: {why}" for why in row["late"]]
    return "\n".join(lines)


def _cell(value: float | int | None) -> str:
    if value is None:
        return "never"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each fault once and briefly")
    parser.add_argument("--fault", choices=FAULTS, action="append", help="this one alone")
    parser.add_argument("--hold", type=float, help="seconds that a fault lasts")
    parser.add_argument("--rounds", type=int, help="how often each happens")
    parser.add_argument("--jobs", type=int, default=5, help="faults at the same time")
    parser.add_argument("--counts", action="store_true", help="judge no bar on time")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Print the tables; return 1 where a bar is missed."""
    asked = options()
    if PROGRAM is None:
        print("scripts/bench link: no mosquitto: sudo apt install mosquitto", file=sys.stderr)
        return 69
    names = [name for name in asked.fault or FAULTS if can_be_made(FAULTS[name])]
    hold_s = asked.hold or (3.0 if asked.quick else 10.0)
    rounds = asked.rounds or (1 if asked.quick else 3)
    with ThreadPoolExecutor(asked.jobs if os.geteuid() == 0 else 1) as pool:
        found = pool.map(lambda name: try_fault(name, hold_s, rounds), names)
        rows = [row for both in found for row in both]
    outages_s = (1.0, 5.0) if asked.quick else (1.0, 5.0, 20.0, 60.0)
    herds = [] if asked.fault else [herd.return_of(outage_s) for outage_s in outages_s]
    print(json.dumps({"faults": rows, "herd": herds}) if asked.json else table(rows))
    if not asked.json:
        print("\n".join(herd.line(found) for found in herds))
    _name_what_is_left_out(asked.fault or list(FAULTS), names)
    is_kept = not any(row["faults"] for row in rows)
    is_quick = not any(row["late"] for row in rows) and all(h["is_met"] for h in herds)
    return 0 if is_kept and (is_quick or asked.counts) else 1


def _name_what_is_left_out(asked: list[str], names: list[str]) -> None:
    for name in asked:
        if name not in names:
            print(f"not made, needs root: {FAULTS[name].title}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
