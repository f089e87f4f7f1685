"""How long a call may take: by the calls before it."""

from edgeagent.engines.deadline import KEPT_CALLS, Deadline, Patience

MS = 1_000_000


def test_until_it_is_warm_a_call_may_take_as_long_as_loading() -> None:
    patience = Patience(Deadline(load_s=30))
    assert patience.limit_s == 30
    assert not patience.note(900 * MS)
    assert patience.limit_s == 30
    assert patience.note(500 * MS)
    assert patience.limit_s == 5


def test_the_first_call_is_never_typical() -> None:
    patience = Patience(Deadline(at_least_s=0.1))
    for taken_ns in [9000 * MS, *[20 * MS] * 63]:
        patience.note(taken_ns)
    assert patience.limit_s == 0.2


def test_it_is_never_less_than_the_least() -> None:
    patience = Patience(Deadline())
    for _ in range(200):
        patience.note(3 * MS)
    assert patience.limit_s == 2


def test_one_call_in_a_hundred_does_not_stretch_it_and_two_do() -> None:
    for slow, limit_s in ((1, 0.5), (8, 5.0)):
        patience = Patience(Deadline(times_p99=10, at_least_s=0.5))
        for number in range(KEPT_CALLS):
            patience.note(500 * MS if number >= KEPT_CALLS - slow else 5 * MS)
        assert patience.limit_s == limit_s


def test_what_was_slow_long_ago_is_forgotten() -> None:
    patience = Patience(Deadline())
    for _ in range(64):
        patience.note(1000 * MS)
    assert patience.limit_s == 10
    for _ in range(KEPT_CALLS):
        patience.note(5 * MS)
    assert patience.limit_s == 2
