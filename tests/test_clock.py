"""Time."""

import ast
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from paho.mqtt import client

import edgeagent
from edgeagent import event
from edgeagent.clock import ManualClock, SystemClock, ahead_ms, kernel_boot


def test_the_systems_clocks_are_the_systems() -> None:
    clock = SystemClock()
    assert abs(clock.mono_s() - time.monotonic()) < 0.1
    assert abs(clock.wall_ms() / 1000 - time.time()) < 0.1
    assert clock.trusted() in (True, False)


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    clock.advance(2.5)
    assert (clock.mono_s(), clock.wall_ms()) == (1002.5, 1_700_000_002_500)
    clock.set(7.0, 9)
    assert (clock.mono_s(), clock.wall_ms()) == (7.0, 9)
    clock.set_wall(5)
    assert (clock.mono_s(), clock.wall_ms()) == (7.0, 5)


def test_the_kernels_boot_is_the_same_all_along() -> None:
    assert len(kernel_boot()) == 8
    assert kernel_boot() == kernel_boot()


class SetMeanwhile(ManualClock):
    """A clock that a time server sets, or a hand, between one reading and the next."""

    def __init__(self, reading: int, is_trusted: bool) -> None:
        super().__init__(wall_ms=0)
        self.reading, self.is_trusted = reading, is_trusted

    def _read(self) -> None:
        self.reading -= 1
        if self.reading == 0:
            self.set_wall(1_700_000_000_000)
            self.is_trusted = not self.is_trusted

    def wall_ms(self) -> int:
        self._read()
        return super().wall_ms()

    def trusted(self) -> bool:
        self._read()
        return self.is_trusted


@pytest.mark.parametrize("reading", range(1, 6))
@pytest.mark.parametrize("was_trusted", [False, True])
def test_a_time_is_trusted_only_if_the_clock_was_when_it_was_read(
    reading: int, was_trusted: bool
) -> None:
    clock = SetMeanwhile(reading, was_trusted)
    when = event.now(clock, "kernel01")
    is_new = when.wall_ms == 1_700_000_000_000
    assert not when.trusted or is_new is not was_trusted


class HeldUp(ManualClock):
    """A clock whose reader loses the processor between two readings, twice."""

    def __init__(self) -> None:
        super().__init__(mono_s=10.0, wall_ms=20_000)
        self.times = 2

    def wall_ms(self) -> int:
        wall_ms = super().wall_ms()
        if self.times:
            self.times -= 1
            self.advance(3.0)
        return wall_ms


def test_whoever_is_held_up_between_two_clocks_reads_again() -> None:
    assert ahead_ms(HeldUp()) == 10_000


WALL = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.strftime"}
WALL |= {"datetime.datetime.now", "datetime.now", "datetime.datetime.today", "datetime.today"}
READERS = {
    "clock.py": "the one clock that is passed in",
    "synchronised.py": "to find that it was set",
    "tls.py": "the date in a message",
    "adding/placing.py": "how old a forgotten file is, by hand",
    "bench/found.py": "when a measurement was made, by hand",
    "bench/live.py": "the same, of the running agent",
    "cli/doctor.py": "when somebody looked, by hand",
    "cli/watch.py": "what time it is for who watches",
    "doctor/broker.py": "how many days a certificate has left, by hand",
}


def test_nothing_else_reads_the_wall_clock_so_nothing_else_can_move_with_it() -> None:
    package = Path(edgeagent.__file__).parent
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL:
                found.add(str(path.relative_to(package)))
    assert found == READERS.keys()


def test_what_we_wait_with_waits_by_the_monotonic_clock_on_debian() -> None:
    # Where glibc is older than 2.30 a lock waits by the wall clock: a step back by a day is a day.
    if sys.base_prefix == "/usr":
        assert sysconfig.get_config_var("HAVE_SEM_CLOCKWAIT") == 1
    assert client.time_func is time.monotonic
