"""Time, passed in and never patched: monotonic for durations, wall clock only as data."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from edgeagent.synchronised import Way, ways

_TRIES = 3
_CLOSE_S = 0.001
"""Two readings of one clock so close together can count as one."""


class Clock(Protocol):
    """What the agent knows of time. Safe to call from any thread."""

    def mono_s(self) -> float:
        """Return seconds since some fixed instant of this kernel boot; never goes back."""
        ...

    def wall_ms(self) -> int:
        """Return unix time in milliseconds, right or wrong; may jump either way."""
        ...

    def trusted(self) -> bool:
        """Return whether the wall clock has been set by a time server since boot."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def __init__(self, flag: str = "", asked: Iterable[Way] = ()) -> None:
        """Begin.

        Args:
            flag: a file that says alone whether the wall clock is right; see `config.ClockConfig`.
            asked: other ways to know, in turn, until one answers.
        """
        self._ways = tuple(asked) or ways(flag)

    def mono_s(self) -> float:
        """See `Clock.mono_s`."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return time.time_ns() // 1_000_000

    def trusted(self) -> bool:
        """See `Clock.trusted`; the first way that can say does."""
        return next((said for way in self._ways if (said := way()) is not None), False)


class ManualClock:
    """A clock that stands still until told: for tests, and for replaying a clip's own time."""

    def __init__(self, mono_s: float = 1000.0, wall_ms: int = 1_700_000_000_000) -> None:
        self._mono_s = mono_s
        self._wall_ms = float(wall_ms)
        self.is_trusted = True

    def mono_s(self) -> float:
        """See `Clock.mono_s`."""
        return self._mono_s

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return int(self._wall_ms)

    def trusted(self) -> bool:
        """See `Clock.trusted`; set by ``is_trusted``."""
        return self.is_trusted

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        self._mono_s += seconds
        self._wall_ms += seconds * 1000

    def set(self, mono_s: float, wall_ms: int) -> None:
        """Set both clocks, as a replay does to the time of its clip."""
        self._mono_s, self._wall_ms = mono_s, float(wall_ms)

    def set_wall(self, wall_ms: int) -> None:
        """Set the wall clock alone, as a time server does after a start without one."""
        self._wall_ms = float(wall_ms)


def ahead_ms(clock: Clock) -> int:
    """Return how far the wall clock is before the monotonic one; it changes only when it is set.

    Whoever is held up between the two readings reads again.
    """
    readings = []
    for _ in range(_TRIES):
        before_s = clock.mono_s()
        wall_ms = clock.wall_ms()
        took_s = clock.mono_s() - before_s
        readings.append((took_s, wall_ms - round((before_s + took_s / 2) * 1000)))
        if took_s < _CLOSE_S:
            break
    return min(readings)[1]


def kernel_boot() -> str:
    """Return 8 hex digits that change with every start of the kernel, "" where unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""
