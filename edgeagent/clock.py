"""Time, passed in and never patched: monotonic for durations, wall clock only as data."""

import ctypes
import time
from pathlib import Path
from typing import Protocol

_TIME_ERROR = 5
"""What adjtimex(2) returns while the kernel's clock is not synchronised."""
_TIMESYNC_FLAG = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once it has set the clock (systemd-timesyncd.service(8))."""


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

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        # struct timex is 208 bytes on 64-bit Linux; mode 0 only reads it.
        self._timex = ctypes.create_string_buffer(256)

    def mono_s(self) -> float:
        """See `Clock.mono_s`."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return time.time_ns() // 1_000_000

    def trusted(self) -> bool:
        """See `Clock.trusted`; the kernel's own word for it, adjtimex(2)."""
        ctypes.memset(self._timex, 0, len(self._timex))
        state = int(self._libc.adjtimex(self._timex))
        if state < 0:
            # A sandbox that forbids even reading the clock's state: ask timesyncd's flag.
            return _TIMESYNC_FLAG.exists()
        return state < _TIME_ERROR


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


def kernel_boot() -> str:
    """Return 8 hex digits that change with every start of the kernel, "" where unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""
