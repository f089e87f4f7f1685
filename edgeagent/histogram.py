"""Counts durations in buckets that are fixed for ever: cheap enough to keep one for every stage."""

import time
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import add
from typing import NamedTuple

_BITS = 3
"""An octave is cut into 2**3 buckets, so that none is wider than an eighth of its lower edge."""
_EACH = 1 << _BITS
_OCTAVES = 28
MOST_US = (1 << (_OCTAVES + _BITS)) - 1
"""What lasts longer, 35 minutes, is counted as just that long."""
_SIZE = _EACH * (_OCTAVES + 1)


_FIRST, _LOOKED, _LAST = "source", "track", "event"
"""Stages: a frame is in hand; the model has answered; its events are made."""


class Bucket(NamedTuple):
    """How many durations lay in ``low_us <= duration < high_us``."""

    low_us: int
    high_us: int
    n: int


Pairs = Sequence[tuple[int, int]]
"""Place of a bucket and how many durations are in it, in order; empty ones are left out."""


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

    def sparse(self) -> list[tuple[int, int]]:
        """Return what `of_sparse` makes it from again, beside ``sum_us``."""
        return [(place, count) for place, count in enumerate(self._counts) if count]

    @classmethod
    def of_sparse(cls, pairs: Pairs, sum_us: int) -> "Histogram":
        """Make the one that `sparse` told.

        Raises:
            ValueError: there is no such bucket, or no such number.
        """
        made = cls()
        made.sum_us = sum_us
        for place, count in pairs:
            if not 0 <= place < _SIZE or count < 0:
                raise ValueError(f"no bucket {place} with {count} durations")
            made._counts[place] += count
        return made

    def since(self, earlier: "Histogram") -> "Histogram":
        """Return what was added since ``earlier``; all, where this one was begun anew after it."""
        pairs = list(zip(self._counts, earlier._counts, strict=True))
        if any(now < then for now, then in pairs):
            return self.copy()
        left = Histogram()
        left._counts = array("Q", [now - then for now, then in pairs])
        left.sum_us = self.sum_us - earlier.sum_us
        return left

    def plus(self, other: "Histogram") -> "Histogram":
        """Return both together."""
        both = Histogram()
        both._counts = array("Q", map(add, self._counts, other._counts))
        both.sum_us = self.sum_us + other.sum_us
        return both

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

    def below(self, edges_us: Sequence[int]) -> list[int]:
        """Return for each edge how many durations were shorter.

        Args:
            edges_us: rising, each the lower edge of some bucket: ``2**k`` and ``3 * 2**k`` are,
                from 8 on.
        """
        sums = [0, *accumulate(self._counts)]
        places = [_index(edge) for edge in edges_us]
        assert [_low_us(place) for place in places] == list(edges_us)
        return [sums[place] for place in places]

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
        self.see = Histogram()
        """Whole frames, from in hand to their events."""
        self.looked = Histogram()
        """Of those, the frames that the model was asked about."""
        self._last_ns = self._began_ns = time.perf_counter_ns()
        self._is_looked = False

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
        self._sum_up(stage, now_ns)

    def _sum_up(self, stage: str, now_ns: int) -> None:
        if stage == _FIRST:
            self._began_ns, self._is_looked = now_ns, False
        elif stage == _LOOKED:
            self._is_looked = True
        elif stage == _LAST:
            self.see.add(now_ns - self._began_ns)
            if self._is_looked:
                self.looked.add(now_ns - self._began_ns)
