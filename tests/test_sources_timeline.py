"""Stamping frames, and letting the right number through."""

import random
import threading
import time
from itertools import pairwise

import pytest

from edgeagent.clock import ManualClock, SystemClock
from edgeagent.sources.timeline import ClipTimes, LiveTimes, Thinning, wait_until


def test_a_clip_begins_now_whatever_its_first_timestamp() -> None:
    times = ClipTimes(ManualClock(50.0, 1_000), 0.1)
    stamps = [times.at(pts_s) for pts_s in (7.0, 7.1, 7.5)]
    assert stamps == [
        (50.0, 1_000),
        (pytest.approx(50.1), 1_100),
        (pytest.approx(50.5), 1_500),
    ]


def test_a_clip_with_no_or_with_wrong_timestamps_still_goes_forward() -> None:
    times = ClipTimes(ManualClock(0.0), 0.1)
    stamps = [times.at(pts_s)[0] for pts_s in (None, 0.0, 0.0, -3.0, None, 2.0)]
    assert all(later > sooner for sooner, later in pairwise(stamps))
    assert stamps[:2] == pytest.approx([0.0, 0.1])


def test_a_clip_begun_again_goes_on_one_interval_later() -> None:
    times = ClipTimes(ManualClock(0.0), 0.1)
    first = [times.at(pts_s)[0] for pts_s in (0.0, 0.1)]
    times.restart()
    second = [times.at(pts_s)[0] for pts_s in (0.0, 0.1)]
    assert first + second == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_a_burst_keeps_the_spacing_its_frames_were_taken_with() -> None:
    clock = ManualClock(100.0)
    times = LiveTimes(clock)
    before = [_arrive(times, clock, 0.1, at * 0.1) for at in range(5)]
    clock.advance(0.4)
    burst = [_arrive(times, clock, 0.001, 0.5 + at * 0.1) for at in range(4)]
    gaps = [later - sooner for sooner, later in pairwise([*before, *burst])]
    assert gaps == pytest.approx([0.1] * 8, abs=0.02)
    assert burst[-1] <= clock.mono_s() + 1e-5


def _arrive(times: LiveTimes, clock: ManualClock, after_s: float, pts_s: float) -> float:
    clock.advance(after_s)
    return times.at(pts_s)[0]


def test_a_cameras_clock_that_drifts_is_followed() -> None:
    clock = ManualClock(0.0)
    times = LiveTimes(clock)
    draw = random.Random(7)
    for at in range(5000):
        # The camera's clock loses one part in a thousand, 0.5 s in all.
        taken_s = _arrive(times, clock, 0.1, at * 0.1 * 0.999 + draw.uniform(-0.01, 0.01))
    assert clock.mono_s() - taken_s < 0.05


def test_timestamps_that_jump_are_taken_up_from_where_they_are() -> None:
    clock = ManualClock(100.0)
    times = LiveTimes(clock)
    stamps = [_arrive(times, clock, 0.1, pts_s) for pts_s in (0.0, 0.1, 900.0, 900.1, 0.0, 0.1)]
    assert stamps == pytest.approx([100.1, 100.2, 100.3, 100.4, 100.5, 100.6], abs=0.01)


def test_a_stream_without_timestamps_is_stamped_on_arrival_and_still_rises() -> None:
    clock = ManualClock(100.0, 5_000)
    times = LiveTimes(clock)
    first, second = times.at(None), times.at(None)
    assert first == (100.0, 5_000)
    assert first[0] < second[0] < 100.001


@pytest.mark.parametrize(("given", "asked"), [(25, 10), (30, 10), (30, 25), (10, 10), (5, 10)])
def test_thinning_lets_through_as_many_a_second_as_asked(given: int, asked: int) -> None:
    thinning = Thinning(asked)
    let = sum(thinning.admits(at / given) for at in range(given * 20))
    assert let == pytest.approx(min(given, asked) * 20, abs=1)


def test_thinning_takes_no_frame_from_a_camera_that_only_jitters() -> None:
    thinning = Thinning(10)
    draw = random.Random(3)
    assert all(thinning.admits(at / 10 + draw.uniform(-0.01, 0.01)) for at in range(1000))


def test_waiting_for_what_is_past_takes_no_time_and_stop_ends_a_wait() -> None:
    clock, stop = SystemClock(), threading.Event()
    begun_s = time.monotonic()
    wait_until(clock.mono_s() - 5, clock, stop)
    wait_until(clock.mono_s() + 0.05, clock, stop)
    waited_s = time.monotonic() - begun_s
    assert 0.05 <= waited_s < 4
    stop.set()
    wait_until(clock.mono_s() + 60, clock, stop)
    assert time.monotonic() - begun_s < 30
