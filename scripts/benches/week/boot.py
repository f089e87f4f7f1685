"""Begins a command on a machine that has a life of its own: boot.py FOLDER COMMAND...

Its monotonic clock is that of the kernel that FOLDER/uptime tells of (a time namespace), so that
it starts near nought after each new kernel boot; its wall clock is set by what stands in
FOLDER/clock ("+0", "+1d"), by libfaketime. The boot id is the namespace's, see `home.Card`.
"""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWTIME = 0x80
"""linux/sched.h."""
FAKETIME = "faketime/libfaketimeMT.so.1"


def faketime() -> Path | None:
    """Return Debian's library, None where it is not installed."""
    return next(Path("/usr/lib").glob(f"*/{FAKETIME}"), None)


def enter_kernel(offset_s: int) -> None:
    """Shift the monotonic clock of this process and what it becomes.

    Raises:
        OSError: the kernel has no time namespaces.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWTIME):
        raise OSError(ctypes.get_errno(), "unshare")
    offsets = f"monotonic {offset_s} 0\nboottime {offset_s} 0\n"
    Path("/proc/self/timens_offsets").write_text(offsets)
    own = os.open("/proc/self/ns/time_for_children", os.O_RDONLY)
    if libc.setns(own, CLONE_NEWTIME):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(own)


def clock_settings(folder: Path) -> dict[str, str]:
    """Return what libfaketime is told: the wall clock alone, read again each second."""
    library = faketime()
    if library is None:
        return {}
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def main() -> None:
    """Become the command."""
    folder, command = Path(sys.argv[1]), sys.argv[2:]
    enter_kernel(int((folder / "uptime").read_text()))
    os.execve(command[0], command, {**os.environ, **clock_settings(folder)})


if __name__ == "__main__":
    main()
