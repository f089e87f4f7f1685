"""Reads FlatBuffers that nobody vouches for: every offset is checked before it is followed.

Nothing is read but what is asked for; a length is believed only as far as there are bytes for it,
and all lists together only up to `SHARED` times the file, however often they point at the same
bytes. So neither time nor memory can be had for nothing. The layout (table, vtable, vector,
string) is that of the FlatBuffers documentation, "Internals".
"""

import struct
from typing import Any

from edgeagent.errors import BundleError

SHARED = 8
"""How often, on average, a byte of an honest file may be reached by another way."""

_MOST_TEXT_BYTES = 4096


class Source:
    """The bytes, and how many more of them may be read as lists."""

    __slots__ = ("data", "left_bytes")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left_bytes = SHARED * len(data)

    def unpack(self, code: str, at: int) -> Any:  # noqa: ANN401
        """Return the one value of struct's ``code`` at byte ``at``."""
        # A negative place would count from the end.
        if not 0 <= at <= len(self.data) - struct.calcsize(code):
            raise BundleError(f"byte {at} of {len(self.data)} is asked for")
        return struct.unpack_from(code, self.data, at)[0]

    def follow(self, at: int) -> int:
        """Return the place that the offset at byte ``at`` points to."""
        return at + int(self.unpack("<I", at))

    def vector(self, at: int, item_bytes: int, most: int) -> int:
        """Return how many items the vector at byte ``at`` has; at most ``most``, and all there."""
        count = int(self.unpack("<I", at))
        if count > most or at + 4 + count * item_bytes > len(self.data):
            raise BundleError(f"a list of {count} at byte {at} does not fit")
        return count

    def spend(self, count_bytes: int) -> None:
        """Count bytes that are read as a list."""
        self.left_bytes -= count_bytes
        if self.left_bytes < 0:
            raise BundleError("its lists overlap beyond measure")


class Table:
    """One table of a FlatBuffer; a field is known by its slot, its place in the schema from 0.

    Every method raises BundleError where the bytes are not there or contradict themselves.
    """

    __slots__ = ("_at", "_source", "_vtable", "_vtable_bytes")

    def __init__(self, source: Source, at: int) -> None:
        self._source = source
        self._at = at
        self._vtable = at - int(source.unpack("<i", at))
        self._vtable_bytes = int(source.unpack("<H", self._vtable))

    def number(self, slot: int, code: str, default: int) -> int:
        """Return the scalar in ``slot``, of the struct module's ``code``."""
        at = self._field(slot)
        return int(self._source.unpack(f"<{code}", at)) if at else default

    def numbers(self, slot: int, code: str, most: int) -> tuple[Any, ...]:
        """Return the vector of scalars in ``slot``, refused where longer than ``most``."""
        item_bytes = struct.calcsize(f"<{code}")
        at, count = self._vector(slot, item_bytes, most)
        self._source.spend(count * item_bytes)
        return struct.unpack_from(f"<{count}{code}", self._source.data, at)

    def size_bytes(self, slot: int) -> int:
        """Return the length of the vector of bytes in ``slot``, which is not read."""
        return self._vector(slot, 1, len(self._source.data))[1]

    def text(self, slot: int) -> str:
        """Return the string in ``slot``, "" where there is none."""
        at, count = self._vector(slot, 1, _MOST_TEXT_BYTES)
        self._source.spend(count)
        return self._source.data[at : at + count].decode(errors="replace")

    def table(self, slot: int) -> "Table | None":
        """Return the table in ``slot``."""
        at = self._field(slot)
        return Table(self._source, self._source.follow(at)) if at else None

    def tables(self, slot: int, most: int) -> "list[Table]":
        """Return the vector of tables in ``slot``, refused where longer than ``most``."""
        at, count = self._vector(slot, 4, most)
        self._source.spend(4 * count)
        follow = self._source.follow
        return [Table(self._source, follow(at + 4 * place)) for place in range(count)]

    def _field(self, slot: int) -> int:
        """Return where the field in ``slot`` is, 0 where it is left out."""
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_bytes:
            return 0
        offset = int(self._source.unpack("<H", self._vtable + entry))
        return self._at + offset if offset else 0

    def _vector(self, slot: int, item_bytes: int, most: int) -> tuple[int, int]:
        """Return where the items in ``slot`` begin and how many there are."""
        field = self._field(slot)
        if not field:
            return 0, 0
        at = self._source.follow(field)
        return at + 4, self._source.vector(at, item_bytes, most)


def root(data: bytes) -> Table:
    """Return the outermost table of ``data``.

    Raises:
        BundleError: there is none.
    """
    source = Source(data)
    return Table(source, source.follow(0))
