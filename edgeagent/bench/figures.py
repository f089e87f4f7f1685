"""Sums up durations: quantiles that were measured, and how far each can be trusted. Pure."""

import math
from collections.abc import Sequence
from statistics import NormalDist, median

import msgspec
import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Of every interval in a report."""

_MANY = 100_000
"""A sample of more is not worth the binomial's memory: an agent counts millions of frames."""

Between = tuple[float, float]
"""Lower and upper end of an interval."""


class Figures(msgspec.Struct, frozen=True):
    """What is said of one row of durations, in milliseconds."""

    n: int
    mean: float
    sd: float
    """Standard deviation of the sample (n - 1); 0 for one duration."""
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    p99_9: float
    max: float
    jitter: float
    """p99 / p50; 0 where p50 is 0."""
    first_third: float
    """Median of the first third, in the order in which they were measured."""
    last_third: float
    """Median of the last third: well above the first where a machine throttles."""
    p50_between: Between | None = None
    """The true p50 lies here with 95 %, whatever the distribution; None: too few durations."""
    p90_between: Between | None = None
    """The same of p90; it takes 36 durations."""


def figures(durations_ms: Sequence[float]) -> Figures:
    """Sum up durations given in the order in which they were measured; at least one."""
    ordered = sorted(durations_ms)
    mean = math.fsum(ordered) / len(ordered)
    p50, p99 = (percentile(ordered, share) for share in (0.5, 0.99))
    third = max(len(ordered) // 3, 1)
    return Figures(
        n=len(ordered),
        mean=mean,
        sd=_deviation(ordered, mean),
        min=ordered[0],
        p50=p50,
        p90=percentile(ordered, 0.9),
        p95=percentile(ordered, 0.95),
        p99=p99,
        p99_9=percentile(ordered, 0.999),
        max=ordered[-1],
        jitter=p99 / p50 if p50 else 0.0,
        first_third=median(durations_ms[:third]),
        last_third=median(durations_ms[-third:]),
        p50_between=between(ordered, 0.5),
        p90_between=between(ordered, 0.9),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of ``ordered`` do not exceed.

    The nearest-rank definition: always a value that was measured.
    """
    # Less a hair: .07 * 100 is 7.000000000000001, and is the 7th value all the same.
    return ordered[max(math.ceil(share * len(ordered) - 1e-9) - 1, 0)]


def _deviation(values: Sequence[float], mean: float) -> float:
    if len(values) < 2:
        return 0.0
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def between(ordered: Sequence[float], share: float) -> Between | None:
    """Return two measured values between which the true quantile lies with `CONFIDENCE`.

    By order statistics: how many of n values fall below the quantile is binomial, whatever they
    are the durations of. The values are taken to be independent; a slow machine's are not quite.

    Args:
        ordered: the sample, ascending.
        share: .9 for the 90th percentile.

    Returns:
        None where the sample is too small for any such pair.
    """
    pair = ranks(len(ordered), share)
    return None if pair is None else (ordered[pair[0] - 1], ordered[pair[1] - 1])


def ranks(n: int, share: float) -> tuple[int, int] | None:
    """Return the ranks, counted from 1, of the innermost pair with equal tails.

    Of many durations they are those of the normal distribution, a rank or two from the binomial's.

    Args:
        n: size of the sample.
        share: .9 for the 90th percentile.
    """
    tail = (1 - CONFIDENCE) / 2
    if n > _MANY:
        apart = NormalDist().inv_cdf(1 - tail) * math.sqrt(n * share * (1 - share))
        return math.floor(n * share - apart), min(math.ceil(n * share + apart) + 1, n)
    below = np.cumsum(_binomial(n, share))
    low = int(np.searchsorted(below, tail, side="right"))
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return (low, high) if low >= 1 and high <= n else None


def _binomial(n: int, share: float) -> NDArray[np.float64]:
    """Return the probabilities of 0 to ``n`` successes."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    k = np.arange(n + 1)
    exponents = logs[n] - logs - logs[::-1] + k * math.log(share) + (n - k) * math.log1p(-share)
    return np.asarray(np.exp(exponents), np.float64)
