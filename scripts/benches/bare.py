"""scripts/bench bare: the invoke stage of ``edgeagent bench`` beside a bare interpreter loop.

Both in one process, in turn, block by block, on the very inputs that the path has just filled:
set_tensor, invoke, get_tensor, as any program does it. Waits for a core are taken from both, by
the kernel's account, because on a busy machine they are most of the difference between two runs
of anything. Exits 1 where the p50 of the stage is more than 2 % off the loop's.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from edgeagent import assembly, clips
from edgeagent.agent import Agent
from edgeagent.bench.core import CoreWait
from edgeagent.bench.figures import percentile
from edgeagent.bench.found import Plan
from edgeagent.bench.river import eager
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config
from edgeagent.engines import Engine, Seat
from edgeagent.engines.tflite import find_runtime, load
from edgeagent.frame import Frame
from edgeagent.looker import Engines
from edgeagent.tensor import Tensor

BAR = 0.02
BLOCK = 10
"""Looks of one kind before it is the other's turn."""


class NetWatch:
    """A `Laps` that keeps the stage ``invoke``, raw and without waits for a core."""

    def __init__(self, core: CoreWait) -> None:
        self._core = core
        self._last = (0, 0)
        self.raw_ms: list[float] = []
        self.net_ms: list[float] = []

    def mark(self, stage: str) -> None:
        """See `Laps.mark`."""
        now = time.perf_counter_ns(), self._core.ns()
        if stage == "invoke":
            self.add(self._last, now)
        self._last = now

    def add(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Keep one lap, from ``before`` to ``after``: now, and waited for a core by then."""
        raw_ns = after[0] - before[0]
        self.raw_ms.append(raw_ns / 1e6)
        self.net_ms.append((raw_ns - (after[1] - before[1])) / 1e6)


class Seen:
    """An engine that keeps a copy of the last input; the copy is made before the lap begins."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.inputs: list[Tensor] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Answer for the engine in all else."""
        return getattr(self._engine, name)

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """See `Engine.seat`."""
        with self._engine.seat() as seat:
            yield seat
            self.inputs.append(seat.input.copy())


class Bare:
    """What anybody would write: an interpreter, three calls."""

    def __init__(self, engine: Engine) -> None:
        self._interpreter = load(engine.file.path, find_runtime(), 1)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [one["index"] for one in self._interpreter.get_output_details()]

    def run(self, tensor: Tensor) -> list[Tensor]:
        """Run the model on ``tensor``."""
        self._interpreter.set_tensor(self._input, tensor)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def beside(runs: int) -> tuple[NetWatch, NetWatch]:
    """Return the laps of the agent's stage, and of the loop."""
    engines = assembly.open_engines(Config().model)
    assert engines.look is not None
    core, seen, bare = CoreWait(), Seen(engines.look), Bare(engines.look)
    looked: Any = seen
    agent = Agent(CameraConfig(name="clip"), eager(Config()), Engines(looked), ManualClock())
    ours, theirs = NetWatch(core), NetWatch(core)
    with Plan("single", clips.demo(), Config(), engines).frames() as frames:
        for _ in blocks(agent, frames, ours, runs):
            for tensor in seen.inputs:
                before = time.perf_counter_ns(), core.ns()
                bare.run(tensor)
                theirs.add(before, (time.perf_counter_ns(), core.ns()))
            seen.inputs.clear()
    return ours, theirs


def blocks(agent: Agent, frames: Iterator[Frame], watch: NetWatch, runs: int) -> Iterator[int]:
    """Take frames through the agent until ``runs``; yield after each `BLOCK` looks."""
    while len(watch.raw_ms) < runs:
        until = len(watch.raw_ms) + BLOCK
        while len(watch.raw_ms) < until:
            agent.see(next(frames), watch)
        yield until


def main() -> int:
    """Print both; return 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ours, theirs = beside(options.runs)
    rows = {
        "invoke stage": ours.net_ms,
        "bare loop": theirs.net_ms,
        "invoke stage, raw": ours.raw_ms,
        "bare loop, raw": theirs.raw_ms,
    }
    ratio = median(ours.net_ms) / median(theirs.net_ms)
    if options.json:
        print(json.dumps({**{name: median(ms) for name, ms in rows.items()}, "ratio": ratio}))
    else:
        print(f"{'ms':<20}{'n':>6}{'p50':>9}{'p90':>9}")
        for name, ms in rows.items():
            print(f"{name:<20}{len(ms):>6}{median(ms):>9.3f}{percentile(sorted(ms), 0.9):>9.3f}")
        print(f"p50 of the stage by the loop's: {ratio:.4f} (bar: within {100 * BAR:g} %)")
    return int(abs(ratio - 1) > BAR)


if __name__ == "__main__":
    sys.exit(main())
