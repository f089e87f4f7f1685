"""The one file of a log that is being written."""

import contextlib
import errno
import os

from edgeagent.outbox.disk import Disk
from edgeagent.outbox.segment import Segment


class Tail:
    """An open segment. An entry is in it whole or not at all."""

    def __init__(self, segment: Segment, begin: bytes, disk: Disk) -> None:
        """Make the file and write how it begins.

        Raises:
            OSError: that did not work; there is no such file then.
        """
        self.segment = segment
        self._disk = disk
        self.is_dirty = True
        """Something was written that a power cut would take."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self._fd = disk.open(segment.path, flags)
        try:
            _write(disk, self._fd, begin)
        except OSError:
            os.close(self._fd)
            with contextlib.suppress(OSError):
                disk.remove(segment.path)
            raise

    def append(self, data: bytes) -> None:
        """Write one entry.

        Raises:
            OSError: it is not in the file.
        """
        try:
            _write(self._disk, self._fd, data)
        except OSError:
            with contextlib.suppress(OSError):
                self._disk.cut(self._fd, self.segment.size)
            raise
        self.is_dirty = True

    def sync(self) -> None:
        """Sync now."""
        self._disk.sync(self._fd)
        self.is_dirty = False

    def close(self) -> None:
        """Close the file; nothing is synced by that."""
        with contextlib.suppress(OSError):
            os.close(self._fd)


def _write(disk: Disk, fd: int, data: bytes) -> None:
    if disk.write(fd, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
