"""How often something may happen."""

from hypothesis import given
from hypothesis import strategies as st

from edgeagent.rate import Bucket


def test_frames_at_just_the_rate_all_pass_although_their_times_jitter() -> None:
    bucket = Bucket(10.0)
    assert all(bucket.take(n / 10 + (-1) ** n * 0.004) for n in range(100))


def test_a_burst_passes_at_once_and_then_the_rate_holds() -> None:
    bucket = Bucket(2.0, burst=5)
    assert sum(bucket.take(0.0) for _ in range(20)) == 5
    assert sum(bucket.take(n / 100) for n in range(1, 301)) == 6


@given(st.lists(st.floats(0, 0.5), max_size=200), st.floats(0.5, 20), st.floats(1, 10))
def test_no_more_passes_than_the_rate_allows(
    gaps_s: list[float], per_s: float, burst: float
) -> None:
    bucket, now_s, passed = Bucket(per_s, burst), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        passed += bucket.take(now_s)
    assert passed <= burst + now_s * per_s + 0.2


def test_a_clock_that_goes_back_lets_nothing_extra_through() -> None:
    bucket = Bucket(1.0)
    assert bucket.take(100.0)
    assert not bucket.take(50.0)
    assert not bucket.take(50.5)
