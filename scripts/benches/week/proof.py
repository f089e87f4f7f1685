"""scripts/proof-week: a week of an owner's life in 20 minutes, and where each event went.

`edgeagent run` with 20 cameras (an event a second each; one is a film, decoded) on a card of 24 MB,
in the world of `scripts/bench link`: a real mosquitto, a proxy that notes each PUBLISH and PUBACK,
a subscriber that counts, a wire that loses, delays and is cut; beside it paho with its own queue
in the same faults. What happens on which day is drawn from a seed (plan.py). No clock is made to
run faster: the days are shorter, and so are the settings that would be longer than they are
(keep-alive 10 s, an outbox of 256 kB).

Bars: every event is heard, or named in a gap, or was lost by the broker after its PUBACK, exactly
as docs/complete.py finds; two copies of an event are alike; what waited when the agent was killed
comes after it; each fault was felt; the agent never ends by itself; memory, threads and files
stay flat. Exits 1 when one is missed, 69 where the week cannot be made.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).parents[3]))

from scripts.benches.fire.broker import PROGRAM
from scripts.benches.week import verdict
from scripts.benches.week.apart import run_apart
from scripts.benches.week.home import Home
from scripts.benches.week.plan import plan
from scripts.benches.week.week import live

BEGINNING = "proof-week-"
DRAIN_S = 60.0
"""Of the time asked for, the last minute is for what is still to be sent."""
QUICK_MINUTES, QUICK_DAYS = 2.2, 2


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser("scripts/proof-week", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="for the whole week")
    parser.add_argument("--quick", action="store_true", help="two short days, no long outage")
    parser.add_argument("--seed", type=int, default=1, help="what happens when")
    parser.add_argument("--keep", type=Path, help="leave logs and settings here")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def tidy(parent: Path) -> None:
    """Remove what killed runs left there; their mounts and processes went with them."""
    for left in parent.glob(f"{BEGINNING}*"):
        lock = left / "lock"
        if lock.exists() and _is_free(lock):
            shutil.rmtree(left, ignore_errors=True)


def _is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def claim(folder: Path) -> IO[str]:
    """Mark the folder as in use for as long as this process lives."""
    lock = (folder / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def prove(asked: argparse.Namespace, folder: Path) -> int:
    """Live the week in ``folder``; print its table, return the exit status."""
    days = QUICK_DAYS if asked.quick else 7
    minutes = QUICK_MINUTES if asked.quick else asked.minutes
    week = plan(asked.seed, days, (minutes * 60 - DRAIN_S) / days)
    for line in verdict.told_plan(week):
        print(line, file=sys.stderr, flush=True)
    (folder / "home").mkdir()
    home = Home(folder / "home")
    try:
        facts = live(home, week, DRAIN_S)
        found = verdict.judge(home, week, facts)
    finally:
        home.close()
        _keep(folder / "home", asked.keep)
    print(json.dumps(found.as_json()) if asked.json else found.table())
    return 1 if found.faults else 0


def _keep(folder: Path, keep: Path | None) -> None:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.*"):
            shutil.copy(file, keep)


def live_through(asked: argparse.Namespace) -> int:
    """Prove it in a folder that goes with the proof."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tidy(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=BEGINNING) as made:
        folder = Path(made)
        folder.chmod(0o755)
        with claim(folder):
            try:
                return prove(asked, folder)
            finally:
                subprocess.run(["umount", "-l", folder / "home" / "state"], check=False)


def main() -> int:
    """Prove it, apart from everything else."""
    asked = options()
    if os.geteuid() or PROGRAM is None or shutil.which("gcc") is None:
        print("scripts/proof-week: needs root, mosquitto and gcc", file=sys.stderr)
        return 69
    try:
        return run_apart(lambda: live_through(asked))
    except OSError as error:
        print(f"scripts/proof-week: {error}", file=sys.stderr)
        return 69


if __name__ == "__main__":
    sys.exit(main())
