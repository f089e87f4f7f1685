"""The storing side: where the next event goes, what goes for it, what if the disk refuses."""

import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from edgeagent.config import OutboxConfig
from edgeagent.findings import Notice
from edgeagent.outbox.disk import Disk
from edgeagent.outbox.entry import RECORD_MAX_BYTES, VERSION, Entry, Header, pack_entry, pack_header
from edgeagent.outbox.gaps import Gaps, parse
from edgeagent.outbox.index import Index
from edgeagent.outbox.ledger import LEDGER_BYTES
from edgeagent.outbox.segment import Ring, Segment
from edgeagent.outbox.tail import Tail

_log = logging.getLogger(__name__)

_UNSYNCED_MAX = 16
"""Closed files that wait for a sync; where nobody ticks, the kernel writes them when it likes."""
_RING_MAX_BYTES = 1 << 20
"""Memory that events may take while the disk refuses."""


class Log:
    """Segments, the last of them open for writing. Not thread-safe: the outbox holds its lock."""

    def __init__(
        self, folder: Path, boot: str, disk: Disk, number: int, keep: Callable[[], object]
    ) -> None:
        """Begin with an empty index.

        Args:
            folder: where the files are.
            boot: whose events will be stored.
            disk: writes them.
            number: of the first segment to be made.
            keep: writes the ledger; called before a file with unsent events is deleted, and
                whenever a loss would otherwise be known to memory alone.
        """
        self.index = Index()
        self.gaps = Gaps()
        self.news: deque[Notice] = deque()
        """Notices to be told once the lock is free."""
        self.number = number
        self.unsynced: list[int] = []
        """Descriptors of closed files to be synced and closed."""
        self.has_new_file = False
        self.lost = 0
        """Events given up since the start."""
        self._folder = folder
        self._boot = boot
        self._disk = disk
        self._keep = keep
        self._tail: Tail | None = None
        self._ring: Ring | None = None
        self._after: int | None = None

    def is_open(self, segment: Segment) -> bool:
        """Return whether ``segment`` may still grow."""
        return segment is self._ring or (self._tail is not None and segment is self._tail.segment)

    def end(self, next_seq: int) -> tuple[int, int]:
        """Return segment and seq of what will be stored next; later ones compare higher."""
        if self._ring is not None:
            return self._ring.number, next_seq
        return (self._tail.segment.number, next_seq) if self._tail is not None else (self.number, 0)

    def store(self, seq: int, kind: str, record: bytes, config: OutboxConfig) -> int:
        """Store one event, on disk or else in the ring; return how many were lost by it."""
        before = self.lost
        if len(record) > RECORD_MAX_BYTES:
            self.give_up(self._boot, seq, seq, "refused")
            self._keep()
        elif self._ring is None:
            try:
                self._write(seq, kind, record, config)
            except OSError as error:
                self._begin_ring(seq, error, config)
        if self._ring is not None and len(record) <= RECORD_MAX_BYTES:
            self._hold(self._ring, seq, kind, record)
        return self.lost - before

    def _write(self, seq: int, kind: str, record: bytes, config: OutboxConfig) -> None:
        data = pack_entry(seq, kind, record)
        room_bytes = config.max_bytes - LEDGER_BYTES
        self._make_room(room_bytes - len(data))
        tail = self._tail
        limit_bytes = min(config.segment_bytes, room_bytes // 4)
        if tail is None or tail.segment.size + len(data) > limit_bytes:
            tail = self._roll(seq)
        tail.append(data)
        tail.segment.may_hold_gaps |= kind == "gap"
        self.index.grow(tail.segment, seq, len(data))
        if config.sync_s == 0:
            # The event is in the file whatever the sync says: it must not be stored twice.
            with contextlib.suppress(OSError):
                tail.sync()

    def _roll(self, seq: int) -> Tail:
        """Close the file being written and open the next."""
        head = pack_header(Header(VERSION, self._boot, seq, self._after_for(seq)))
        segment = Segment(self.number, self._boot, seq, seq - 1, len(head), may_hold_gaps=False)
        tail = Tail(self._folder, segment, head, self._disk)
        self._seal()
        self._open(tail)
        self.index.add(segment)
        return tail

    def _open(self, tail: Tail) -> None:
        self._tail = tail
        self.number = tail.segment.number + 1
        self.has_new_file = True

    def _seal(self) -> None:
        """Write no more to the open file."""
        tail, self._tail = self._tail, None
        if tail is None:
            return
        unsynced = tail.to_sync()
        if unsynced is not None:
            self.unsynced.append(unsynced)
        while len(self.unsynced) > _UNSYNCED_MAX:
            os.close(self.unsynced.pop(0))
        tail.close()
        self._after = tail.segment.last + 1
        if not tail.segment.left:
            self.remove(tail.segment)

    def _after_for(self, seq: int) -> int:
        if self._tail is not None:
            return self._tail.segment.last + 1
        return seq if self._after is None else self._after

    def _make_room(self, room_bytes: int) -> None:
        while self.index.bytes > room_bytes:
            oldest = self.index.oldest()
            if oldest is None or self.is_open(oldest):
                return
            self._drop(oldest)

    def _drop(self, segment: Segment) -> None:
        if segment.may_hold_gaps:
            with contextlib.suppress(OSError):
                for entry in segment.entries(self._folder, 0, segment.first):
                    if entry.seq not in segment.done:
                        self._take_back(entry)
        for first, last in segment.done.missing(segment.first, segment.last):
            self.give_up(segment.boot, first, last, "full")
        self._keep()
        self.remove(segment)

    def _take_back(self, entry: Entry) -> None:
        """Save what an announcement says that goes before it was sent: it is to be said anew."""
        if entry.kind != "gap":
            return
        with contextlib.suppress(msgspec.MsgspecError):
            gap = parse(entry.record)
            self.gaps.add(gap.boot, gap.first, gap.last, gap.why)

    def give_up(self, boot: str, first: int, last: int, why: str) -> None:
        """Count events as lost and have them announced; see `gaps.Gap.why`."""
        self.gaps.add(boot, first, last, why)
        self.lost += last - first + 1

    def remove(self, segment: Segment) -> None:
        """Forget a segment and delete its file."""
        self.index.remove(segment)
        with contextlib.suppress(OSError):
            segment.path(self._folder).unlink()

    def settle(self, segment: Segment, first: int, last: int, why: str = "") -> bool:
        """Note events that need not be sent any more, given up if there is a ``why``.

        Returns:
            Whether that changed anything. A closed segment of which nothing is left is deleted.
        """
        if why:
            for gap in segment.done.missing(first, last):
                self.give_up(segment.boot, *gap, why)
        fresh = self.index.finish(segment, first, last)
        if not segment.left and not self.is_open(segment):
            self.remove(segment)
        return fresh > 0

    # --- while the disk refuses

    def _begin_ring(self, seq: int, error: OSError, config: OutboxConfig) -> None:
        self._seal()
        limit_bytes = min(_RING_MAX_BYTES, (config.max_bytes - LEDGER_BYTES) // 4)
        self._ring = Ring(self.number, self._boot, seq, seq - 1, 0, limit_bytes=limit_bytes)
        self.number += 1
        self.index.add(self._ring)
        cause = error.strerror or str(error)
        why = f"{self._folder}: {cause}; events are kept in memory, at most {Ring.MAX_EVENTS}"
        self.news.append(Notice("disk", "full", why))

    def _hold(self, ring: Ring, seq: int, kind: str, record: bytes) -> None:
        ring.append(seq, kind, record)
        self.index.depth += 1
        for entry in ring.overflow():
            self.index.depth -= 1
            self._take_back(entry)
            self.give_up(self._boot, entry.seq, entry.seq, "disk")

    @property
    def can_announce(self) -> bool:
        """There are gaps to be said, and saying them does not put out other events."""
        return len(self.gaps) > 0 and not (self._ring is not None and self._ring.is_full)

    def recover(self, next_seq: int, config: OutboxConfig) -> None:
        """Try to write the ring, if there is one, to a file of the same number."""
        ring = self._ring
        if ring is None:
            return
        segment = _on_disk(ring, next_seq)
        data = ring.as_bytes(segment.first, segment.first if self._after is None else self._after)
        segment.size = len(data)
        self._make_room(config.max_bytes - LEDGER_BYTES - len(data))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            tail = Tail(self._folder, segment, data, self._disk)
        except OSError as error:
            _log.debug("%s: still not writable: %s", self._folder, error)
            return
        self._ring = None
        self.index.replace(ring, segment)
        self._open(tail)
        self.number = max(self.number, segment.number + 1)
        self._keep()
        why = f"{self._folder}: {segment.left} events were written from memory"
        self.news.append(Notice("disk", "back", why))

    @property
    def is_on_disk(self) -> bool:
        """Nothing is held in memory alone."""
        return self._ring is None

    def to_sync(self) -> list[int]:
        """Return descriptors to sync and close: all that a power cut would take."""
        fds, self.unsynced = self.unsynced, []
        fresh = self._tail.to_sync() if self._tail is not None else None
        return fds if fresh is None else [*fds, fresh]

    def take_new_file(self) -> bool:
        """Return whether a file was made since the last call: then the folder is to be synced."""
        is_new, self.has_new_file = self.has_new_file, False
        return is_new

    def close(self) -> None:
        """Close the open file; it stays even if all in it was sent, for its last seq."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None


def _on_disk(ring: Ring, next_seq: int) -> Segment:
    """Return the segment that ``ring`` becomes: from its first unsent event to its last."""
    kept = [entry.seq for entry in ring.held if entry.seq not in ring.done]
    first, last = (kept[0], kept[-1]) if kept else (next_seq, next_seq - 1)
    return Segment(ring.number, ring.boot, first, last, 0, ring.done.within(first, last))
