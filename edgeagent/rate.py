"""How often something may happen: a token bucket on the monotonic clock."""

SLACK = 0.1
"""So much of a token may be owed, so that frames that come at just the rate are all let through
although their times jitter; the average still holds."""


class Bucket:
    """Lets through ``per_s`` a second on average and ``burst`` at once. One thread's own."""

    def __init__(self, per_s: float, burst: float = 1.0) -> None:
        self.per_s = per_s
        self.burst = max(burst, 1.0)
        self._tokens = self.burst
        self._last_s = float("-inf")

    def take(self, at_s: float) -> bool:
        """Return whether it may happen at ``at_s`` (monotonic seconds), and count it if so."""
        self._fill(at_s)
        if self._tokens < 1.0 - SLACK:
            return False
        self._tokens -= 1.0
        return True

    def _fill(self, at_s: float) -> None:
        passed_s = max(at_s - self._last_s, 0.0)
        self._tokens = min(self.burst, self._tokens + passed_s * self.per_s)
        self._last_s = at_s
