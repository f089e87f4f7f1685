"""Buckets that are fixed for ever."""

import random
import threading
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.histogram import MOST_US, Bucket, Histogram, StageHistograms, merged


def filled(durations_us: list[int]) -> Histogram:
    histogram = Histogram()
    for us in durations_us:
        histogram.add(us * 1000)
    return histogram


@given(st.lists(st.integers(0, MOST_US), min_size=1, max_size=200))
def test_every_duration_is_in_the_bucket_that_holds_it(durations_us: list[int]) -> None:
    histogram = filled(durations_us)
    for low, high, n in histogram.buckets():
        assert n == sum(low <= us < high for us in durations_us)
        assert high - low <= max(low / 8, 1)
    assert histogram.count == len(durations_us)
    assert histogram.sum_us == sum(durations_us)


def test_buckets_follow_each_other_without_a_gap_from_shortest_to_longest() -> None:
    buckets = filled([3, 1000, 250_000]).buckets()
    assert buckets[0].low_us == 3
    assert buckets[-1].low_us <= 250_000 < buckets[-1].high_us
    assert all(a.high_us == b.low_us for a, b in pairwise(buckets))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_quantile_is_at_most_a_sixteenth_off(share: float) -> None:
    rng = random.Random(3)
    durations_us = [round(rng.lognormvariate(9, 1)) for _ in range(5000)]
    true = float(np.quantile(durations_us, share, method="inverted_cdf"))
    assert filled(durations_us).quantile_us(share) == pytest.approx(true, rel=1 / 16)


def test_what_is_out_of_range_is_counted_at_its_end() -> None:
    histogram = Histogram()
    histogram.add(-5)
    histogram.add(10**18)
    assert [bucket.n for bucket in histogram.buckets() if bucket.n] == [1, 1]
    assert histogram.sum_us == MOST_US


def test_an_empty_one_says_so() -> None:
    assert Histogram().buckets() == []
    assert Histogram().quantile_us(0.5) == 0.0
    assert merged([], 12) == []


def test_a_copy_stands_still() -> None:
    histogram = filled([5, 6])
    copy = histogram.copy()
    histogram.add(7000)
    assert (copy.count, copy.sum_us, histogram.count) == (2, 11, 3)


def test_neighbours_are_joined_until_they_fit() -> None:
    buckets = filled(list(range(1, 5000))).buckets()
    few = merged(buckets, 12)
    assert len(few) <= 12
    assert sum(bucket.n for bucket in few) == 4999
    assert (few[0].low_us, few[-1].high_us) == (buckets[0].low_us, buckets[-1].high_us)
    assert merged([Bucket(0, 1, 4)], 12) == [Bucket(0, 1, 4)]


def test_each_stage_has_its_own_and_a_lap_runs_from_the_mark_before() -> None:
    laps = StageHistograms()
    for _ in range(3):
        laps.mark("motion")
        laps.mark("event")
    assert {stage: one.count for stage, one in laps.stages.items()} == {"motion": 3, "event": 3}


def test_marking_holds_on_to_no_memory() -> None:
    laps = StageHistograms()
    laps.mark("motion")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10_000):
        laps.mark("motion")
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1000


def test_others_may_read_while_stages_come() -> None:
    laps, faults = StageHistograms(), []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                [one.copy().quantile_us(0.9) for one in laps.stages.values()]
            except RuntimeError as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(3000):
        laps.mark(f"stage {number % 40}")
    stop.set()
    reader.join()
    assert faults == []


@given(st.lists(st.integers(0, MOST_US)), st.lists(st.integers(0, MOST_US), min_size=1))
def test_what_was_told_in_pairs_is_made_again_and_what_came_since_is_told_apart(
    before_us: list[int], after_us: list[int]
) -> None:
    earlier, later = filled(before_us), filled(before_us + after_us)
    again = Histogram.of_sparse(later.sparse(), later.sum_us)
    assert (again.buckets(), again.sum_us) == (later.buckets(), later.sum_us)
    since = again.since(earlier)
    assert (since.buckets(), since.sum_us) == (filled(after_us).buckets(), sum(after_us))
    both = earlier.plus(since)
    assert (both.buckets(), both.sum_us) == (later.buckets(), later.sum_us)


def test_since_one_that_was_begun_anew_is_all_of_it() -> None:
    begun_anew = filled([5])
    assert begun_anew.since(filled([1, 2, 3])).buckets() == begun_anew.buckets()


@pytest.mark.parametrize("pair", [(-1, 1), (10_000, 1), (3, -1)])
def test_a_bucket_that_cannot_be_is_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no bucket"):
        Histogram.of_sparse([pair], 0)


def test_whole_frames_are_summed_up_and_those_looked_at_apart() -> None:
    stages = StageHistograms()
    for words in (["source", "motion", "event"], ["source", "motion", "track", "event", "outbox"]):
        for word in words:
            stages.mark(word)
    stages.mark("source")  # a camera that is not armed says no more of this one
    assert (stages.see.count, stages.looked.count) == (2, 1)
    assert stages.looked.sum_us <= stages.see.sum_us
