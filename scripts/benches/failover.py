"""scripts/bench failover: an Edge TPU that fails at random under a running agent.

The whole agent (supervisor, camera, outbox) looks at the clip that ships, each frame of it, with
the detector on a simulated Edge TPU: a real delegate in a real child process. A round is one fault
and the return from it. Bars, each round: no longer without a look than the deadline and 1 s; no
frame without an answer; the opening that brings the device back begun within the longest wait
after it is well (how long it takes is the machine's affair, and shown). Over all rounds:
descriptors, threads, processes and shared memory as at the start, anonymous memory within
`LEAK_KB`; where it is not, all rounds again, at most `TRIES` times, as what leaks does so each
time. With ``--counts`` the bars on time are shown and not judged: for a machine that is busy.
"""

import argparse
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from scripts.benches.faults import DEADLINE_S, FAULTS, FPS, RETRY_S, Trial, trial  # noqa: E402
from tests.edgetpu_sim import build  # noqa: E402
from tests.leaks import LEAK_KB, READINGS, TRIES, Held, held  # noqa: E402

UNSEEN_S = DEADLINE_S + 1.0
SLACK_S = 0.5
"""A thread whose wait is over may have to wait for a CPU, too."""
WAIT_S = RETRY_S + SLACK_S


@dataclass(slots=True)
class Row:
    """What the rounds of one fault came to."""

    rounds: int = 0
    unseen_s: float = 0.0
    """The longest without a look, beyond the time from frame to frame."""
    answered: int = 0
    """Rounds in which no frame that was asked about went without an answer."""
    waits_s: list[float] = field(default_factory=list)
    """From when the device was well until the opening that brought it back began."""
    openings_s: list[float] = field(default_factory=list)
    """How long that took, until the device was in use."""

    @property
    def frames(self) -> int:
        """How many frames the longest time without a look is."""
        return round(self.unseen_s * FPS)

    @property
    def is_quick(self) -> bool:
        """Whether every round met its bars on time."""
        return self.unseen_s <= UNSEEN_S and max(self.waits_s, default=0.0) <= WAIT_S

    @property
    def is_answered(self) -> bool:
        """Whether no round left a frame without an answer."""
        return self.answered == self.rounds

    @property
    def met(self) -> bool:
        """Whether every round met its bars."""
        return self.is_quick and self.is_answered


def run_round(trial: Trial, name: str, row: Row) -> None:
    """Let one fault happen, wait for the return, and note what it cost."""
    agent = trial.agent
    trial.until(lambda: agent.told("back") == agent.told("lost"))
    lost, unseen = agent.told("lost"), trial.counted("unseen_total.clip")
    trial.gaps.worst_s = 0.0
    well = FAULTS[name](trial)
    if name != "slow":
        trial.until(lambda: agent.told("lost") > lost)
        well_s = max(well(), agent.told_s["lost"][lost])
        trial.until(lambda: agent.told("back") > lost)
        row.openings_s.append(agent.opening_s)
        # A try under way when it is plugged in began before that.
        row.waits_s.append(max(agent.told_s["back"][lost] - agent.opening_s - well_s, 0.0))
    runs = trial.counted("runs_total.sim")
    trial.until(lambda: trial.counted("runs_total.sim") > runs)
    row.rounds += 1
    row.unseen_s = max(row.unseen_s, trial.gaps.worst_s - 1 / FPS)
    row.answered += trial.counted("unseen_total.clip") == unseen


@dataclass(frozen=True, slots=True)
class Left:
    """What the process holds, and what it has started."""

    own: Held
    processes: int
    shared: int
    """Shared memory that is mapped, with a name in /dev/shm or without one."""


def left() -> Left:
    """Take the least of several readings, while the agent looks on."""
    readings = []
    for _ in range(READINGS):
        time.sleep(0.5)
        readings.append(_reading())
    own = [reading.own for reading in readings]
    least = Held(
        min(one.descriptors for one in own),
        min(one.threads for one in own),
        min(one.anonymous_kb for one in own),
    )
    return Left(least, min(r.processes for r in readings), min(r.shared for r in readings))


def _reading() -> Left:
    children = Path("/proc/self/task").glob("*/children")
    processes = sum(len(path.read_text().split()) for path in children)
    maps = Path("/proc/self/maps").read_text()
    return Left(held(), processes, maps.count("memfd:") + maps.count("/dev/shm/"))


def shuffled(rounds: int, seed: int) -> list[str]:
    """Return the faults of ``rounds`` rounds, each as often as the others, in any order."""
    names = [list(FAULTS)[number % len(FAULTS)] for number in range(rounds)]
    random.Random(seed).shuffle(names)
    return names


def grown(before: Left, after: Left) -> list[str]:
    """Say what there is more of than at the start."""
    told = [
        f"{name} {was} to {now}"
        for name, was, now in (
            ("descriptors", before.own.descriptors, after.own.descriptors),
            ("threads", before.own.threads, after.own.threads),
            ("processes", before.processes, after.processes),
            ("shared memory", before.shared, after.shared),
        )
        if now > was
    ]
    more_kb = after.own.anonymous_kb - before.own.anonymous_kb
    return [*told, f"anonymous memory by {more_kb} kB"] if more_kb >= LEAK_KB else told


def run_all(made: Trial, rounds: int, seed: int, rows: Mapping[str, Row]) -> tuple[Left, Left]:
    """Do the rounds, each fault once before to be warm; return what was held before and after.

    What a decoder's threads keep on a busy machine was seen to be 5 MB more, once: again then.
    """
    for name in FAULTS:
        run_round(made, name, Row())
    after = left()
    for attempt in range(TRIES):
        before = after
        for name in shuffled(rounds, seed + attempt):
            run_round(made, name, rows[name])
        after = left()
        if not grown(before, after):
            break
    return before, after


def table(rows: Mapping[str, Row], before: Left, after: Left, causes: Mapping[str, int]) -> str:
    """Return the result for a person."""
    lines = [
        f"EDGETPU-SIM, deadline {DEADLINE_S:g} s, retry {RETRY_S:g} s; bars: {UNSEEN_S:g} s "
        f"unseen, all answered, tried within {WAIT_S:g} s",
        f"{'fault':<18}{'rounds':>7}{'worst unseen s':>16}{'frames':>8}{'answered':>10}"
        f"{'wait p50':>10}{'worst s':>9}{'open p50':>10}{'worst s':>9}",
    ]
    for name, row in sorted(rows.items()):
        lines.append(
            f"{name:<18}{row.rounds:>7}{row.unseen_s:>16.2f}{row.frames:>8}{row.answered:>10}"
            f"{_spread(row.waits_s, 10)}{_spread(row.openings_s, 10)}"
            f"{'' if row.met else '  MISSED'}"
        )
    lines.append("losses by cause: " + ", ".join(f"{c} {n}" for c, n in sorted(causes.items())))
    for when, one in (("start", before), ("end", after)):
        lines.append(
            f"{when:<6} anonymous {one.own.anonymous_kb:,} kB, descriptors {one.own.descriptors}, "
            f"threads {one.own.threads}, processes {one.processes}, shared memory {one.shared}"
        )
    return "\n".join([*lines, *(f"LEFT BEHIND: {what}" for what in grown(before, after))])


def _spread(times_s: list[float], width: int) -> str:
    """Return median and worst."""
    if not times_s:
        return f"{'-':>{width}}{'-':>9}"
    return f"{median(times_s):>{width}.2f}{max(times_s):>9.2f}"


def main() -> int:
    """Run the rounds, print the table, and return 1 where a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--counts", action="store_true", help="judge no bar on time")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if build.COMPILER is None:
        print("needs g++: sudo apt install g++", file=sys.stderr)
        return 69
    if "MALLOC_ARENA_MAX" not in os.environ:
        # As the unit sets it: threads come and go, their heaps must not stay.
        os.environ["MALLOC_ARENA_MAX"] = "2"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    # What the agent logs of each fault is not wanted a thousand times.
    logging.disable(logging.CRITICAL)
    rows = {name: Row() for name in FAULTS}
    with tempfile.TemporaryDirectory() as folder, trial(Path(folder), asked.seed) as made:
        before, after = run_all(made, asked.rounds, asked.seed, rows)
        counters = made.agent.health.snapshot().counters
    causes = {
        name.partition(".")[2]: n for name, n in counters.items() if name.startswith("tpu_lost")
    }
    if asked.json:
        told = {name: {**asdict(row), "met": row.met} for name, row in rows.items()}
        print(json.dumps({"rows": told, "before": asdict(before), "after": asdict(after)}))
    else:
        print(table(rows, before, after, causes))
    is_met = all(row.is_answered if asked.counts else row.met for row in rows.values())
    return int(bool(grown(before, after)) or not is_met)


if __name__ == "__main__":
    sys.exit(main())
