"""Counts durations in buckets that are fixed for ever: cheap enough to keep one for every stage."""

import time
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_BITS = 3
"""An octave is cut into 2**3 buckets, so that none is wider than an eighth of its lower edge."""
_EACH = 1 << _BITS
_OCTAVES = 28
MOST_US = (1 << (_OCTAVES + _BITS)) - 1
"""What lasts longer, 35 minutes, is counted as just that long."""
_SIZE = _EACH * (_OCTAVES + 1)


class Bucket(NamedTuple):
    """How many durations lay in ``low_us <= duration < high_us``."""

    low_us: int
    high_us: int
    n: int


class Histogram:
    """Durations of one kind. One thread adds; any thread may take a copy, a moment older."""

    __slots__ = ("_counts", "sum_us")

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * _SIZE))
        self.sum_us = 0
        """All durations together, in microseconds."""

    def add(self, duration_ns: int) -> None:
        """Count one duration; below 0 counts as 0."""
        us = min(max(duration_ns // 1000, 0), MOST_US)
        self.sum_us += us
        self._counts[_index(us)] += 1

    def copy(self) -> "Histogram":
        """Return what has been counted so far."""
        other = Histogram()
        other._counts = self._counts[:]
        other.sum_us = self.sum_us
        return other

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self._counts)

    def buckets(self) -> list[Bucket]:
        """Return the buckets from the shortest duration to the longest, empty ones between."""
        full = [place for place, count in enumerate(self._counts) if count]
        if not full:
            return []
        places = range(full[0], full[-1] + 1)
        return [Bucket(_low_us(p), _low_us(p + 1), self._counts[p]) for p in places]

    def quantile_us(self, share: float) -> float:
        """Return the middle of the bucket in which the quantile lies: at most a sixteenth off.

        Args:
            share: .9 for the 90th percentile.

        Returns:
            Microseconds; 0 where nothing was counted.
        """
        left = share * self.count
        for bucket in self.buckets():
            left -= bucket.n
            if left <= 0:
                return (bucket.low_us + bucket.high_us) / 2
        return 0.0


def _index(us: int) -> int:
    # The three bits below the highest one say where in its octave a number lies.
    shift = max(us.bit_length() - _BITS - 1, 0)
    return (shift << _BITS) + (us >> shift)


def _low_us(place: int) -> int:
    shift = max((place >> _BITS) - 1, 0)
    return (place - (shift << _BITS)) << shift


def merged(buckets: Sequence[Bucket], most: int) -> list[Bucket]:
    """Return at most ``most`` buckets, neighbours joined alike."""
    step = -(-len(buckets) // most) if buckets else 1
    return list(_joined(buckets, step))


def _joined(buckets: Sequence[Bucket], step: int) -> Iterator[Bucket]:
    for first in range(0, len(buckets), step):
        some = buckets[first : first + step]
        yield Bucket(some[0].low_us, some[-1].high_us, sum(b.n for b in some))


class StageHistograms:
    """A `laps.Laps` for a life-time: a histogram of each stage, made when it is first reached.

    For one thread, as a camera has; others may read.
    """

    def __init__(self) -> None:
        self.stages: dict[str, Histogram] = {}
        self._last_ns = time.perf_counter_ns()

    def mark(self, stage: str) -> None:
        """See `Laps.mark`."""
        now_ns = time.perf_counter_ns()
        histogram = self.stages.get(stage)
        if histogram is None:
            # A new dict each time: whoever reads the old one never sees it change its size.
            histogram = Histogram()
            self.stages = {**self.stages, stage: histogram}
        histogram.add(now_ns - self._last_ns)
        self._last_ns = now_ns
