"""Runs work in namespaces of its own (mounts, network, processes): all it leaves goes with it."""

import ctypes
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000
"""linux/sched.h."""
PR_SET_PDEATHSIG = 1
"""linux/prctl.h."""


def run_apart(work: Callable[[], int]) -> int:
    """Return what ``work`` returns, done in a child that does not outlive this process.

    SIGTERM is passed on; what the child has started dies with it, whatever ends it.

    Raises:
        OSError: this machine does not let us.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "namespaces cannot be made")
    child = os.fork()
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        status = _inside(work)
        sys.stdout.flush()
        os._exit(status)
    # The child hears Ctrl-C itself, and tidies up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _inside(work: Callable[[], int]) -> int:
    try:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return work()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001  past os._exit nobody would print it
        traceback.print_exc()
        return 1
