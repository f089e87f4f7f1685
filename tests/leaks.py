"""What a process holds before and after rounds of one thing, to see what the rounds left behind."""

import ctypes
import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LEAK_KB = 4096
"""Most that the rounds may add: a third of one 1080p frame for each hundred would show."""

TRIES = 3

READINGS = 5
"""Memory goes to and fro by whole frames, so that the least of so many readings is taken."""


@dataclass(frozen=True, slots=True)
class Held:
    """What this process has open, runs and holds."""

    descriptors: int
    threads: int
    anonymous_kb: int


def held() -> Held:
    """Count it now, after what is only kept for later was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    rollup = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in rollup}
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return Held(descriptors, threading.active_count(), sizes["Anonymous"])


def over_rounds(act: Callable[[], object], rounds: int) -> tuple[Held, Held]:
    """Do ``act`` until it is warm, then ``rounds`` times; return what was held before and after."""
    for _ in range(max(READINGS, rounds // 5)):
        act()
    before = _least(act)
    for _ in range(rounds):
        act()
    return before, _least(act)


def leaked(before: Held, after: Held) -> bool:
    """Whether the rounds left anything behind."""
    grown_kb = after.anonymous_kb - before.anonymous_kb
    return (after.descriptors, after.threads) != (before.descriptors, before.threads) or (
        grown_kb >= LEAK_KB
    )


def over_rounds_again(act: Callable[[], object], rounds: int) -> tuple[Held, Held]:
    """Do `over_rounds` until nothing is left behind, at most `TRIES` times.

    What leaks does so each time. What a busy machine keeps for a while, decoders' threads with a
    few frames in hand, was seen to be 12 MB once in three runs, and does not go on growing.
    """
    for _ in range(TRIES):
        before, after = over_rounds(act, rounds)
        if not leaked(before, after):
            break
    return before, after


def _least(act: Callable[[], object]) -> Held:
    taken = []
    for _ in range(READINGS):
        act()
        taken.append(held())
    return Held(taken[-1].descriptors, taken[-1].threads, min(one.anonymous_kb for one in taken))
