"""How often something happened lately, in buckets, and as a line of small bars."""

from collections.abc import Sequence

BUCKET_S = 5.0
BUCKETS = 60
_BARS = "▁▂▃▄▅▆▇█"


class Rate:
    """Counts into buckets of `BUCKET_S`, the newest last."""

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
        self._newest = 0
        """Number of the newest bucket, from the clock's zero."""

    def count(self, now_s: float) -> None:
        """Count one at ``now_s``, monotonic seconds."""
        self._turn(now_s)
        self._counts[-1] += 1

    def lately(self, now_s: float) -> Sequence[int]:
        """Return the counts of the last `BUCKETS`, the newest last."""
        self._turn(now_s)
        return tuple(self._counts)

    def per_minute(self, now_s: float) -> int:
        """Return how many there were in the last minute."""
        return sum(self.lately(now_s)[-round(60 / BUCKET_S) :])

    def _turn(self, now_s: float) -> None:
        newest = int(now_s / BUCKET_S)
        passed = min(max(newest - self._newest, 0), BUCKETS)
        if passed:
            self._counts = self._counts[passed:] + [0] * passed
            self._newest = newest


def sparkline(counts: Sequence[int], width: int) -> str:
    """Return ``counts`` as ``width`` bars, each the most of what it stands for; 0 is a space."""
    if width <= 0 or not counts:
        return ""
    each = -(-len(counts) // width)
    parts = [counts[max(end - each, 0) : end] for end in range(len(counts), 0, -each)][::-1]
    most = max(counts)
    return "".join(_bar(max(part), most) for part in parts).rjust(width)


def _bar(count: int, most: int) -> str:
    return _BARS[min(count * len(_BARS) // (most + 1), len(_BARS) - 1)] if count else " "
