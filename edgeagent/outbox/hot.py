"""Files that begin in memory: deleted there when all was sent in time, else copied to the disk."""

import contextlib
import errno
import logging
import os
from pathlib import Path

from edgeagent.outbox.ground import Ground
from edgeagent.outbox.log import Log
from edgeagent.outbox.segment import Segment

_log = logging.getLogger(__name__)


class Hearth:
    """Looks after one log's files in memory. Not thread-safe: the outbox holds its lock."""

    def __init__(self, log: Log, ground: Ground) -> None:
        self._store, self._ground = log, ground
        self._seen: dict[int, tuple[int, float]] = {}
        """Segment to its last seq at an instant, and that instant: till all those are sent."""

    def spill(self, now_s: float, hot_s: float) -> bool:
        """Copy to the disk what was not sent within ``hot_s``; return whether anything was."""
        hot = [segment for segment in self._store.index if segment.is_hot]
        self._seen = {s.number: self._seen[s.number] for s in hot if s.number in self._seen}
        late = [s for s in hot if s.left and self._is_late(s, now_s, hot_s / 2)]
        return sum(self._copy(segment) for segment in late) > 0

    def _is_late(self, segment: Segment, now_s: float, limit_s: float) -> bool:
        last, since_s = self._seen.get(segment.number, (-1, now_s))
        if segment.done.lowest_missing(segment.first) > last:
            self._seen[segment.number] = (segment.last, now_s)
            return False
        return now_s - since_s >= limit_s

    def spill_all(self) -> None:
        """Copy all to the disk that is still to be sent."""
        for segment in [s for s in self._store.index if s.is_hot and s.left]:
            self._copy(segment)

    def _copy(self, segment: Segment) -> bool:
        """Put the file onto the disk as it is, so that whoever is reading it may go on there."""
        if segment is self._store.pen.segment:
            self._store.pen.seal()
        hot_path = segment.path
        cold_path = self._ground.folder / hot_path.name
        try:
            self._write(cold_path, hot_path.read_bytes()[: segment.size])
        except OSError as error:
            _log.debug("%s: cannot be written: %s", cold_path, error)
            with contextlib.suppress(OSError):
                self._ground.disk.remove(cold_path)
            return False
        segment.folder, segment.is_hot = self._ground.folder, False
        self._store.pen.has_new_file = True
        self._ground.written_bytes += segment.size
        with contextlib.suppress(OSError):
            hot_path.unlink()
        return True

    def _write(self, path: Path, data: bytes) -> None:
        disk = self._ground.disk
        fd = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        try:
            if disk.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(fd)
        self._store.pen.put_off([path])
