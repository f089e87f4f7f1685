"""Sums up durations that were only counted, in the buckets of a histogram."""

import math
from collections.abc import Sequence

from edgeagent.bench.figures import Between, Figures, ranks
from edgeagent.histogram import Bucket, Histogram


def counted(histogram: Histogram, thirds: Sequence[Histogram] = ()) -> Figures:
    """Sum up ``histogram``; at least one duration.

    Args:
        histogram: all of it.
        thirds: what it is made of, in the order in which it was measured; empty: not known, and
            the first and last third are then as the whole.

    Returns:
        ``n`` and ``mean`` are exact; a quantile is the middle of its bucket, at most a sixteenth
        off; ``min``, ``max`` and the ends of the intervals are the outer edges of theirs.
    """
    buckets = histogram.buckets()
    n, mean = histogram.count, histogram.sum_us / histogram.count / 1000
    p50, p90, p95, p99, p99_9 = (_ms(histogram, q) for q in (0.5, 0.9, 0.95, 0.99, 0.999))
    known = [_ms(third, 0.5) for third in thirds if third.count] or [p50]
    return Figures(
        n=n,
        mean=mean,
        sd=_deviation(buckets, n, mean),
        min=buckets[0].low_us / 1000,
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        p99_9=p99_9,
        max=buckets[-1].high_us / 1000,
        jitter=p99 / p50 if p50 else 0.0,
        first_third=known[0],
        last_third=known[-1],
        p50_between=_between(buckets, n, 0.5),
        p90_between=_between(buckets, n, 0.9),
    )


def _ms(histogram: Histogram, share: float) -> float:
    return histogram.quantile_us(share) / 1000


def _deviation(buckets: Sequence[Bucket], n: int, mean_ms: float) -> float:
    """Return that of the buckets' middles: the spread within one is less than an eighth of it."""
    if n < 2:
        return 0.0
    squares = (b.n * ((b.low_us + b.high_us) / 2000 - mean_ms) ** 2 for b in buckets)
    return math.sqrt(math.fsum(squares) / (n - 1))


def _between(buckets: Sequence[Bucket], n: int, share: float) -> Between | None:
    pair = ranks(n, share)
    if pair is None:
        return None
    return _holds(buckets, pair[0]).low_us / 1000, _holds(buckets, pair[1]).high_us / 1000


def _holds(buckets: Sequence[Bucket], rank: int) -> Bucket:
    """Return the bucket of the duration that is the ``rank``-th, counted from 1."""
    left = rank
    for bucket in buckets:
        left -= bucket.n
        if left <= 0:
            break
    return bucket
