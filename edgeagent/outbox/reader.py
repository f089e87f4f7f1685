"""Reads on from a cursor through both logs at once, in the order in which was put."""

import threading
from collections import deque

from edgeagent.outbox.log import Log
from edgeagent.outbox.logs import Logs
from edgeagent.outbox.reading import Cursor, Letter, Place, look, merged

Hole = tuple[int, int, int, str]
"""Segment, first and last seq that are not there, and ``damaged`` or ""."""


class Reader:
    """One thread's own; takes the outbox's lock for as long as it looks at the index."""

    def __init__(self, logs: Logs, lock: threading.Lock) -> None:
        self._logs, self._lock = logs, lock
        self.holes: list[Hole] = []
        """What was not there when it was come by; to be settled."""

    def cursors(self, next_seq: int) -> tuple[Cursor, Cursor]:
        """See `Outbox.cursors`; the lock is held."""
        notices, events = (log.end(next_seq) for log in self._logs.both)
        live = Cursor(Place(*notices), Place(*events))
        return live, Cursor(Place(0, 0, stop=notices), Place(0, 0, stop=events))

    def read(self, cursor: Cursor, limit: int) -> list[Letter]:
        """Return up to ``limit`` unacknowledged letters, and move ``cursor`` behind them."""
        notices = deque(self._run(self._logs.notices, cursor.notices, limit))
        events = deque(self._run(self._logs.events, cursor.events, limit))
        letters = merged(notices, events, limit)
        for place, rest in ((cursor.notices, notices), (cursor.events, events)):
            if rest:
                place.go_back(rest[0])
        return letters

    def take_holes(self) -> list[Hole]:
        """Return what was not there, once."""
        holes, self.holes = self.holes, []
        return holes

    def _run(self, log: Log, place: Place, limit: int) -> list[Letter]:
        letters: list[Letter] = []
        while len(letters) < limit and self._look(log, place, limit - len(letters), letters):
            pass
        return letters

    def _look(self, log: Log, place: Place, limit: int, letters: list[Letter]) -> bool:
        """Look into the segment at ``place``; return whether there may be more after it."""
        with self._lock:
            segment = log.index.at_or_after(place.segment)
            if segment is None or place.is_stopped(segment.number, 0):
                return False
            place.enter(segment.number)
            is_open = log.is_open(segment)
        if is_open and place.seq > segment.last:
            return False
        found = look(segment, self._logs.ground.disk, place, limit, is_open)
        letters += found.letters
        self.holes += [(segment.number, *hole) for hole in found.holes]
        return not found.is_over
