"""Looks for faults in one target for some minutes: by coverage with atheris, else by chance.

What breaks it is made small and kept in ``corpus/TARGET/``, one file for each place that breaks.
"""

import argparse
import hashlib
import random
import re
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

try:
    import atheris
except ImportError:
    atheris = None  # type: ignore[assignment, unused-ignore]


def _instrumented() -> Any:  # noqa: ANN401
    if atheris is None:
        return nullcontext()
    return atheris.instrument_imports(include=["edgeagent"])


with _instrumented():
    from .child import MEMORY, Run
    from .mangling import WAYS, extremes, mangled, smaller
    from .table import TARGETS
    from .target import CORPUS


class Search:
    """One target, searched in this process."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.seeds = [*run.seeds, *(path.read_bytes() for path in run.target.kept())]
        self._known: set[str] = set()

    def take(self, data: bytes) -> None:
        """Give it one input; keep and tell what it breaks, the first time."""
        fault = self.run.each(data)
        if fault and (place := _place(fault)) not in self._known:
            self._known.add(place)
            small = smaller(data, lambda other: _place(self.run.each(other)) == place)
            self._keep(small)
            print(f"== {self.run.target.name}: {self.run.each(small) or fault}\n{small[:300]!r}\n")
            sys.stdout.flush()

    def _keep(self, data: bytes) -> None:
        folder = CORPUS / self.run.target.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)

    def mangle(self, data: bytes, most: int, seed: int) -> bytes:
        """Return another input made of one, in our ways or in libFuzzer's."""
        chance = random.Random(seed)
        if chance.random() < 0.5:
            other: bytes = atheris.Mutate(data, len(data))
            return other
        steps = [
            (chance.choice(sorted(WAYS)), chance.randrange(65536), chance.randrange(65536))
            for _ in range(chance.randint(1, 3))
        ]
        return mangled(data, steps, self.seeds)[:most]


def _place(fault: str) -> str:
    """Return what tells one fault from another: the error, and the last two places."""
    lines = re.findall(r"^\s+\S+:\d+ \S+$", fault, re.M)
    return "".join([re.sub(r"\d+", "0", fault[:40]), *lines[-2:]])


def by_coverage(search: Search, engine: ModuleType, minutes: float, folder: Path) -> None:
    """Search with libFuzzer; does not return."""
    for number, seed in enumerate(search.seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    words = [
        f"-max_total_time={minutes * 60:.0f}", "-max_len=30000", "-timeout=0", "-rss_limit_mb=0",
        "-verbosity=0", "-print_final_stats=1", str(folder),
    ]  # fmt: skip
    engine.Setup([sys.argv[0], *words], search.take, custom_mutator=search.mangle)
    engine.Fuzz()


def by_chance(search: Search, minutes: float) -> None:
    """Search with hypothesis, from another beginning each time."""
    until_s, seed = time.monotonic() + minutes * 60, 1
    while time.monotonic() < until_s:
        fault, data = search.run.searched(500, seed)
        if fault:
            search.take(data)
        seed += 1


def main() -> None:
    """Be the command; see ``scripts/fuzz``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--corpus", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=MEMORY) as room:
        search = Search(Run(TARGETS[options.target], Path(room).resolve()))
        for seed in search.seeds:
            search.take(seed)
            for data in extremes(seed, 1500 // len(search.seeds)):
                search.take(data)
        if atheris is not None:
            by_coverage(search, atheris, options.minutes, options.corpus)
        else:
            by_chance(search, options.minutes)
        print(f"{options.target}: {search.run.runs} inputs")


if __name__ == "__main__":
    main()
