"""scripts/bench verdict: how often ``edgeagent bench --baseline`` is right.

Each round takes a baseline, runs the same build against it, and the same build with an honest
delay in its path: after each call of the model a tenth of that look's own time is spent computing.
Each run is a process of its own. The limit lies half way, at 5 % slower; "wrong" is a slower build
passed, or an equal one blamed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from edgeagent import assembly, clips
from edgeagent.bench.closed import single
from edgeagent.bench.core import CoreWait
from edgeagent.bench.found import Plan, report, unheard
from edgeagent.bench.report import Report
from edgeagent.bench.verdict import BAD, GOOD, UNSURE, Verdict, beside
from edgeagent.config import Config
from edgeagent.engines import Engine, Seat
from edgeagent.looker import Engines
from edgeagent.tensor import Tensor

LIMIT = 0.05
MOST_WRONG = 2
MOST_UNSURE = 4
WORDS = {GOOD: "no slower", BAD: "slower", UNSURE: "too noisy"}


class Slowed:
    """An engine whose every call takes longer by a share of its own time; of one thread."""

    def __init__(self, engine: Engine, share: float) -> None:
        self._engine, self._share, self._core = engine, share, CoreWait()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Answer for the engine in all else."""
        return getattr(self._engine, name)

    @contextmanager
    def seat(self) -> Iterator["_SlowSeat"]:
        """See `Engine.seat`."""
        with self._engine.seat() as seat:
            yield _SlowSeat(seat, self._share, self._core)


class _SlowSeat:
    def __init__(self, seat: Seat, share: float, core: CoreWait) -> None:
        self._seat, self._share, self._core = seat, share, core

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._seat, name)

    def run(self) -> Mapping[str, Tensor]:
        """See `Seat.run`."""
        began_ns = self._spent_ns()
        outputs = self._seat.run()
        until_ns = self._spent_ns() + self._share * (self._spent_ns() - began_ns)
        while self._spent_ns() < until_ns:
            pass
        return outputs

    def _spent_ns(self) -> int:
        return time.perf_counter_ns() - self._core.ns()


def child(runs: int, share: float) -> None:
    """Be one build: measure, and print the report."""
    engines = assembly.open_engines(Config().model)
    assert engines.look is not None
    slowed: Any = Slowed(engines.look, share)
    plan = Plan("single", clips.demo(), Config(), Engines(slowed if share else engines.look), runs)
    print(msgspec.json.encode(report(plan, single(plan, unheard))).decode())


def measured(runs: int, share: float = 0.0) -> Report:
    """Run one build in a process of its own."""
    command = [sys.executable, __file__, "--runs", str(runs), "--child", str(share)]
    told = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    return msgspec.json.decode(told.stdout, type=Report)


def one_round(runs: int, slower: float) -> tuple[Verdict, Verdict, float]:
    """Return the verdicts on the same build and on the slower one, and the raw times' ratio."""
    base = measured(runs)
    # The delay is put into the model's call, and is to be a share of the whole look.
    whole = base.headline.figures.p50 / base.stages["invoke"].p50
    same, slow = measured(runs), measured(runs, slower * whole)
    raw = same.headline.figures.p50 / base.headline.figures.p50
    return beside(same.blocks, base.blocks, LIMIT), beside(slow.blocks, base.blocks, LIMIT), raw


def main() -> int:
    """Print each round and the sums; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=200, help="looks in each run")
    parser.add_argument("--slower", type=float, default=0.1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.runs, options.child)
        return 0
    sums: dict[str, Counter[int]] = {"same": Counter(), "slower": Counter()}
    for number in range(options.rounds):
        same, slow, raw = one_round(options.runs, options.slower)
        sums["same"][same.status] += 1
        sums["slower"][slow.status] += 1
        if not options.json:
            print(_row(number, same, slow, raw), flush=True)
    print(json.dumps(sums) if options.json else _told(sums, options.rounds))
    wrong = (sums["same"][BAD], sums["slower"][GOOD])
    unsure = [some[UNSURE] for some in sums.values()]
    return int(max(wrong) > MOST_WRONG or max(unsure) > MOST_UNSURE)


def _row(number: int, same: Verdict, slow: Verdict, raw: float) -> str:
    told = "   ".join(f"{_ratio(one)} {WORDS[one.status]:<10}" for one in (same, slow))
    return f"{number + 1:>3}  {told} load {os.getloadavg()[0]:4.1f}, raw times x{raw:.2f}"


def _ratio(verdict: Verdict) -> str:
    if verdict.ratio is None or verdict.between is None:
        return verdict.why
    low, high = verdict.between
    return f"x{verdict.ratio:.3f} ({low:.3f} to {high:.3f})"


def _told(sums: Mapping[str, Counter[int]], rounds: int) -> str:
    lines = [
        f"{name:<7}" + ", ".join(f"{some[status]} {word}" for status, word in WORDS.items())
        for name, some in sums.items()
    ]
    wrong = f"bar: at most {MOST_WRONG} wrong and {MOST_UNSURE} too noisy of {rounds} each"
    return "\n".join([*lines, wrong])


if __name__ == "__main__":
    sys.exit(main())
