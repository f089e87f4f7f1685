"""Who says that the wall clock is right: one suite over every way to know."""

import os
from pathlib import Path
from typing import Protocol

import pytest

from edgeagent.clock import ManualClock, SystemClock
from edgeagent.synchronised import UNSYNCHRONISED_US, FlagFile, KernelWord, Timex, Way, ways

DAY_S = 86400.0
ERROR = 5
"""What adjtimex(2) returns while STA_UNSYNC is set; 0 while all is well."""


class Machine:
    """A clock, and the time service that sets it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock

    def step(self, seconds: float) -> None:
        """Set the clock by hand."""
        self.clock.set_wall(self.clock.wall_ms() + round(seconds * 1000))

    @property
    def way(self) -> Way:
        raise NotImplementedError

    def serve(self) -> None:
        """Let the time service set the clock right."""
        raise NotImplementedError


class Kernel(Machine):
    """As Linux keeps it: stepping the clock by hand makes it unsynchronised."""

    def __init__(self, clock: ManualClock, folder: Path) -> None:
        super().__init__(clock)
        self.maxerror, self.answer = UNSYNCHRONISED_US, ERROR
        self.way_ = KernelWord(self.ask)

    @property
    def way(self) -> Way:
        return self.way_

    def ask(self, timex: Timex) -> int:
        assert timex.modes == 0, "it only asks"
        timex.maxerror = self.maxerror
        return self.answer

    def step(self, seconds: float) -> None:
        super().step(seconds)
        self.maxerror, self.answer = UNSYNCHRONISED_US, ERROR

    def serve(self) -> None:
        self.maxerror, self.answer = 31_000, 0


class WithoutRtcSync(Kernel):
    """As chrony leaves it without ``rtcsync``: the time is right, and STA_UNSYNC set."""

    def serve(self) -> None:
        self.maxerror, self.answer = 31_000, ERROR


class Flag(Machine):
    """As timesyncd tells it: a file that is touched."""

    def __init__(self, clock: ManualClock, folder: Path) -> None:
        super().__init__(clock)
        self.path = folder / "synchronized"
        self.touches = 0
        self.way_ = FlagFile(
            self.path, lambda: round(clock.mono_s() * 1e9), lambda: clock.wall_ms() * 1_000_000
        )

    @property
    def way(self) -> Way:
        return self.way_

    def serve(self) -> None:
        self.path.touch()
        self.touches += 1
        os.utime(self.path, ns=(0, self.touches))


class Made(Protocol):
    def __call__(self, clock: ManualClock, folder: Path) -> Machine: ...


@pytest.fixture(params=[Kernel, WithoutRtcSync, Flag])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    make: Made = request.param
    return make(ManualClock(wall_ms=0), tmp_path)


def test_a_clock_that_nobody_has_set_is_not_right(machine: Machine) -> None:
    assert machine.way() is False


def test_it_is_right_from_when_a_time_service_has_set_it(machine: Machine) -> None:
    machine.step(20_000 * DAY_S)
    assert machine.way() is False
    machine.serve()
    assert machine.way() is True
    machine.clock.advance(DAY_S)
    assert machine.way() is True


@pytest.mark.parametrize("seconds", [-DAY_S, -10.0, 10.0, DAY_S])
def test_set_by_hand_it_is_right_no_more_until_the_service_is_back(
    machine: Machine, seconds: float
) -> None:
    machine.serve()
    assert machine.way() is True
    machine.step(seconds)
    machine.clock.advance(60.0)
    assert machine.way() is False
    assert machine.way() is False
    machine.step(-seconds)
    machine.serve()
    assert machine.way() is True


def test_a_step_of_the_service_itself_is_believed(machine: Machine) -> None:
    machine.serve()
    assert machine.way() is True
    machine.step(DAY_S)
    machine.serve()
    assert machine.way() is True


def test_a_flag_that_is_taken_away_is_believed_no_more(tmp_path: Path) -> None:
    flag = Flag(ManualClock(), tmp_path)
    flag.serve()
    assert flag.way() is True
    flag.path.unlink()
    assert flag.way() is False


def test_a_kernel_that_must_not_be_asked_says_nothing() -> None:
    assert KernelWord(lambda _: -1)() is None


def test_this_kernel_says_one_or_the_other_and_is_only_asked() -> None:
    assert KernelWord()() in (True, False, None)


@pytest.mark.parametrize(
    ("answers", "trusted"),
    [((True, False), True), ((None, True), True), ((None, False), False), ((None, None), False)],
)
def test_the_first_that_can_say_is_believed(
    answers: tuple[bool | None, ...], trusted: bool
) -> None:
    asked = [lambda said=said: said for said in answers]
    assert SystemClock(asked=asked).trusted() is trusted


def test_a_flag_of_the_owners_choice_is_asked_alone(tmp_path: Path) -> None:
    flag = tmp_path / "set"
    clock = SystemClock(str(flag))
    assert not clock.trusted()
    flag.touch()
    assert clock.trusted()
    names = [type(way).__name__ for way in ways()]
    assert names == ["KernelWord", "FlagFile"]
