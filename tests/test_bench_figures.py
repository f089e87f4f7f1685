"""Durations summed up: beside numpy, and on distributions whose quantiles are known."""

import math
import random
from collections.abc import Callable
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.bench.figures import between, figures, percentile

SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
durations = st.lists(st.floats(0.001, 1e4), min_size=1, max_size=400)


@given(durations)
def test_every_figure_is_numpys(ms: list[float]) -> None:
    told = figures(ms)
    quantiles = [float(np.quantile(ms, share, method="inverted_cdf")) for share in SHARES]
    assert [told.p50, told.p90, told.p95, told.p99, told.p99_9] == quantiles
    assert (told.n, told.min, told.max) == (len(ms), min(ms), max(ms))
    assert told.mean == pytest.approx(float(np.mean(ms)))
    if len(ms) > 1:
        assert told.sd == pytest.approx(float(np.std(ms, ddof=1)), abs=1e-9)


@given(durations)
def test_a_percentile_was_measured_and_enough_do_not_exceed_it(ms: list[float]) -> None:
    ordered = sorted(ms)
    for share in SHARES:
        found = percentile(ordered, share)
        assert found in ms
        assert sum(one <= found for one in ms) >= share * len(ms) - 1e-6


def test_one_duration_is_every_quantile_and_has_no_interval() -> None:
    told = figures([7.0])
    assert (told.p50, told.p99_9, told.sd, told.jitter) == (7.0, 7.0, 0.0, 1.0)
    assert told.p50_between is told.p90_between is None


def test_thirds_are_in_the_order_of_measuring() -> None:
    told = figures([1.0] * 10 + [2.0] * 10 + [3.0] * 10)
    assert (told.first_third, told.last_third) == (1.0, 3.0)
    assert figures([1.0, 9.0]).last_third == 9.0


def test_jitter_is_the_tail_by_the_middle() -> None:
    assert figures([10.0] * 98 + [30.0] * 2).jitter == 3.0


@pytest.mark.parametrize(
    ("n", "share", "ranks"),
    [
        # Ranks 40 and 61 of 100 are those of printed tables for the median (Conover, 1999).
        (100, 0.5, (40, 61)),
        # The extremes of 6 hold the median with 1 - 2 / 2**6 = 96.9 %; of 5 with 93.8 % only.
        (6, 0.5, (1, 6)),
    ],
)
def test_the_ranks_of_an_interval_are_those_of_the_tables(
    n: int, share: float, ranks: tuple[int, int]
) -> None:
    assert between([float(rank) for rank in range(1, n + 1)], share) == ranks


def test_too_few_durations_have_no_interval() -> None:
    assert between([float(n) for n in range(5)], 0.5) is None
    assert between([float(n) for n in range(35)], 0.9) is None
    assert between([float(n) for n in range(36)], 0.9) is not None


def exponential(rng: random.Random) -> float:
    return rng.expovariate(1.0)


def two_humps(rng: random.Random) -> float:
    return rng.gauss(20, 1) if rng.random() < 0.7 else rng.gauss(60, 10)


def rare_stalls(rng: random.Random) -> float:
    return rng.lognormvariate(3, 0.1) * (20 if rng.random() < 0.02 else 1)


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("draw", [exponential, two_humps, rare_stalls])
@pytest.mark.parametrize("n", [40, 101, 500])
def test_the_true_quantile_lies_in_95_of_100_intervals_whatever_the_distribution(
    share: float, draw: Callable[[random.Random], float], n: int
) -> None:
    rng = random.Random(f"{n}{share}")
    many = sorted(draw(rng) for _ in range(200_000))
    true = many[math.ceil(share * len(many))]
    rounds, held = 400, 0
    for _ in range(rounds):
        ends = between(sorted(draw(rng) for _ in range(n)), share)
        assert ends is not None
        held += ends[0] <= true <= ends[1]
    # Never less than 95 % but for the luck of 400 rounds, three of whose deviations are 3.3 %.
    assert held / rounds > 0.917


def test_an_interval_is_no_wider_than_it_must_be() -> None:
    rng = random.Random(1)
    sample = sorted(rng.gauss(100, 10) for _ in range(1000))
    ends = between(sample, 0.5)
    assert ends is not None
    # The median of a normal sample: 1.2533 sd / sqrt(n), times 1.96 on each side.
    assert ends[1] - ends[0] == pytest.approx(2 * 1.96 * 1.2533 * 10 / math.sqrt(1000), rel=0.4)
    assert ends[0] < median(sample) < ends[1]


def test_long_soaks_are_summed_up_in_time_and_without_overflow() -> None:
    told = figures([float(n % 1000) for n in range(60_000)])
    assert told.p50_between is not None
    assert told.p50_between[0] < told.p50 < told.p50_between[1]
