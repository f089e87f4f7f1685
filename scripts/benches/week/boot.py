"""Begins a command on a machine that has a life of its own: boot.py FOLDER COMMAND...

Its monotonic clock is that of the kernel that FOLDER/uptime tells of (a time namespace), so that
it starts near nought after each new kernel boot; its wall clock is as many seconds off as
FOLDER/clock says (wall_clock.c). The boot id is the namespace's, see `home.Card`.
"""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWTIME = 0x80
"""linux/sched.h."""


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
    """Return what makes the wall clock the folder's own, see wall_clock.c."""
    return {"LD_PRELOAD": str(folder / "wall_clock.so"), "WEEK_CLOCK": str(folder / "clock")}


def main() -> None:
    """Become the command."""
    folder, command = Path(sys.argv[1]), sys.argv[2:]
    enter_kernel(int((folder / "uptime").read_text()))
    os.execve(command[0], command, {**os.environ, **clock_settings(folder)})


if __name__ == "__main__":
    main()
