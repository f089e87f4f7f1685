import random
from itertools import pairwise

import pytest

from edgeagent.clock import ManualClock
from edgeagent.mqtt.backoff import SOUND_S, TAKEN_OVER, TAKEN_OVER_S, Backoff
from edgeagent.mqtt.rival import TIMES, Rival

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


def battle(first: Backoff, second: Backoff, clock: ManualClock, hours: float) -> int:
    """Let two with one client id throw each other out; return how often it came to that."""
    end_s, times = clock.mono_s() + 3600 * hours, 0
    waits = [(clock.mono_s() + 5, first), (clock.mono_s(), second)]
    came: dict[Backoff, float] = {}
    while (due := min(waits, key=lambda wait: wait[0]))[0] < end_s:
        waits.remove(due)
        clock.advance(due[0] - clock.mono_s())
        came[due[1]] = clock.mono_s()
        if not waits:
            (other,) = {first, second} - {due[1]}
            times += 1
            lasted_s = clock.mono_s() - came[other]
            waits.append((clock.mono_s() + other.wait_s(lasted_s), other))
    return times


def test_two_with_one_client_id_throw_each_other_out_about_once_a_minute() -> None:
    clock = ManualClock()
    first, second = (Backoff(120.0, random.Random(n).uniform, clock.mono_s) for n in (1, 2))
    assert 20 < battle(first, second, clock, 1.0) < 120


def test_after_three_cuts_without_a_word_another_of_our_name_is_suspected() -> None:
    rival = Rival("pi")
    assert [rival.suspected(True, 2.0) for _ in range(TIMES - 1)] == ["", ""]
    assert "has another device the client id 'pi'?" in rival.suspected(True, 2.0)
    assert rival.suspected(True, SOUND_S + 1) == ""
    assert rival.suspected(True, 2.0) == ""
    assert rival.suspected(False, 2.0) == ""
