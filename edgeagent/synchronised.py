"""Has a time server set the wall clock: the kernel's own word for it, or a file touched then.

Each way is asked without arguments and answers True, False, or None where it cannot be said.
"""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

TIMESYNC_FLAG = Path("/run/systemd/timesync/synchronized")
"""Touched by systemd-timesyncd whenever it has set the clock (systemd-timesyncd.service(8))."""
UNSYNCHRONISED_US = 16_000_000
"""The kernel's NTP_PHASE_LIMIT: how wrong, at most, a clock is said to be that nobody has set, or
that somebody has stepped by hand."""
JUMP_NS = 1_000_000_000
"""A wall clock that moved so far against the monotonic one was set; slewing moves both."""

Way = Callable[[], bool | None]


class Timex(ctypes.Structure):
    """``struct timex`` of adjtimex(2), up to what is read of it; the rest of 208 bytes is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_char * 208),
    )
    maxerror: int


_libc = ctypes.CDLL(None)


def _adjtimex(timex: Timex) -> int:
    return int(_libc.adjtimex(ctypes.byref(timex)))


class KernelWord:
    """adjtimex(2), which every time service feeds: timesyncd, chrony, ntpd, ptp4l.

    What counts is the greatest error, not STA_UNSYNC: chrony without ``rtcsync``, and timesyncd
    where the board's clock runs on local time, leave that flag set while the time is right.
    """

    def __init__(self, ask: Callable[[Timex], int] = _adjtimex) -> None:
        self._ask = ask

    def __call__(self) -> bool | None:
        """Return whether the clock is set; None in a sandbox that forbids even the question."""
        timex = Timex()
        return timex.maxerror < UNSYNCHRONISED_US if self._ask(timex) >= 0 else None


class FlagFile:
    """A file that is touched whenever the clock is set right, as timesyncd's own.

    Set by hand, the clock leaves the file as it is: what it shows is then believed no more until
    the file is touched again.
    """

    def __init__(
        self,
        path: Path = TIMESYNC_FLAG,
        mono_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._path, self._mono_ns, self._wall_ns = path, mono_ns, wall_ns
        self._believed: tuple[int, int] | None = None
        """When the file was touched, and how far the wall clock was before the other then."""

    def __call__(self) -> bool | None:
        """Return whether the file is there, and the clock has not been set since it was touched."""
        try:
            touched_ns = self._path.stat().st_mtime_ns
        except OSError:
            self._believed = None
            return False
        ahead_ns, believed = self._wall_ns() - self._mono_ns(), self._believed
        if believed is None or believed[0] != touched_ns:
            self._believed = (touched_ns, ahead_ns)
            return True
        return abs(ahead_ns - believed[1]) < JUMP_NS


def ways(flag: str = "") -> tuple[Way, ...]:
    """Return whom to ask, in turn: ``flag`` alone if it is given, else kernel, then timesyncd."""
    return (FlagFile(Path(flag)),) if flag else (KernelWord(), FlagFile())
