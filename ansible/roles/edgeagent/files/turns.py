"""A model timed in two releases in turns, on the CPU, beside the running agent.

It stands in where the agents themselves have not looked often enough. On the CPU, because the agent
may hold the Edge TPU; by a settings file, because older releases know no option for it.
"""

import json
import subprocess
from pathlib import Path

from device import NOWHERE, run
from judgement import NEVER, Times, best, is_slower

ROUNDS, RUNS = 3, 20
"""Turns of each, and runs of the model in each."""
ON_CPU = '[model]\ndevice = "cpu"\n'


def run_model(program: Path, model: Path | str, times: int) -> subprocess.CompletedProcess[str]:
    """Run the model of a release, or another; its report is on standard output."""
    folder = Path(NOWHERE)
    folder.mkdir(exist_ok=True)
    settings = folder / "cpu.toml"
    settings.write_text(ON_CPU)
    extra = ["--model", str(model)] if model else []
    return run(program / "bin/edgeagent", "bench", "--runs", str(times), "--json",
               "--config", settings, *extra, within_s=300, XDG_STATE_HOME=NOWHERE)  # fmt: skip


def time_model(program: Path, model: Path | str) -> Times:
    """Return how long it takes; NEVER if it does not run."""
    told = run_model(program, model, RUNS)
    if told.returncode:
        return NEVER
    invoke = json.loads(told.stdout)["stages"]["invoke"]
    return float(invoke.get("min", invoke["p50"])), float(invoke["p90"])


def compare(
    old: tuple[Path, Path | str], new: tuple[Path, Path | str], limit: float
) -> tuple[Times, Times]:
    """Return the best times of each, run in turns: what else the device does hits both.

    Where ``new`` seems more than ``limit`` times as slow, it gets more turns before that is said.
    """
    was = now = NEVER
    for turn in range(3 * ROUNDS):
        if turn >= ROUNDS and not is_slower(was, now, limit):
            break
        was, now = best(was, time_model(*old)), best(now, time_model(*new))
    return was, now
