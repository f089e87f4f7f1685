"""The sending side's place in the log: cursors, and the letters they come by."""

import contextlib
import logging
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from edgeagent.outbox.entry import HEADER_BYTES, Entry
from edgeagent.outbox.segment import Segment

_log = logging.getLogger(__name__)


class Letter(NamedTuple):
    """One stored event, as handed to whoever sends it."""

    boot: str
    seq: int
    kind: str
    """One of `entry.KINDS`."""
    record: bytes
    segment: int
    """Number of the segment it lies in."""


@dataclass(slots=True)
class Cursor:
    """How far one reader has got. Made by `Outbox.cursors`, moved by `Outbox.peek` alone."""

    segment: int
    seq: int
    """Lowest seq in that segment it has not come by."""
    stop: tuple[int, int] | None = None
    """Segment and seq at which it ends; None: never."""
    offset: int = HEADER_BYTES

    def enter(self, number: int) -> None:
        """Go to the beginning of a segment, unless already within it."""
        if number != self.segment:
            self.segment, self.seq, self.offset = number, 0, HEADER_BYTES

    def pass_by(self, entry: Entry) -> None:
        """Go behind an entry."""
        self.seq, self.offset = entry.seq + 1, entry.end

    def is_stopped(self, number: int, seq: int) -> bool:
        """Return whether that event is no longer this reader's."""
        return self.stop is not None and (number, seq) >= self.stop


class Find(NamedTuple):
    """What one look into a segment brought."""

    letters: list[Letter]
    holes: list[tuple[int, int, str]]
    """First and last seq that are not there, and ``damaged`` or ""."""
    is_over: bool
    """There is nothing more for this reader, for now."""


def look(segment: Segment, folder: Path, cursor: Cursor, limit: int, is_open: bool) -> Find:
    """Read up to ``limit`` entries on from ``cursor``, and move it behind them.

    Args:
        segment: where the cursor is.
        folder: holds the segment's file.
        cursor: whose place it is; enters the next segment when this one is read through.
        limit: at least 1.
        is_open: the segment may still grow.
    """
    entries, is_readable = _read(segment, folder, cursor, limit)
    found = Find([], [], is_over=False)
    for entry in entries:
        if cursor.is_stopped(segment.number, entry.seq):
            return found._replace(is_over=True)
        _come_by(segment, entry, cursor, found)
    if is_readable and len(entries) == limit:
        return found
    if is_open:
        return found._replace(is_over=True)
    if cursor.seq <= segment.last:
        found.holes.append((max(cursor.seq, segment.first), segment.last, "damaged"))
    cursor.enter(segment.number + 1)
    return found


def _come_by(segment: Segment, entry: Entry, cursor: Cursor, found: Find) -> None:
    expected = max(cursor.seq, segment.first)
    if entry.seq > expected:
        why = "damaged" if entry.start > cursor.offset else ""
        found.holes.append((expected, entry.seq - 1, why))
    cursor.pass_by(entry)
    if entry.seq not in segment.done:
        letter = Letter(segment.boot, entry.seq, entry.kind, entry.record, segment.number)
        found.letters.append(letter)


def _read(segment: Segment, folder: Path, cursor: Cursor, limit: int) -> tuple[list[Entry], bool]:
    """Return up to ``limit`` entries, and whether the file could be read so far."""
    entries: list[Entry] = []
    try:
        with contextlib.closing(segment.entries(folder, cursor.offset, cursor.seq)) as source:
            entries.extend(islice(source, limit))
    except OSError as error:
        _log.warning("%s: %s", segment.path(folder), error)
        return entries, False
    return entries, True
