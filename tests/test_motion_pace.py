import pytest

from edgeagent.motion.pace import LONGEST_INTERVAL_S, Pace


def paced(interval_s: float, count: int = 40) -> Pace:
    pace = Pace(50.0)
    for n in range(count):
        pace.step(50.0 + n * interval_s)
    return pace


@pytest.mark.parametrize(("fps", "frames"), [(5, 1), (10, 1), (20, 2), (60, 6)])
def test_a_tenth_of_a_second_is_so_many_frames(fps: float, frames: int) -> None:
    assert paced(1 / fps).frames(0.1) == frames


def test_no_time_is_no_frame() -> None:
    assert paced(0.1).frames(0) == 0


def test_time_is_the_sum_of_the_steps() -> None:
    assert paced(0.05).now_s == pytest.approx(0.1 + 39 * 0.05)


def test_a_clock_that_goes_back_counts_as_the_usual_interval() -> None:
    pace = paced(0.05)
    assert pace.step(3.0) == pytest.approx(0.05, rel=0.05)


def test_a_long_gap_is_believed_only_so_far() -> None:
    assert paced(0.1).step(9000.0) == LONGEST_INTERVAL_S


def test_what_is_due_is_due_on_the_nearest_frame() -> None:
    pace = paced(0.1)
    since_s = pace.now_s
    pace.step(50.0 + 40 * 0.1)
    assert not pace.due(since_s, 0.2)
    pace.step(50.0 + 41 * 0.1 - 0.002)
    assert pace.due(since_s, 0.2)
