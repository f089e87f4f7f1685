"""How long a call may take before it counts as hung."""

from collections import deque
from dataclasses import dataclass

KEPT_CALLS = 512
"""How many of the latest calls the 99th percentile is taken of."""

_EVERY_CALLS = 64


@dataclass(frozen=True, slots=True)
class Deadline:
    """What is allowed to a child; past it the child is killed."""

    times_p99: float = 10.0
    """Times the 99th percentile of the latest calls."""
    at_least_s: float = 2.0
    """Never less than this: the machine may be busy with something else."""
    load_s: float = 30.0
    """For starting, for loading a model, and for the calls that warm it."""


class Patience:
    """Learns from the calls that were answered how long to wait for the next."""

    def __init__(self, deadline: Deadline) -> None:
        self.limit_s = deadline.load_s
        """How long the next call may take."""
        self._deadline = deadline
        self._taken_ns: deque[int] = deque(maxlen=KEPT_CALLS)
        self._calls = 0

    def note(self, taken_ns: int) -> bool:
        """Remember a call that was answered; return whether the limit was looked at anew.

        The first call is never typical and is not remembered: the one after it ends the warming,
        and from then on the limit is looked at again every 64 calls.
        """
        self._calls += 1
        if self._calls > 1:
            self._taken_ns.append(taken_ns)
        if self._calls != 2 and self._calls % _EVERY_CALLS:
            return False
        self.limit_s = self._limit_s()
        return True

    def _limit_s(self) -> float:
        ordered = sorted(self._taken_ns)
        p99_ns = ordered[int(len(ordered) * 0.99)]
        return max(self._deadline.at_least_s, self._deadline.times_p99 * p99_ns / 1e9)
