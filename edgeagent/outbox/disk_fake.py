"""A disk that fails: it fills up, wears out, refuses, or takes the process with it.

It is a full member of the family and works on real files; tests choose it by name.
"""

import errno
import os
from pathlib import Path

from edgeagent.outbox.disk import RealDisk


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class SmallDisk(RealDisk):
    """A disk with so much room and no more, and with switches for what else can go wrong."""

    def __init__(self, room_bytes: int = 1 << 40, memory: Path | None = None) -> None:
        """Begin well.

        Args:
            room_bytes: see the attribute.
            memory: a folder that is not on it: there nothing fails, but a process may die.
        """
        self._memory = memory
        self.room_bytes = room_bytes
        """For what is appended; may be changed at any time. Writing over takes no room."""
        self.is_read_only = False
        """As ext4 makes itself after an error: nothing is written, made or deleted."""
        self.is_deaf = False
        """Syncs fail."""
        self.unreadable: set[int] = set()
        """Pages of 4 KiB, of any file, that cannot be read."""
        self.dies_after_bytes: int | None = None
        """The process that appends this much more is killed in the middle of the write."""
        self.writes = 0
        self.syncs = 0

    def is_in_memory(self, file: Path | int) -> bool:
        """Return whether a file, or an open one, is not on this disk."""
        if self._memory is None:
            return False
        path = Path(f"/proc/self/fd/{file}").readlink() if isinstance(file, int) else file
        return path.parent == self._memory

    def open(self, path: Path, flags: int) -> int:
        """See `Disk.open`."""
        is_writing = flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR)
        if self.is_read_only and is_writing and not self.is_in_memory(path):
            raise _error(errno.EROFS)
        return super().open(path, flags)

    def write(self, fd: int, data: bytes) -> int:
        """See `Disk.write`; like a real one, the last write may go in partly."""
        self._check(fd)
        self._die_in(fd, data)
        if self.is_in_memory(fd):
            return super().write(fd, data)
        if self.room_bytes <= 0:
            raise _error(errno.ENOSPC)
        written = super().write(fd, data[: self.room_bytes])
        self.room_bytes -= written
        self.writes += 1
        return written

    def _check(self, file: Path | int) -> None:
        if self.is_read_only and not self.is_in_memory(file):
            raise _error(errno.EROFS)

    def _die_in(self, fd: int, data: bytes) -> None:
        if self.dies_after_bytes is None:
            return
        part = data[: self.dies_after_bytes]
        self.dies_after_bytes -= len(part)
        if len(part) < len(data):
            os.write(fd, part)
            raise KilledError

    def write_at(self, fd: int, data: bytes, at: int) -> int:
        """See `Disk.write_at`."""
        self._check(fd)
        self.writes += not self.is_in_memory(fd)
        return super().write_at(fd, data, at)

    def read(self, fd: int, size: int, at: int) -> bytes:
        """See `Disk.read`."""
        pages = set() if self.is_in_memory(fd) else self.unreadable
        if pages & set(range(at // 4096, (at + size - 1) // 4096 + 1)):
            raise _error(errno.EIO)
        return super().read(fd, size, at)

    def cut(self, fd: int, size: int) -> None:
        """See `Disk.cut`."""
        self._check(fd)
        super().cut(fd, size)

    def remove(self, path: Path) -> None:
        """See `Disk.remove`."""
        self._check(path)
        super().remove(path)

    def sync(self, fd: int) -> None:
        """See `Disk.sync`."""
        if self.is_deaf:
            raise _error(errno.EIO)
        self.syncs += 1
        super().sync(fd)

    def sync_folder(self, folder: Path) -> None:
        """See `Disk.sync_folder`."""
        if self.is_deaf:
            raise _error(errno.EIO)
        self.syncs += 1
        super().sync_folder(folder)


class KilledError(BaseException):
    """The process ends here: nothing may catch this and go on."""
