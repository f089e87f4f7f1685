"""The sending side's place in the logs: cursors, and the letters they come by."""

import contextlib
import logging
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from edgeagent.outbox.disk import Disk
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
    offset: int
    """Where in its file."""


@dataclass(slots=True)
class Place:
    """How far a reader has got in one log."""

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

    def go_back(self, letter: Letter) -> None:
        """Go before a letter."""
        self.segment, self.seq, self.offset = letter.segment, letter.seq, letter.offset

    def is_stopped(self, number: int, seq: int) -> bool:
        """Return whether that event is no longer this reader's."""
        return self.stop is not None and (number, seq) >= self.stop


@dataclass(slots=True)
class Cursor:
    """One reader's place in both logs. Made by `Outbox.cursors`, moved by `Outbox.peek` alone."""

    notices: Place
    events: Place


class Find(NamedTuple):
    """What one look into a segment brought."""

    letters: list[Letter]
    holes: list[tuple[int, int, str]]
    """First and last seq that are not there, and ``damaged`` or ""."""
    is_over: bool
    """There is nothing more for this reader, for now."""


def look(segment: Segment, disk: Disk, place: Place, limit: int, is_open: bool) -> Find:
    """Read up to ``limit`` entries on from ``place``, and move it behind them.

    Args:
        segment: where the place is.
        disk: holds the segment's file.
        place: whose it is; enters the next segment when this one is read through.
        limit: at least 1.
        is_open: the segment may still grow.
    """
    entries, fault = _read(segment, disk, place, limit)
    found = Find([], [], is_over=False)
    for entry in entries:
        if place.is_stopped(segment.number, entry.seq):
            return found._replace(is_over=True)
        _come_by(segment, entry, place, found)
    if fault is None and len(entries) == limit:
        return found
    if is_open:
        return found._replace(is_over=True)
    is_lost = fault is None or isinstance(fault, FileNotFoundError)
    if is_lost and place.seq <= segment.last:
        found.holes.append((max(place.seq, segment.first), segment.last, "damaged"))
    place.enter(segment.number + 1)
    return found


def _come_by(segment: Segment, entry: Entry, place: Place, found: Find) -> None:
    expected = max(place.seq, segment.first)
    if entry.seq > expected:
        why = "damaged" if entry.start > place.offset else ""
        found.holes.append((expected, entry.seq - 1, why))
    place.pass_by(entry)
    if entry.seq not in segment.done:
        told = (segment.boot, entry.seq, entry.kind, entry.record)
        found.letters.append(Letter(*told, segment.number, entry.start))


def _read(
    segment: Segment, disk: Disk, place: Place, limit: int
) -> tuple[list[Entry], OSError | None]:
    """Return up to ``limit`` entries, and why the file could not be read further, if so.

    A file that is there and cannot be opened, for want of descriptors perhaps, is not given up:
    whoever reads goes on behind it and comes by again with the next cursor.
    """
    entries: list[Entry] = []
    try:
        with contextlib.closing(segment.entries(disk, place.offset, place.seq)) as source:
            entries.extend(islice(source, limit))
    except OSError as error:
        _log.warning("%s: %s", segment.path, error)
        return entries, error
    return entries, None


def merged(one: deque[Letter], other: deque[Letter], limit: int) -> list[Letter]:
    """Take up to ``limit`` letters out of both, in the order in which they were put."""
    letters: list[Letter] = []
    while len(letters) < limit and (one or other):
        is_one = not other or (bool(one) and _is_before(one[0], other[0]))
        letters.append(one.popleft() if is_one else other.popleft())
    return letters


def _is_before(one: Letter, other: Letter) -> bool:
    if one.boot == other.boot:
        return one.seq < other.seq
    return one.segment < other.segment
