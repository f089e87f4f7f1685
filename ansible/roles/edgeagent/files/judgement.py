"""What the times of old and new say of a change. Numbers in, verdicts out: nothing is run here.

First the running agents' own times are compared, which cost nothing and are what the owner gets.
They differ by what else the device did: so a suspicion is looked at again, and then settled by
timing both in turns, where that shows what the agent has: on the CPU.
"""

from typing import NamedTuple

ENOUGH = 30
"""Looks of which p90 can be told."""
GOOD, SUSPECT, SLOWER, UNKNOWN = "good", "suspect", "slower", "unknown"


class WorseError(Exception):
    """The device was switched to it, and it is worse than what there was."""


class Looks(NamedTuple):
    """How long the model took in a running agent."""

    n: int = 0
    p50_ms: float = 0.0
    p90_ms: float = 0.0


Times = tuple[float, float]
"""The shortest run of the model and p90, in ms; infinite where none runs."""
NEVER: Times = (float("inf"), float("inf"))


def at_first(was: Looks, now: Looks, limit: float) -> str:
    """Return ``good``, ``suspect`` or, of too few looks or unlike ones, ``unknown``.

    Half of what is allowed is enough for a suspicion: p90 was seen to hide, under load, a release
    that was 50 % slower (64 and 80 ms). And where it seems as much faster, the device had more to
    do before, and a slower release would not show.
    """
    half = 1 + (limit - 1) / 2
    if min(was.n, now.n) < ENOUGH:
        return UNKNOWN
    if _ratio(was, now) > half:
        return SUSPECT
    return UNKNOWN if now.p50_ms * half < was.p50_ms else GOOD


def on_reflection(was: Looks, now: Looks, limit: float, is_on_cpu: bool) -> str:
    """Return what to think of a suspicion after the looks that followed it.

    Args:
        was: before the change.
        now: looks that came after the suspicion.
        limit: how many times as long the model may take.
        is_on_cpu: the agents' models run where both releases can be timed in turns.

    Returns:
        ``good`` or ``slower``; ``suspect`` where timing is to settle it.
    """
    verdict = at_first(was, now, limit)
    if verdict != SUSPECT or is_on_cpu:
        return SUSPECT if verdict == UNKNOWN else verdict
    return SLOWER if _ratio(was, now) > limit else GOOD


def _ratio(was: Looks, now: Looks) -> float:
    """Return the worse of how p50 and p90 have grown."""
    return max(now.p50_ms / max(was.p50_ms, 0.001), now.p90_ms / max(was.p90_ms, 0.001))


def is_worth_waiting(n: int, spent_s: float, most_s: float) -> bool:
    """Return whether looks come at such a pace that there are enough before ``most_s``."""
    return n < ENOUGH and spent_s < most_s and n * most_s >= ENOUGH * spent_s


def is_slower(was: Times, now: Times, limit: float) -> bool:
    """Return whether even the shortest run, in turns, takes more than ``limit`` times what it took.

    p90 is what an owner feels, but on a busy device it differs by half between two runs of the
    same release; what else runs only ever adds, and the shortest has the least of it.
    """
    return now[0] > limit * was[0]


def best(one: Times, other: Times) -> Times:
    """Return the shortest of each."""
    return min(one[0], other[0]), min(one[1], other[1])
