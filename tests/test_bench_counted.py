"""Durations that were only counted, beside the same ones kept."""

import random

import pytest

from edgeagent.bench.counted import counted
from edgeagent.bench.figures import Figures, figures, ranks
from edgeagent.histogram import Histogram

WIDTH = 1 / 8
"""Of a bucket, by its lower edge."""


def drawn(n: int, seed: int = 3) -> list[int]:
    rng = random.Random(seed)
    return [round(rng.lognormvariate(9, 1)) for _ in range(n)]


def histogram_of(durations_us: list[int]) -> Histogram:
    histogram = Histogram()
    for us in durations_us:
        histogram.add(us * 1000)
    return histogram


def both(durations_us: list[int]) -> tuple[Figures, Figures]:
    kept = figures([us / 1000 for us in durations_us])
    return counted(histogram_of(durations_us)), kept


@pytest.mark.parametrize("n", [1, 2, 40, 5000])
def test_it_is_what_the_durations_themselves_give_but_for_the_width_of_a_bucket(n: int) -> None:
    told, kept = both(drawn(n))
    assert told.n == kept.n
    assert told.mean == pytest.approx(kept.mean)
    for name in ("p50", "p90", "p95", "p99", "p99_9"):
        assert getattr(told, name) == pytest.approx(getattr(kept, name), rel=WIDTH / 2)
    assert told.sd == pytest.approx(kept.sd, rel=WIDTH, abs=WIDTH * kept.mean)
    assert told.min <= kept.min < told.min * (1 + WIDTH) + 0.001
    assert kept.max < told.max <= kept.max * (1 + WIDTH) + 0.001


def test_an_interval_holds_that_of_the_durations() -> None:
    told, kept = both(drawn(500))
    for wide, narrow in (
        (told.p50_between, kept.p50_between),
        (told.p90_between, kept.p90_between),
    ):
        assert wide is not None
        assert narrow is not None
        assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


def test_too_few_have_no_interval() -> None:
    assert counted(histogram_of(drawn(35))).p90_between is None
    assert counted(histogram_of(drawn(36))).p90_between is not None


def test_a_drift_is_seen_where_the_time_was_taken_in_parts() -> None:
    parts = [histogram_of([us] * 50) for us in (1000, 2000, 4000)]
    whole = parts[0].plus(parts[1]).plus(parts[2])
    told = counted(whole, parts)
    assert told.last_third > 3 * told.first_third
    assert counted(whole).first_third == counted(whole).last_third


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_of_very_many_the_ranks_are_the_normal_distributions(share: float) -> None:
    few, many = ranks(100_000, share), ranks(100_001, share)
    assert few is not None
    assert many is not None
    assert abs(few[0] - many[0]) <= 3
    assert abs(few[1] - many[1]) <= 3
    assert ranks(10**9, share) is not None
