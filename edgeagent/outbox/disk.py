"""The calls by which the outbox touches a disk, so that a failing one can be had for tests."""

import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """All that the outbox does to files. Safe to call from any thread.

    Every call may raise OSError; what it was to do is then not done, or done in part.
    """

    def open(self, path: Path, flags: int) -> int:
        """Return a descriptor; a file that is made is its owner's alone."""
        ...

    def write(self, fd: int, data: bytes) -> int:
        """Append ``data``; return how many bytes went in, which may be fewer."""
        ...

    def write_at(self, fd: int, data: bytes, at: int) -> int:
        """Write over what is at offset ``at``; return how many bytes went in."""
        ...

    def read(self, fd: int, size: int, at: int) -> bytes:
        """Return up to ``size`` bytes from offset ``at`` on."""
        ...

    def cut(self, fd: int, size: int) -> None:
        """Make the file ``size`` bytes long."""
        ...

    def remove(self, path: Path) -> None:
        """Delete a file."""
        ...

    def sync(self, fd: int) -> None:
        """Return when what is in the file will survive a power cut."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Return when files made and deleted in the folder are so after a power cut."""
        ...


class RealDisk:
    """The machine's own."""

    def open(self, path: Path, flags: int) -> int:
        """See `Disk.open`."""
        return os.open(path, flags | os.O_CLOEXEC, 0o600)

    def write(self, fd: int, data: bytes) -> int:
        """See `Disk.write`."""
        return os.write(fd, data)

    def write_at(self, fd: int, data: bytes, at: int) -> int:
        """See `Disk.write_at`."""
        return os.pwrite(fd, data, at)

    def read(self, fd: int, size: int, at: int) -> bytes:
        """See `Disk.read`."""
        return os.pread(fd, size, at)

    def cut(self, fd: int, size: int) -> None:
        """See `Disk.cut`."""
        os.ftruncate(fd, size)

    def remove(self, path: Path) -> None:
        """See `Disk.remove`."""
        path.unlink()

    def sync(self, fd: int) -> None:
        """See `Disk.sync`; fdatasync(2)."""
        os.fdatasync(fd)

    def sync_folder(self, folder: Path) -> None:
        """See `Disk.sync_folder`."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
