"""What an earlier process left: segments of both logs, told from names, headers and last files."""

import contextlib
import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edgeagent.errors import OutboxError
from edgeagent.outbox.disk import Disk
from edgeagent.outbox.entry import (
    HEADER_BYTES,
    READABLE,
    Header,
    claimed_version,
    parse_header,
    walk,
)
from edgeagent.outbox.ledger import Account
from edgeagent.outbox.segment import EVENTS, NOTICES, Segment, reader

_log = logging.getLogger(__name__)

FIRST_WITH_NOTICES = 2
"""Version; before, notices and gaps were among the events."""
_NAME = re.compile(r"(\d{8,12})\.([A-Za-z0-9-]{1,36})\.(log|notices)")


class _File(NamedTuple):
    number: int
    boot: str
    log: str
    path: Path
    is_hot: bool
    head: Header | None
    """None: it is damaged, or of a version that changed even this."""
    version: int
    """0: it does not even say."""

    def is_foreign(self, has_entries: bool) -> bool:
        """Return whether it is of a version that this release does not read.

        Args:
            has_entries: some of ours were found in it: then it is ours, and its header damaged.
        """
        if self.head is None and (has_entries or not self.version):
            return False
        return self.version not in READABLE


class Found(NamedTuple):
    """What earlier processes left, each list with the oldest first."""

    segments: list[Segment]
    foreign: list[Segment]
    """Of versions that this release does not read: their files are never touched."""

    @property
    def all(self) -> list[Segment]:
        """Both, the oldest first."""
        return sorted([*self.segments, *self.foreign], key=lambda segment: segment.number)


def find_segments(folder: Path, hot: Path | None, disk: Disk) -> Found:
    """Return what is in the folders, from names and headers.

    Only the last file of each boot and log is read through; its torn tail, if any, is beyond
    ``size``.

    Raises:
        OutboxError: a folder cannot be read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("%s: cannot be made: %s", folder, error)
        return Found([], [])
    try:
        files = {file.number: file for file in _files(folder, False, disk)}
        if hot is not None and hot.is_dir():
            _prefer(_files(hot, True, disk), files, disk)
        found = _segments(files.values(), disk)
    except OSError as error:
        cause = error.strerror or error
        raise OutboxError(f"{folder}: the outbox cannot be read: {cause}") from error
    found.sort(key=lambda segment: segment.number)
    foreign = [s for s in found if files[s.number].is_foreign(s.last >= s.first)]
    segments = [s for s in found if s not in foreign]
    _date(segments, {file.number: file.head for file in files.values()})
    return Found(segments, foreign)


def _files(folder: Path, is_hot: bool, disk: Disk) -> list[_File]:
    named = [(m, path) for path in folder.iterdir() if (m := _NAME.fullmatch(path.name))]
    return [_File(int(m[1]), m[2], m[3], p, is_hot, *_header(p, disk)) for m, p in named]


def _prefer(hot: list[_File], files: dict[int, _File], disk: Disk) -> None:
    """Take the file in memory where both are: the other was being written from it."""
    for file in hot:
        half = files.get(file.number)
        if half is not None and not file.is_foreign(has_entries=False):
            with contextlib.suppress(OSError):
                disk.remove(half.path)
        files[file.number] = file


def _with_ends(files: Iterable[_File]) -> list[tuple[_File, int | None]]:
    """Pair each file with one more than its last seq, where the next of its log tells it."""
    pairs: list[tuple[_File, int | None]] = []
    for log in (EVENTS, NOTICES):
        chain = sorted(file for file in files if file.log == log)
        for at, file in enumerate(chain):
            head = chain[at + 1].head if at + 1 < len(chain) else None
            is_told = head is not None and chain[at + 1].boot == file.boot
            pairs.append((file, head.after if head is not None and is_told else None))
    return pairs


def _header(path: Path, disk: Disk) -> tuple[Header | None, int]:
    """Return the header and the version."""
    fd = disk.open(path, os.O_RDONLY)
    try:
        data = reader(disk, fd)(HEADER_BYTES, 0)
        return parse_header(data), claimed_version(data)
    finally:
        os.close(fd)


def _segments(files: Iterable[_File], disk: Disk) -> list[Segment]:
    """Return what is known of each file; one with a damaged header follows the one before it."""
    found: list[Segment] = []
    for file, after in _with_ends(files):
        before = found[-1] if found and _is_next(found[-1], file) else None
        first = file.head.first if file.head is not None else before.last + 1 if before else 0
        if file.head is None or after is None:
            last, size = _scan(file, first, disk)
        else:
            last, size = after - 1, file.path.stat().st_size
        version = file.head.version if file.head is not None else 0
        place = (file.path.parent, file.log, file.number, file.boot, first, last, size)
        mixed = file.log == EVENTS and version < FIRST_WITH_NOTICES
        found.append(Segment(*place, may_hold_gaps=mixed, is_hot=file.is_hot))
    return found


def _is_next(segment: Segment, file: _File) -> bool:
    return (segment.log, segment.boot) == (file.log, file.boot)


def _scan(file: _File, first: int, disk: Disk) -> tuple[int, int]:
    """Read a file through; return its last seq, and where that entry ends."""
    last, end = first - 1, HEADER_BYTES
    fd = disk.open(file.path, os.O_RDONLY)
    try:
        for entry in walk(reader(disk, fd), HEADER_BYTES, os.fstat(fd).st_size):
            last, end = entry.seq, entry.end
    finally:
        os.close(fd)
    return last, end


def _date(segments: list[Segment], heads: dict[int, Header | None]) -> None:
    """Set when each was last put to: a file was begun after the one before it was."""
    for log in (EVENTS, NOTICES):
        day = 0
        chain = [segment for segment in segments if segment.log == log]
        for segment in sorted(chain, key=lambda s: s.number, reverse=True):
            segment.newest_day = day
            head = heads[segment.number]
            day = head.day if head is not None and head.day else day


class Past(NamedTuple):
    """What is known of earlier boots."""

    last: dict[str, int]
    """The last seq known of each."""
    latest: str
    """Whose events were stored last; its files may all have been sent and deleted."""

    def last_seq(self, boot: str) -> int:
        """Return the last seq known of ``boot``, -1 where nothing is."""
        return self.last.get(boot, -1)


def past_of(segments: list[Segment], account: Account) -> Past:
    """Return what files and ledger tell of earlier boots."""
    last: dict[str, int] = {}
    for segment in segments:
        last[segment.boot] = max(last.get(segment.boot, -1), segment.last)
    if account.boot:
        last[account.boot] = max(last.get(account.boot, -1), account.last)
    is_after = bool(segments) and segments[-1].number > account.number
    return Past(last, segments[-1].boot if is_after else account.boot)
