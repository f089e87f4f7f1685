"""How a stored event lies in a segment file, and how the next whole one is found after damage.

A file begins with 64 bytes of header; then come entries: mark, kind, length, CRC, seq, record.
The CRC covers all but the mark, so that neither a wrong length nor a wrong seq passes for right.
Header and frame are to stay in every version: by them an older release sees how much a newer one
left behind.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

VERSION = 2
"""What is written. Since 1: notices in files of their own, the day in the header, three kinds."""
READABLE = (1, VERSION)
"""What is read. A version is first read by a release that does not write it yet, and written by the
next: then the release before reads whatever it finds when this one is taken back."""
_MAGIC = b"EAOB"
_MARK = b"\xea\x9e"

_HEADER = struct.Struct("<4sBBHQQ36sI")
HEADER_BYTES = _HEADER.size
_HEAD = struct.Struct("<2sBIIQ")
_COVERED = struct.Struct("<BIQ")
ENTRY_BYTES = _HEAD.size
"""What an entry costs beyond its record."""
RECORD_MAX_BYTES = 65536
"""The wire's own bound for a payload; a record is never larger."""

_CHUNK_BYTES = 16384
_CHUNK_MAX_BYTES = 2 * (RECORD_MAX_BYTES + ENTRY_BYTES)

KINDS = (
    *("notice", "motion", "object", "label", "vector", "start", "gap"),
    *("zone", "cross", "count", "look"),
)
"""What the kind byte says, only ever longer, and then of a new `VERSION`; whatever is not named
here is a notice."""
NOTICES = ("notice", "start", "gap")
"""Kinds that are the agent's own story, not what it saw."""
_CODES = {kind: code for code, kind in enumerate(KINDS)}


class Header(NamedTuple):
    """The beginning of a segment file."""

    version: int
    boot: str
    """At most 36 ASCII characters."""
    first: int
    """Seq of the file's first entry."""
    after: int
    """One more than the last seq in the file before, of the same boot; else as ``first``."""
    day: int = 0
    """Days from 1970 to when the file was begun; 0: nobody knew, or it is of version 1."""


class Entry(NamedTuple):
    """One stored event, whole."""

    start: int
    """Where it begins in the file, bytes."""
    end: int
    seq: int
    kind: str
    record: bytes


def pack_header(header: Header) -> bytes:
    """Return the 64 bytes a segment file begins with."""
    name = header.boot.encode("ascii")
    bare = _HEADER.pack(
        *(_MAGIC, header.version, len(name), header.day, header.first, header.after, name, 0)
    )
    return bare[:-4] + struct.pack("<I", zlib.crc32(bare[:-4]))


def parse_header(data: bytes) -> Header | None:
    """Return the header at the start of ``data``, None if it is short, foreign or damaged."""
    if len(data) < HEADER_BYTES:
        return None
    magic, version, length, day, first, after, name, crc = _HEADER.unpack_from(data)
    if magic != _MAGIC or crc != zlib.crc32(data[: HEADER_BYTES - 4]):
        return None
    return Header(version, name[:length].decode("ascii", "replace"), first, after, day)


def claimed_version(data: bytes) -> int:
    """Return the version that a segment file gives itself, its header whole or not; 0 for none.

    Mark and version stand where they are in every version there will ever be.
    """
    is_ours = len(data) > len(_MAGIC) and data.startswith(_MAGIC)
    return data[len(_MAGIC)] if is_ours else 0


def is_notice(kind: str) -> bool:
    """Return whether an event of that kind belongs to the notices."""
    return kind in NOTICES or kind not in _CODES


def pack_entry(seq: int, kind: str, record: bytes) -> bytes:
    """Return the bytes of one entry; ``record`` holds at most ``RECORD_MAX_BYTES``."""
    code = _CODES.get(kind, 0)
    size = len(record)
    crc = zlib.crc32(record, zlib.crc32(_COVERED.pack(code, size, seq)))
    return _HEAD.pack(_MARK, code, size, crc, seq) + record


def parse_entry(data: bytes, at: int, base: int) -> Entry | None:
    """Return the entry at index ``at`` of ``data``, which was read from ``base`` in the file.

    None means: damaged, not whole, or no entry at all.
    """
    body = at + ENTRY_BYTES
    if body > len(data):
        return None
    mark, code, size, crc, seq = _HEAD.unpack_from(data, at)
    if mark != _MARK or size > RECORD_MAX_BYTES or body + size > len(data):
        return None
    record = data[body : body + size]
    if crc != zlib.crc32(record, zlib.crc32(_COVERED.pack(code, size, seq))):
        return None
    kind = KINDS[code] if code < len(KINDS) else KINDS[0]
    return Entry(base + at, base + body + size, seq, kind, record)


Read = Callable[[int, int], bytes]
"""Returns up to so many bytes from an offset on."""


def walk(read: Read, offset: int, end: int) -> Iterator[Entry]:
    """Yield every whole entry between two offsets of a file, stepping over damage.

    Where an entry's ``start`` is not the ``end`` of the one before, the bytes between are damaged.
    Ends where the file does. Holds at most two entries of the largest size in memory.

    Raises:
        OSError: the file cannot be read.
    """
    data, base = b"", offset
    while offset < end:
        entry = parse_entry(data, offset - base, base)
        if entry is None:
            data, base = _refill(read, offset, end)
            if not data:
                return
            entry = parse_entry(data, 0, base)
        if entry is None:
            offset += _step_over(data, is_last=base + len(data) >= end)
            continue
        offset = entry.end
        yield entry


def _refill(read: Read, offset: int, end: int) -> tuple[bytes, int]:
    """Read on from ``offset``: little first, and as much as an entry can be if that is short."""
    data = read(min(_CHUNK_BYTES, end - offset), offset)
    if len(data) == _CHUNK_BYTES and parse_entry(data, 0, offset) is None:
        data = read(min(_CHUNK_MAX_BYTES, end - offset), offset)
    return data, offset


def _step_over(data: bytes, is_last: bool) -> int:
    """Return how far the next whole entry is, or where to read on to look for it."""
    at = data.find(_MARK, 1)
    while at >= 0:
        if parse_entry(data, at, 0) is not None:
            return at
        at = data.find(_MARK, at + 1)
    if is_last:
        return max(len(data), 1)
    return max(len(data) - RECORD_MAX_BYTES - ENTRY_BYTES, 1)
