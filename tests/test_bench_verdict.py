"""Good, bad, or too noisy to say: on made-up runs whose truth is known."""

import numpy as np
import pytest

from edgeagent.bench.figures import figures
from edgeagent.bench.verdict import (
    BAD,
    BLOCKS,
    GOOD,
    UNSURE,
    Block,
    Verdict,
    beside,
    blocks,
    together,
    within,
)


def run(seed: int, slower: float = 1.0, machine: float = 1.0, noise: float = 0.04) -> list[Block]:
    """A run of 200 looks of 25 ms; the machine's pace is in looks and yardstick alike."""
    random = np.random.default_rng(seed)
    see = 25 * slower * machine * random.lognormal(0, noise, 200)
    yardstick = 5.5 * machine * random.lognormal(0, noise, 200)
    return blocks(see.tolist(), yardstick.tolist())


def test_the_same_build_passes_and_a_slower_one_does_not() -> None:
    assert beside(run(1), run(2), 0.05).status == GOOD
    told = beside(run(1, slower=1.1), run(2), 0.05)
    assert told.status == BAD
    assert told.ratio == pytest.approx(1.1, abs=0.02)
    assert told.ratio is not None
    assert told.between is not None
    assert told.between[0] < told.ratio < told.between[1]
    assert told.why.endswith("5 % slower is allowed")
    assert "slower than the baseline" in told.why


def test_a_faster_build_is_good_and_said_to_be_faster() -> None:
    told = beside(run(1, slower=0.8), run(2), 0.05)
    assert told.status == GOOD
    assert "faster than the baseline" in told.why


def test_a_machine_that_is_slower_to_day_is_no_regression() -> None:
    assert beside(run(1, machine=1.6), run(2), 0.05).status == GOOD
    assert beside(run(1, slower=1.1, machine=0.6), run(2), 0.05).status == BAD


def test_a_noisy_machine_is_not_blamed_on_the_build() -> None:
    told = beside(run(1, slower=1.05, noise=0.4), run(2, noise=0.4), 0.05)
    assert told.status == UNSURE


@pytest.mark.parametrize(("spoilt", "status"), [(2, GOOD), (4, UNSURE)])
def test_a_spell_of_noise_does_not_decide(spoilt: int, status: int) -> None:
    now = run(1)
    now[:spoilt] = [Block(block.see * 3, block.yardstick) for block in now[:spoilt]]
    assert beside(now, run(2), 0.05).status == status


def test_twenty_rounds_are_right_as_often_as_is_asked_of_the_real_thing() -> None:
    same = [beside(run(3 * n), run(3 * n + 1), 0.05).status for n in range(20)]
    slow = [beside(run(3 * n + 2, slower=1.1), run(3 * n + 1), 0.05).status for n in range(20)]
    assert (same.count(BAD), slow.count(GOOD)) == (0, 0)
    assert max(same.count(UNSURE), slow.count(UNSURE)) <= 4


def test_the_interval_holds_the_truth_19_times_of_20() -> None:
    ends = [beside(run(2 * n), run(2 * n + 1), 0.05).between for n in range(200)]
    held = sum(one is not None and one[0] <= 1 <= one[1] for one in ends)
    assert held >= 180


def test_the_same_runs_get_the_same_verdict() -> None:
    assert beside(run(1), run(2), 0.05) == beside(run(1), run(2), 0.05)


def test_too_few_looks_are_not_compared() -> None:
    few = blocks([25.0] * 5, [5.0] * 5)
    assert beside(few, run(1), 0.05).status == UNSURE
    assert beside(run(1), few, 0.05).status == UNSURE


def test_a_run_is_cut_into_blocks_of_equal_size_that_lose_nothing() -> None:
    see = [float(n) for n in range(100)]
    cut = blocks(see, see)
    assert len(cut) == BLOCKS
    assert [block.see for block in cut] == sorted(block.see for block in cut)
    assert blocks([1.0, 2.0], [3.0, 4.0]) == [Block(1.0, 3.0), Block(2.0, 4.0)]
    assert blocks([], []) == []


def test_a_limit_is_met_missed_or_too_near_to_say() -> None:
    told = figures([float(n) for n in range(1, 101)])
    assert told.p90_between is not None
    low, high = told.p90_between
    assert within(told, high).status == GOOD
    assert within(told, high + 1).status == GOOD
    assert within(told, low - 0.5).status == BAD
    assert within(told, 90).status == UNSURE


def test_three_looks_say_nothing_of_a_limit() -> None:
    told = within(figures([1.0, 2.0, 3.0]), 1000)
    assert told.status == UNSURE
    assert "too few" in told.why


def test_one_bad_answer_is_bad_and_one_unsure_among_good_is_unsure() -> None:
    good, bad, unsure = (Verdict(status, "") for status in (GOOD, BAD, UNSURE))
    assert together([]) == GOOD
    assert together([good, unsure]) == UNSURE
    assert together([unsure, bad, good]) == BAD
