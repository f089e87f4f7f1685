"""A process of its own for each target: it may crash, hang or eat all memory, and is told of.

Asked over a pipe, a JSON object a line: ``{"target": "settings", "examples": 100}`` is answered by
``{"runs": 123, "fault": "", "input": ""}``. All is imported once; each target is run in a fork.
"""

import json
import os
import signal
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from .bad import BAD
from .guard import FaultError, Guard
from .mangling import extremes, inputs, smaller
from .table import TARGETS
from .target import Target

GIVEN_UP_S = 600.0
"""A target that takes longer altogether hangs where no signal reaches it."""

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where what a parser writes is written: to wait for a disk finds nothing."""

Asked = dict[str, Any]


class Run:
    """One target in this process."""

    def __init__(self, target: Target, room: Path, **limits: float) -> None:
        self.target, self.guard = target, Guard(room, **limits)
        self.seeds = [*target.seeds()]
        self.runs = 0
        self._now = os.open(room / "now", os.O_RDWR | os.O_CREAT)

    def once(self, data: bytes) -> str:
        """Return what was wrong with one input; "" nothing."""
        self.runs += 1
        os.ftruncate(self._now, 0)
        os.pwrite(self._now, data, 0)
        try:
            self.guard.run(self.target, data)
        except FaultError as error:
            return str(error)
        return ""

    def each(self, data: bytes) -> str:
        """Return what was wrong with it as it is, or with its checksums made right."""
        fault = self.once(data)
        if not fault and self.target.seal is not None:
            fault = self.once(self.target.seal(data))
        return fault

    def kept(self) -> tuple[str, bytes]:
        """Run what the corpus has, and all seeds; return the first fault and its input."""
        for path in self.target.kept():
            if fault := self.each(path.read_bytes()):
                return f"{path}:\n{fault}", path.read_bytes()
        for data in self.seeds:
            if fault := self.each(data):
                return f"a seed: {fault}", data
        return "", b""

    def walked(self, most: int) -> tuple[str, bytes]:
        """Put each value in the seeds to its extremes, at most so many; return the first fault."""
        for seed in self.seeds:
            share = max(most // len(self.seeds), 1)
            for data in islice(extremes(seed, share), share + 1):
                if fault := self.each(data):
                    return fault, data
        return "", b""

    def searched(self, examples: int, seed: int) -> tuple[str, bytes]:
        """Look for a fault; return it, and a small input that shows it."""
        worst: list[bytes] = []

        @seeded(seed)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @given(inputs([*self.seeds, *(path.read_bytes() for path in self.target.kept())]))
        def look(data: bytes) -> None:
            if not worst and self.each(data):
                worst.append(data)

        look()
        if not worst:
            return "", b""
        data = smaller(worst[0], lambda other: bool(self.each(other)))
        return self.each(data) or "a fault that comes and goes", data


def _work(asked: Asked, room: Path) -> Asked:
    target = (TARGETS | BAD)[asked["target"]]
    run = Run(target, room, **asked.get("limits", {}))
    examples = round(asked["examples"] * target.share)
    fault, data = run.kept()
    if not fault and examples:
        fault, data = run.walked(examples)
    if not fault and examples:
        fault, data = run.searched(examples, asked.get("seed", 0))
    return {"runs": run.runs, "fault": fault, "input": data.hex()}


def _forked(asked: Asked, room: Path) -> Asked:
    outcome = room / "outcome"
    child = os.fork()
    if not child:
        status = 1
        try:
            outcome.write_text(json.dumps(_work(asked, room)))
            status = 0
        finally:
            os._exit(status)
    status = _waited(child)
    if status == 0:
        told: Asked = json.loads(outcome.read_text())
        return told
    now = room / "now"
    data = now.read_bytes() if now.exists() else b""
    return {"runs": 0, "fault": f"the process ended: {status}", "input": data.hex()}


def _waited(child: int) -> int:
    until_s = time.monotonic() + GIVEN_UP_S
    while time.monotonic() < until_s:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=MEMORY) as room:
            print(json.dumps(_forked(json.loads(line), Path(room).resolve())), flush=True)


if __name__ == "__main__":
    main()
