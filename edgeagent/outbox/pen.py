"""The writing end of one log: the open file, when the next is begun, and what is to be synced."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from edgeagent.outbox.ground import Ground
from edgeagent.outbox.index import Index
from edgeagent.outbox.ring import headed
from edgeagent.outbox.segment import EVENTS, Segment
from edgeagent.outbox.tail import Tail

HOT_MAX_BYTES = 1 << 20
"""Memory that one log may take for files in memory; beyond, the next begins on the disk."""


class Pen:
    """Not thread-safe: the outbox holds its lock."""

    def __init__(self, ground: Ground, log: str, index: Index) -> None:
        self._ground, self._log, self._index = ground, log, index
        self._tail: Tail | None = None
        self._began_s = 0.0
        self.after: int | None = None
        """One more than the last seq in the file closed last."""
        self._unsynced: list[Path] = []
        self.has_new_file = False
        """A file was made, and the folder not synced since."""
        self.day = 0
        """Today, for headers; 0: nobody knows."""

    @property
    def segment(self) -> Segment | None:
        """What is being written."""
        return self._tail.segment if self._tail is not None else None

    def write(self, seq: int, data: bytes, now_s: float, limit_bytes: int, limit_s: float) -> None:
        """Write one entry, into a new file where the open one would pass a limit.

        Raises:
            OSError: it is not on disk.
        """
        tail = self._tail
        if tail is None or self._is_over(tail.segment, len(data), now_s, limit_bytes, limit_s):
            tail = self._roll(seq, now_s)
        try:
            tail.append(data)
        except OSError:
            if not tail.segment.is_hot:
                raise
            tail = self._roll(seq, now_s, is_hot=False)
            tail.append(data)
        self._index.grow(tail.segment, seq, len(data))
        tail.segment.newest_s = now_s
        if not tail.segment.is_hot:
            self._ground.written_bytes += len(data)

    def _is_over(
        self, segment: Segment, more: int, now_s: float, limit_bytes: int, limit_s: float
    ) -> bool:
        is_old = 0 < limit_s <= now_s - self._began_s
        return segment.size + more > limit_bytes or (is_old and segment.last >= segment.first)

    def _roll(self, seq: int, now_s: float, is_hot: bool = True) -> Tail:
        """Close the file being written and begin the next, in memory if that is to be had."""
        hot = self._ground.hot if is_hot and self._log == EVENTS else None
        tail = None
        if hot is not None and self.hot_bytes < HOT_MAX_BYTES:
            with contextlib.suppress(OSError):
                tail = self._begin(hot, seq, is_hot=True)
        tail = tail or self._begin(self._ground.folder, seq, is_hot=False)
        self.seal()
        self.adopt(tail, now_s)
        self._index.add(tail.segment)
        return tail

    @property
    def hot_bytes(self) -> int:
        """Size of the files in memory."""
        return sum(segment.size for segment in self._index if segment.is_hot)

    def _begin(self, folder: Path, seq: int, is_hot: bool) -> Tail:
        ground = self._ground
        open_segment = self.segment
        after = self.after if open_segment is None else open_segment.last + 1
        first = seq if after is None else after
        place = (folder, self._log, ground.number, ground.boot, first, first - 1, 0)
        segment = Segment(*place, is_hot=is_hot)
        begin = headed(segment, after, self.day, b"")
        segment.size = len(begin)
        tail = Tail(segment, begin, ground.disk)
        ground.take_number()
        return tail

    def adopt(self, tail: Tail, now_s: float) -> None:
        """Go on in an open file."""
        self._tail, self._began_s = tail, now_s
        if not tail.segment.is_hot:
            self.has_new_file = True
            self._ground.written_bytes += tail.segment.size

    def seal(self) -> None:
        """Close the open file, if there is one; it goes at once if nothing in it is to be sent."""
        tail, self._tail = self._tail, None
        if tail is None:
            return
        self._put_off_tail(tail)
        tail.close()
        self.after = tail.segment.last + 1
        if not tail.segment.left:
            self._index.remove(tail.segment)
            self._ground.let_go(tail.segment)

    def put_off(self, paths: Iterable[Path]) -> None:
        """Sync these files next time."""
        self._unsynced += paths

    def _put_off_tail(self, tail: Tail) -> None:
        if tail.is_dirty and not tail.segment.is_hot:
            self._unsynced.append(tail.segment.path)
        tail.is_dirty = False

    def sync(self) -> None:
        """Sync the open file now, and that it is there.

        Raises:
            OSError: it may not survive a power cut.
        """
        if self._tail is None or self._tail.segment.is_hot:
            return
        self._tail.sync()
        if self.has_new_file:
            self._ground.disk.sync_folder(self._ground.folder)
            self.has_new_file = False

    def to_sync(self) -> list[Path]:
        """Return the files in which a power cut would take something."""
        if self._tail is not None:
            self._put_off_tail(self._tail)
        paths, self._unsynced = self._unsynced, []
        return paths

    def take_new_file(self) -> bool:
        """Return whether a file was made since the last call: then the folder is to be synced."""
        is_new, self.has_new_file = self.has_new_file, False
        return is_new

    def close(self) -> None:
        """Close the open file; it stays even if all in it was sent, for its last seq."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None
