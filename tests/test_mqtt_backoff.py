import random
from itertools import pairwise

import pytest

from edgeagent.clock import ManualClock
from edgeagent.mqtt.backoff import SOUND_S, TAKEN_OVER, TAKEN_OVER_S, Backoff

BIN_S = 0.1


def attempts(backoff: Backoff, clock: ManualClock, until_s: float) -> list[float]:
    """Fail until ``until_s`` after the loss; return when each attempt came, the last one after."""
    began_s, times = clock.mono_s(), [0.0]
    while times[-1] < until_s:
        clock.advance(backoff.wait_s(0.0))
        times.append(clock.mono_s() - began_s)
    return times[1:]


def test_the_first_wait_is_short_and_the_others_are_half_the_time_since_the_loss() -> None:
    clock = ManualClock()
    backoff = Backoff(120.0, lambda _, high: high, clock.mono_s)
    assert attempts(backoff, clock, 5.0) == pytest.approx([1.0, 2.0, 3.5, 5.75])


def test_no_wait_is_longer_than_its_bound() -> None:
    clock = ManualClock()
    times = attempts(Backoff(10.0, random.Random(1).uniform, clock.mono_s), clock, 600.0)
    waits = [late - early for early, late in pairwise(times)]
    assert max(waits) <= 10.0
    assert min(waits[-20:]) >= 8.0


def test_after_a_sound_connection_the_next_loss_is_a_new_one() -> None:
    clock = ManualClock()
    backoff = Backoff(120.0, lambda _, high: high, clock.mono_s)
    attempts(backoff, clock, 100.0)
    assert backoff.wait_s(SOUND_S - 1) > 30.0
    assert backoff.wait_s(SOUND_S + 1) == 1.0


def test_a_session_taken_over_is_left_alone_for_a_minute() -> None:
    backoff = Backoff(10.0, lambda low, _: low)
    assert backoff.wait_s(0.0, TAKEN_OVER) == TAKEN_OVER_S
    assert backoff.wait_s(0.0, TAKEN_OVER) > TAKEN_OVER_S


@pytest.mark.parametrize("away_s", [0.01, 1.0, 5.0, 20.0, 60.0])
def test_a_thousand_agents_come_back_evenly(away_s: float) -> None:
    draw = random.Random(7).uniform
    bins: dict[int, int] = {}
    for _ in range(1000):
        clock = ManualClock()
        back_s = attempts(Backoff(120.0, draw, clock.mono_s), clock, away_s)[-1] - away_s
        bins[int(back_s / BIN_S)] = bins.get(int(back_s / BIN_S), 0) + 1
    mean = 1000 / (max(bins) + 1)
    assert max(bins.values()) <= 3 * mean + 3
    assert max(bins) * BIN_S <= 1.0 + 0.6 * away_s
