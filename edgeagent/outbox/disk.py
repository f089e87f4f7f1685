"""The two calls by which the outbox writes, so that a full or failing disk can be had for tests."""

import errno
import os
from typing import Protocol


class Disk(Protocol):
    """Writes and syncs open files. Called under the outbox's lock, except ``sync``."""

    def write(self, fd: int, data: bytes) -> int:
        """Append ``data``; return how many bytes went in, which may be fewer.

        Raises:
            OSError: none did.
        """
        ...

    def sync(self, fd: int) -> None:
        """Return when what was written will survive a power cut.

        Raises:
            OSError: it may not.
        """
        ...


class RealDisk:
    """The machine's own."""

    def write(self, fd: int, data: bytes) -> int:
        """See `Disk.write`."""
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        """See `Disk.sync`; fdatasync(2)."""
        os.fdatasync(fd)


class SmallDisk(RealDisk):
    """A disk with so much room and no more: ``room_bytes`` may be changed at any time."""

    def __init__(self, room_bytes: int) -> None:
        self.room_bytes = room_bytes
        self.writes = 0
        """How often something was written."""
        self.syncs = 0

    def write(self, fd: int, data: bytes) -> int:
        """See `Disk.write`; like a real one, the last write may go in partly."""
        if self.room_bytes <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(fd, data[: self.room_bytes])
        self.room_bytes -= written
        self.writes += 1
        return written

    def sync(self, fd: int) -> None:
        """See `Disk.sync`."""
        self.syncs += 1
        super().sync(fd)
