"""Time."""

import time

from edgeagent.clock import ManualClock, SystemClock, kernel_boot


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
