"""One file of a log: what is known of it, and how it is read."""

import errno
import os
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from edgeagent.outbox.disk import Disk
from edgeagent.outbox.entry import HEADER_BYTES, Entry, Read, walk
from edgeagent.outbox.spans import Spans

EVENTS, NOTICES = "log", "notices"
"""Names of the two logs, by which their files end."""
_PAGE_BYTES = 4096


@dataclass(slots=True)
class Segment:
    """What is known of one file; its entries stay on disk."""

    folder: Path
    log: str
    """`EVENTS` or `NOTICES`."""
    number: int
    """Order of storing over all boots and both logs; never used twice."""
    boot: str
    first: int
    """Seq of the first entry, or one more than the last of the file before."""
    last: int
    """Seq of the last entry, ``first - 1`` while there is none."""
    size: int
    """Bytes of it that are ours: the header and whole entries."""
    done: Spans = field(default_factory=Spans)
    """What need not be sent from here any more: sent, given up, or in the other log."""
    elsewhere: Spans = field(default_factory=Spans)
    """What of ``done`` is in the other log, as far as that is known."""
    may_hold_gaps: bool = False
    """One of its events may be a gap's announcement though it is no notice: version 1."""
    has_losses: bool = False
    """Some of it was given up since the start: the ledger has to say so before the file goes."""
    is_hot: bool = False
    """The file is in memory, and outlives the process but not the power."""
    newest_s: float = 0.0
    """When its last entry was put, or this process began: monotonic seconds."""
    newest_day: int = 0
    """When its last entry was put, at the latest: days from 1970; 0: nobody knows."""

    @property
    def left(self) -> int:
        """How many events are still to be sent; after a crash perhaps some too many."""
        return self.last - self.first + 1 - self.done.count

    def to_send(self) -> list[tuple[int, int]]:
        """Return spans of what is still to be sent, joined over what is in the other log."""
        joined: list[tuple[int, int]] = []
        for first, last in self.done.missing(self.first, self.last):
            before = joined[-1][1] if joined else self.first - 1
            if self.elsewhere.missing(before + 1, first - 1):
                joined.append((first, last))
            else:
                joined[-1:] = [(joined[-1][0] if joined else before + 1, last)]
        return joined

    @property
    def path(self) -> Path:
        """The file; its name repeats number and boot, should the header be damaged."""
        return self.folder / f"{self.number:08d}.{self.boot}.{self.log}"

    def entries(self, disk: Disk, offset: int, seq: int) -> Generator[Entry, None, None]:
        """Yield the whole entries from ``offset`` on whose seq is at least ``seq``.

        What the disk cannot read is as if damaged.

        Raises:
            OSError: the file is gone or cannot be opened.
        """
        fd = disk.open(self.path, os.O_RDONLY)
        try:
            found = walk(reader(disk, fd), max(offset, HEADER_BYTES), self.size)
            yield from (entry for entry in found if entry.seq >= seq)
        finally:
            os.close(fd)


def reader(disk: Disk, fd: int) -> Read:
    """Return a `Read` of an open file in which pages that cannot be read are zeros."""

    def page(at: int, size: int) -> bytes:
        try:
            return disk.read(fd, size, at)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return bytes(max(min(size, os.fstat(fd).st_size - at), 0))

    def read(size: int, at: int) -> bytes:
        try:
            return disk.read(fd, size, at)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        end = at + size
        bounds = [at, *range((at // _PAGE_BYTES + 1) * _PAGE_BYTES, end, _PAGE_BYTES), end]
        return b"".join(page(a, b - a) for a, b in pairwise(bounds))

    return read
