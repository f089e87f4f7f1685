"""Which segments there are, in order, and how much is in them."""

from bisect import bisect_left
from collections.abc import Iterator

from edgeagent.outbox.segment import Segment


class Index:
    """Counts only; the events stay on disk. Not thread-safe: the outbox holds its lock."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._segments: dict[int, Segment] = {}
        self._boots: dict[str, list[int]] = {}
        self.depth = 0
        """Events still to be sent."""
        self.bytes = 0
        """Size of all files."""

    def __iter__(self) -> Iterator[Segment]:
        return (self._segments[number] for number in self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, segment: Segment) -> None:
        """Add a segment whose number is the highest so far."""
        self._numbers.append(segment.number)
        self._segments[segment.number] = segment
        self._boots.setdefault(segment.boot, []).append(segment.number)
        self.depth += segment.left
        self.bytes += segment.size

    def remove(self, segment: Segment) -> None:
        """Forget a segment."""
        del self._numbers[bisect_left(self._numbers, segment.number)]
        del self._segments[segment.number]
        of_boot = self._boots[segment.boot]
        of_boot.remove(segment.number)
        if not of_boot:
            del self._boots[segment.boot]
        self.depth -= segment.left
        self.bytes -= segment.size

    def replace(self, segment: Segment, other: Segment) -> None:
        """Put ``other`` where ``segment`` was; both have the same number and boot."""
        self._segments[segment.number] = other
        self.depth += other.left - segment.left
        self.bytes += other.size - segment.size

    def grow(self, segment: Segment, seq: int, size_bytes: int) -> None:
        """Note one more event at the end of ``segment``, and numbers left out before it."""
        if seq > segment.last + 1:
            segment.done.add(segment.last + 1, seq - 1)
            segment.elsewhere.add(segment.last + 1, seq - 1)
        segment.last = seq
        segment.size += size_bytes
        self.depth += 1
        self.bytes += size_bytes

    def finish(self, segment: Segment, first: int, last: int) -> int:
        """Note that some events of ``segment`` need not be sent; return how many were to be."""
        fresh = segment.done.add(first, last)
        self.depth -= fresh
        return fresh

    def get(self, number: int) -> Segment | None:
        """Return the segment of that number, if it is still there."""
        return self._segments.get(number)

    def oldest(self) -> Segment | None:
        """Return the segment stored first."""
        return self._segments[self._numbers[0]] if self._numbers else None

    def at_or_after(self, number: int) -> Segment | None:
        """Return the segment of that number, or else the next there is."""
        found = self._segments.get(number)
        if found is not None:
            return found
        at = bisect_left(self._numbers, number)
        return self._segments[self._numbers[at]] if at < len(self._numbers) else None

    def low(self, boot: str) -> int | None:
        """Return the lowest seq of ``boot`` still to be sent, None if all were."""
        for number in self._boots.get(boot, ()):
            segment = self._segments[number]
            if segment.left:
                return segment.done.lowest_missing(segment.first)
        return None
