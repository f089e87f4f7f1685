"""One piece of the log: a file of entries, or, while the disk refuses, the same in memory."""

import logging
import os
import re
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgeagent.errors import OutboxError
from edgeagent.outbox.entry import (
    ENTRY_BYTES,
    HEADER_BYTES,
    VERSION,
    Entry,
    Header,
    pack_entry,
    pack_header,
    parse_header,
    walk,
)
from edgeagent.outbox.spans import Spans

_log = logging.getLogger(__name__)

_NAME = re.compile(r"(\d{8,12})\.([A-Za-z0-9-]{1,36})\.log")


@dataclass(slots=True)
class Segment:
    """What is known of one file; its entries stay on disk."""

    number: int
    """Order of storing over all boots; never used twice."""
    boot: str
    first: int
    """Seq of the first entry."""
    last: int
    """Seq of the last entry, ``first - 1`` while there is none."""
    size: int
    """Bytes of it that are ours: the header and whole entries."""
    done: Spans = field(default_factory=Spans)
    """What need not be sent any more."""
    may_hold_gaps: bool = True
    """One of its events may be a gap's announcement."""

    @property
    def left(self) -> int:
        """How many events are still to be sent."""
        return self.last - self.first + 1 - self.done.count

    def path(self, folder: Path) -> Path:
        """Return the file; its name repeats number and boot, should the header be damaged."""
        return folder / f"{self.number:08d}.{self.boot}.log"

    def entries(self, folder: Path, offset: int, seq: int) -> Generator[Entry, None, None]:
        """Yield the whole entries from ``offset`` on whose seq is at least ``seq``.

        Raises:
            OSError: the file is gone or cannot be read.
        """
        fd = os.open(self.path(folder), os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from (e for e in walk(fd, max(offset, HEADER_BYTES), self.size) if e.seq >= seq)
        finally:
            os.close(fd)


@dataclass(slots=True)
class Ring(Segment):
    """A segment without a file, for as long as the disk cannot be written; bounded, oldest out."""

    limit_bytes: int = 1 << 20
    """Most that it would be as a file."""
    held: deque[Entry] = field(default_factory=deque)
    held_bytes: int = 0

    MAX_EVENTS = 1000

    def append(self, seq: int, kind: str, record: bytes) -> None:
        """Take one event in; `overflow` then says what has to go."""
        self.held.append(Entry(0, 0, seq, kind, record))
        self.held_bytes += len(record) + ENTRY_BYTES
        self.last = seq

    @property
    def is_full(self) -> bool:
        """One more event would put another out."""
        self._forget_sent()
        return len(self.held) >= self.MAX_EVENTS or self.held_bytes >= self.limit_bytes

    def overflow(self) -> Iterator[Entry]:
        """Put out the oldest events that are beyond the bound; yield those not yet sent."""
        self._forget_sent()
        while len(self.held) > self.MAX_EVENTS or self.held_bytes > self.limit_bytes:
            oldest = self._pop()
            if self.done.add(oldest.seq, oldest.seq):
                yield oldest

    def _forget_sent(self) -> None:
        while self.held and self.held[0].seq in self.done:
            self._pop()

    def _pop(self) -> Entry:
        oldest = self.held.popleft()
        self.held_bytes -= len(oldest.record) + ENTRY_BYTES
        return oldest

    def entries(self, folder: Path, offset: int, seq: int) -> Generator[Entry, None, None]:
        """See `Segment.entries`."""
        yield from (e for e in tuple(self.held) if e.seq >= seq)

    def as_bytes(self, first: int, after: int) -> bytes:
        """Return the file this ring would be: all that it holds and is not sent."""
        head = pack_header(Header(VERSION, self.boot, first, after))
        kept = (e for e in self.held if e.seq not in self.done)
        return head + b"".join(pack_entry(e.seq, e.kind, e.record) for e in kept)


def find_segments(folder: Path) -> list[Segment]:
    """Return what is in the folder, oldest first, from names and headers.

    Only the last file of each boot is read through; its torn tail, if any, is beyond ``size``.
    Files of another version are left alone.

    Raises:
        OutboxError: the folder cannot be read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("%s: cannot be made: %s", folder, error)
        return []
    try:
        return _found(folder)
    except OSError as error:
        cause = error.strerror or error
        raise OutboxError(f"{folder}: the outbox cannot be read: {cause}") from error


def _found(folder: Path) -> list[Segment]:
    named = sorted(
        (int(match[1]), match[2], path)
        for path in folder.iterdir()
        if (match := _NAME.fullmatch(path.name))
    )
    heads = [(number, boot, path, _header(path)) for number, boot, path in named]
    ours = [head for head in heads if head[3] is None or head[3].version == VERSION]
    found = []
    for at, (number, boot, path, head) in enumerate(ours):
        following = ours[at + 1] if at + 1 < len(ours) else None
        after = following[3].after if following and following[1] == boot and following[3] else None
        if head is None or after is None:
            found.append(_scanned(number, boot, path, head))
        else:
            size = path.stat().st_size
            found.append(Segment(number, boot, head.first, after - 1, size))
    return found


def _header(path: Path) -> Header | None:
    with path.open("rb") as file:
        return parse_header(file.read(HEADER_BYTES))


def _scanned(number: int, boot: str, path: Path, head: Header | None) -> Segment:
    """Read a file through, for its last whole entry."""
    first, last, end = None, None, HEADER_BYTES
    with path.open("rb") as file:
        for entry in walk(file.fileno(), HEADER_BYTES, path.stat().st_size):
            first = entry.seq if first is None else first
            last, end = entry.seq, entry.end
    if head is not None:
        first = head.first
    if first is None or last is None:
        first = first or 0
        last = first - 1
    return Segment(number, boot, first, last, end)
