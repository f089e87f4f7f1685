"""What a device thinks of a new release, from numbers alone."""

import pytest
from device import State, looks_said, looks_told
from judgement import (
    ENOUGH,
    GOOD,
    NEVER,
    SLOWER,
    SUSPECT,
    UNKNOWN,
    Looks,
    Times,
    WorseError,
    at_first,
    best,
    is_slower,
    is_worth_waiting,
    on_reflection,
)
from speed import judge_speed, looks, slower_in_turns

LIMIT = 1.3
WAS = Looks(5000, 20.0, 26.0)


def now(times: float, of_p90: float | None = None, n: int = ENOUGH) -> Looks:
    return Looks(n, WAS.p50_ms * times, WAS.p90_ms * (of_p90 or times))


@pytest.mark.parametrize(
    ("looks", "verdict"),
    [
        (now(1.0), GOOD),
        (now(0.9), GOOD),
        (now(0.8), UNKNOWN),
        (now(1.14), GOOD),
        (now(1.16), SUSPECT),
        (now(1.0, of_p90=1.16), SUSPECT),
        (now(3.0), SUSPECT),
        (now(3.0, n=ENOUGH - 1), UNKNOWN),
        (Looks(), UNKNOWN),
    ],
)
def test_half_of_what_is_allowed_makes_a_suspicion_and_few_looks_none(
    looks: Looks, verdict: str
) -> None:
    assert at_first(WAS, looks, LIMIT) == verdict


def test_a_device_that_had_not_looked_before_cannot_tell() -> None:
    assert at_first(Looks(ENOUGH - 1, 20.0, 26.0), now(3.0), LIMIT) == UNKNOWN
    assert at_first(Looks(), Looks(), LIMIT) == UNKNOWN


@pytest.mark.parametrize(
    ("looks", "on_cpu", "on_tpu"),
    [
        (now(1.0), GOOD, GOOD),
        (now(1.2), SUSPECT, GOOD),
        (now(1.4), SUSPECT, SLOWER),
        (now(1.0, of_p90=1.4), SUSPECT, SLOWER),
        (now(2.4), SUSPECT, SLOWER),
        (now(3.0, n=3), SUSPECT, SUSPECT),
    ],
)
def test_a_suspicion_is_settled_by_timing_on_the_cpu_and_by_the_looks_on_a_tpu(
    looks: Looks, on_cpu: str, on_tpu: str
) -> None:
    assert on_reflection(WAS, looks, LIMIT, is_on_cpu=True) == on_cpu
    assert on_reflection(WAS, looks, LIMIT, is_on_cpu=False) == on_tpu


@pytest.mark.parametrize(
    ("n", "spent_s", "is_worth"),
    [(10, 5.0, True), (7, 5.0, False), (0, 5.0, False), (ENOUGH, 5.0, False), (29, 20.0, False)],
)
def test_it_is_watched_longer_only_where_looks_come_often_enough(
    n: int, spent_s: float, is_worth: bool
) -> None:
    assert is_worth_waiting(n, spent_s, 20.0) == is_worth


def test_in_turns_the_shortest_run_counts_and_not_what_else_went_on() -> None:
    assert not is_slower((20.0, 26.0), (25.0, 80.0), LIMIT)
    assert is_slower((20.0, 80.0), (30.0, 64.0), LIMIT)
    assert is_slower((20.0, 26.0), NEVER, LIMIT)
    assert not is_slower(NEVER, NEVER, LIMIT)
    assert best((20.0, 30.0), (25.0, 26.0)) == (20.0, 26.0)
    assert slower_in_turns((20.0, 26.0), NEVER, LIMIT) == "the model does not run any more"


def test_a_report_of_live_times_is_read_looked_or_not() -> None:
    invoke = {
        "n": 40,
        "mean": 21.0,
        "p50": 20.5,
        "p90": 26.0,
        "p99": 30.0,
        "min": 19.0,
        "max": 31.0,
    }
    assert looks_told({"stages": {"invoke": invoke, "motion": invoke}}) == (40, 20.5, 26.0)
    assert looks_told({"stages": {}}) == (0, 0.0, 0.0)


def test_of_a_status_the_slowest_camera_counts_and_the_looks_of_all() -> None:
    stages = {
        "door": {"invoke": {"n": 30, "p50_ms": 20.0, "p90_ms": 26.0}},
        "yard": {"invoke": {"n": 10, "p50_ms": 22.0, "p90_ms": 40.0}, "motion": {}},
        "shed": {},
    }
    assert looks_said({"stages": stages}) == (40, 22.0, 40.0)
    assert looks_said({}) == (0, 0.0, 0.0)


def test_before_and_after_are_told_by_the_same_source() -> None:
    old = State("0.1.0", "", True, 0, said=(50, 20.0, 26.0))
    new = State("0.2.0", "0.1.0", True, 0, said=(40, 21.0, 27.0), live=(40, 20.9, 26.9))
    assert looks(old, new) == (Looks(50, 20.0, 26.0), Looks(40, 21.0, 27.0))
    assert looks(new, new) == (Looks(40, 20.9, 26.9),) * 2
    assert looks(State("", "", False, 0), new)[0] == Looks()


def state(looks: Looks, engine: str = "cpu") -> State:
    return State("0.1.0", "", True, 0, live=(looks.n, looks.p50_ms, looks.p90_ms), engine=engine)


class Asked:
    """Answers what a device is asked, and keeps the questions."""

    def __init__(
        self, more: Looks | None = None, turns: tuple[Times, Times] = (NEVER, NEVER)
    ) -> None:
        self.questions: list[str] = []
        self._more, self._turns = more, turns

    def look_on(self) -> tuple[int, float, float] | None:
        self.questions.append("looks")
        return self._more

    def time(self) -> tuple[Times, Times]:
        self.questions.append("turns")
        return self._turns

    def judge(self, now: Looks, engine: str = "cpu") -> str:
        """Return what is said of the speed."""
        before, after = state(WAS, engine), state(now, engine)
        return str(judge_speed(before, after, LIMIT, self.look_on, self.time)["speed"])


def test_as_many_looks_as_are_needed_and_as_fast_as_ever_are_enough() -> None:
    asked = Asked()
    assert asked.judge(now(1.0)) == "30 looks"
    assert asked.questions == []


def test_a_suspicion_that_passes_is_none() -> None:
    asked = Asked(more=now(1.0, n=44))
    assert asked.judge(now(1.5)) == "44 looks"
    assert asked.questions == ["looks"]


def test_what_load_did_to_the_looks_is_settled_in_turns() -> None:
    asked = Asked(more=now(1.5), turns=((20.0, 26.0), (20.5, 60.0)))
    assert asked.judge(now(1.5)) == "in turns"
    asked = Asked(more=now(1.2), turns=((20.0, 26.0), (30.0, 40.0)))
    with pytest.raises(WorseError, match=r"takes 30.0 ms at best, it took 20.0"):
        asked.judge(now(1.2))


def test_on_an_edge_tpu_that_the_agent_holds_its_looks_alone_decide() -> None:
    asked = Asked(more=now(1.4))
    with pytest.raises(WorseError, match=r"takes 28.0 ms, it took 20.0 \(p90 36.4 and 26.0\)"):
        asked.judge(now(1.4), "usb:0")
    assert asked.questions == ["looks"]


def test_where_nobody_passes_by_both_are_run_in_turns_on_the_cpu() -> None:
    asked = Asked(turns=((20.0, 26.0), (20.5, 27.0)))
    assert asked.judge(Looks(), "usb:0") == "in turns"
    assert asked.questions == ["turns"]
    assert Asked().judge(Looks()) == "not judged"


def test_a_device_that_had_more_to_do_before_is_timed_in_turns() -> None:
    asked = Asked(turns=((20.0, 26.0), (30.0, 40.0)))
    with pytest.raises(WorseError, match="at best"):
        asked.judge(now(0.5))


def test_an_older_release_that_cannot_be_asked_for_more_is_judged_by_what_it_said() -> None:
    asked = Asked(more=None, turns=((20.0, 26.0), (20.5, 27.0)))
    assert asked.judge(now(1.2)) == "in turns"
