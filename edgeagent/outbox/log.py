"""One of the two logs: where the next event goes, what goes for it, what if the disk refuses."""

import contextlib
import errno
import logging
import os

from edgeagent.config import OutboxConfig
from edgeagent.outbox.entry import ENTRY_BYTES, HEADER_BYTES, RECORD_MAX_BYTES, Entry, pack_entry
from edgeagent.outbox.gaps import parse
from edgeagent.outbox.ground import Ground
from edgeagent.outbox.index import Index
from edgeagent.outbox.ledger import LEDGER_BYTES
from edgeagent.outbox.pen import Pen
from edgeagent.outbox.ring import Ring, headed
from edgeagent.outbox.segment import EVENTS, NOTICES, Segment
from edgeagent.outbox.tail import Tail

_log = logging.getLogger(__name__)

_RING_MAX_BYTES = 1 << 20
"""Memory that events may take while the disk refuses."""
NOTICES_MAX_BYTES = 1 << 20
"""Most that notices take, else an eighth of the outbox."""
DAY_S = 86400.0


def room_bytes(log: str, config: OutboxConfig) -> int:
    """Return how much one of the logs may take."""
    room = config.max_bytes - LEDGER_BYTES
    notices = min(NOTICES_MAX_BYTES, room // 8)
    return notices if log == NOTICES else room - notices


class Log:
    """Segments, the last of them open for writing. Not thread-safe: the outbox holds its lock."""

    def __init__(self, name: str, ground: Ground) -> None:
        self.name = name
        self.index = Index()
        self.pen = Pen(ground, name, self.index)
        self.lost = 0
        """Events given up since the start."""
        self.refusal = ""
        """Why the disk does not take events, "" while it does."""
        self._ground = ground
        self._ring: Ring | None = None

    def is_open(self, segment: Segment) -> bool:
        """Return whether ``segment`` may still grow."""
        return segment is self._ring or segment is self.pen.segment

    def end(self, next_seq: int) -> tuple[int, int]:
        """Return segment and seq of what will be stored next; later ones compare higher."""
        segment = self._ring or self.pen.segment
        return (self._ground.number, 0) if segment is None else (segment.number, next_seq)

    def has_room(self, size_bytes: int, config: OutboxConfig, reserve: float = 0.0) -> bool:
        """Return whether a record of that size fits without another going for it.

        Args:
            size_bytes: of the record.
            config: the bounds.
            reserve: share of the room that is kept for others.
        """
        if self._ring is not None:
            return self._ring.has_room(size_bytes)
        room = room_bytes(self.name, config)
        need = size_bytes + ENTRY_BYTES + HEADER_BYTES
        doomed = sum(segment.size for segment in self._ground.doomed if segment.log == self.name)
        return self.index.bytes + doomed + need <= room * (1 - reserve)

    def store(self, seq: int, kind: str, record: bytes, config: OutboxConfig, now_s: float) -> int:
        """Store one event, on disk or else in the ring; return how many were lost by it."""
        before = self.lost
        if len(record) > RECORD_MAX_BYTES:
            self._give_up(self._ground.boot, seq, seq, "refused")
            self._ground.keep()
            return self.lost - before
        if self._ring is None:
            try:
                self._write(seq, kind, record, config, now_s)
            except OSError as error:
                self._begin_ring(seq, error, config)
        if self._ring is not None:
            self._hold(self._ring, seq, kind, record, now_s)
        return self.lost - before

    def _write(
        self, seq: int, kind: str, record: bytes, config: OutboxConfig, now_s: float
    ) -> None:
        data = pack_entry(seq, kind, record)
        room = room_bytes(self.name, config)
        self._make_room(room - len(data))
        limit_bytes = min(config.segment_bytes, room // 4)
        limit_s = config.max_age_days * DAY_S / 8 if self.name == EVENTS else 0.0
        self.pen.write(seq, data, now_s, limit_bytes, limit_s)
        if config.sync_s == 0:
            # The event is in the file whatever the sync says: it must not be stored twice.
            with contextlib.suppress(OSError):
                self.pen.sync()

    # --- what goes

    def _make_room(self, room: int) -> None:
        """Drop the oldest until no more than ``room`` is taken.

        Raises:
            OSError: what was given up before could not be deleted.
        """
        if self.name != EVENTS or self.index.bytes + self._ground.doomed_bytes <= room:
            return
        self._ground.delete_doomed()
        while self.index.bytes + self._ground.doomed_bytes > room:
            if self._ground.doomed:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            oldest = self.index.oldest()
            if oldest is None or self.is_open(oldest):
                return
            self._drop(oldest, "full")

    def expire(self, now_s: float, today: int, max_age_days: float) -> bool:
        """Drop what was put longer ago than that; return whether anything was.

        Args:
            now_s: monotonic seconds.
            today: days from 1970, 0 while the clock cannot be trusted.
            max_age_days: 0: no event is too old.
        """
        before = self.lost
        while max_age_days > 0 and (oldest := self.index.oldest()) is not None:
            days = (now_s - oldest.newest_s) / DAY_S
            if today and oldest.newest_day:
                days = max(days, today - oldest.newest_day - 1)
            if days <= max_age_days or oldest is self._ring:
                break
            if oldest is self.pen.segment:
                self.pen.seal()
            if self.index.get(oldest.number) is oldest:
                self._drop(oldest, "old")
        return self.lost > before

    def _drop(self, segment: Segment, why: str) -> None:
        if segment.may_hold_gaps:
            with contextlib.suppress(OSError):
                for entry in segment.entries(self._ground.disk, 0, segment.first):
                    if entry.seq not in segment.done:
                        self._take_back(entry)
        lost = segment.left
        for first, last in segment.to_send():
            self._ground.gaps.add(segment.boot, first, last, why)
        self.lost += lost
        self.index.finish(segment, segment.first, segment.last)
        segment.has_losses |= lost > 0
        self.remove(segment)

    def _take_back(self, entry: Entry) -> None:
        """Save what an announcement says that goes before it was sent: it is to be said anew."""
        if entry.kind != "gap":
            return
        with contextlib.suppress(ValueError):
            gap = parse(entry.record)
            self._ground.gaps.add(gap.boot, gap.first, gap.last, gap.why)

    def _give_up(self, boot: str, first: int, last: int, why: str) -> None:
        """Count events as lost and have them announced; see `gaps.Gap.why`."""
        self._ground.gaps.add(boot, first, last, why)
        self.lost += last - first + 1

    def remove(self, segment: Segment) -> None:
        """Forget a segment and delete its file, see `Ground.let_go`."""
        self.index.remove(segment)
        self._ground.let_go(segment)

    def settle(self, segment: Segment, first: int, last: int, why: str = "") -> bool:
        """Note events that need not be sent any more, given up if there is a ``why``.

        Returns:
            Whether that changed anything. A closed segment of which nothing is left is deleted.
        """
        if why:
            segment.has_losses = True
            for gap in segment.done.missing(first, last):
                self._give_up(segment.boot, *gap, why)
        fresh = self.index.finish(segment, first, last)
        if not segment.left and not self.is_open(segment):
            self.remove(segment)
        return fresh > 0

    # --- while the disk refuses

    @property
    def is_on_disk(self) -> bool:
        """Nothing is held in memory alone."""
        return self._ring is None

    def _begin_ring(self, seq: int, error: OSError, config: OutboxConfig) -> None:
        self.pen.seal()
        ground = self._ground
        number = ground.take_number()
        limit_bytes = min(_RING_MAX_BYTES, room_bytes(self.name, config) // 4)
        place = (ground.folder, self.name, number, ground.boot, seq, seq - 1, 0)
        self._ring = Ring(*place, limit_bytes=limit_bytes)
        self.index.add(self._ring)
        self.refusal = error.strerror or str(error)

    def _hold(self, ring: Ring, seq: int, kind: str, record: bytes, now_s: float) -> None:
        ring.newest_s = now_s
        ring.append(seq, kind, record)
        self.index.grow(ring, seq, 0)
        for entry in ring.overflow():
            self.index.depth -= 1
            self._give_up(ring.boot, entry.seq, entry.seq, "disk")

    def recover(self, next_seq: int, config: OutboxConfig, now_s: float) -> int | None:
        """Try to write the ring, if there is one, to a file of the same number.

        Returns:
            How many events were written, None if it could not be.
        """
        ring = self._ring
        if ring is None:
            return None
        segment, body = ring.settled(next_seq)
        data = headed(segment, self.pen.after, self.pen.day, body)
        segment.size = len(data)
        try:
            self._make_room(room_bytes(self.name, config) - len(data))
            self._ground.folder.mkdir(parents=True, exist_ok=True)
            tail = Tail(segment, data, self._ground.disk)
        except OSError as error:
            _log.debug("%s: still not writable: %s", self._ground.folder, error)
            return None
        self._ring, self.refusal = None, ""
        self.index.replace(ring, segment)
        self.pen.adopt(tail, now_s)
        self._ground.keep()
        return segment.left
