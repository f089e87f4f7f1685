"""A piece of a log without a file, for as long as the disk cannot be written."""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from edgeagent.outbox.disk import Disk
from edgeagent.outbox.entry import ENTRY_BYTES, VERSION, Entry, Header, pack_entry, pack_header
from edgeagent.outbox.segment import Segment


@dataclass(slots=True)
class Ring(Segment):
    """A segment in memory; bounded."""

    limit_bytes: int = 1 << 20
    """Most that it would be as a file."""
    held: deque[Entry] = field(default_factory=deque)
    held_bytes: int = 0

    MAX_EVENTS = 1000

    def append(self, seq: int, kind: str, record: bytes) -> None:
        """Take one event in; `overflow` then says what has to go."""
        self.held.append(Entry(0, 0, seq, kind, record))
        self.held_bytes += len(record) + ENTRY_BYTES

    def has_room(self, size_bytes: int) -> bool:
        """Return whether a record of that size would put none out."""
        self._forget_sent()
        need = self.held_bytes + size_bytes + ENTRY_BYTES
        return len(self.held) < self.MAX_EVENTS and need <= self.limit_bytes

    def overflow(self) -> Iterator[Entry]:
        """Put out the oldest events that are beyond the bound; yield those not yet sent."""
        self._forget_sent()
        while len(self.held) > self.MAX_EVENTS or self.held_bytes > self.limit_bytes:
            oldest = self._pop()
            if self.done.add(oldest.seq, oldest.seq):
                yield oldest

    def _forget_sent(self) -> None:
        while self.held and self.held[0].seq in self.done:
            self._pop()

    def _pop(self) -> Entry:
        oldest = self.held.popleft()
        self.held_bytes -= len(oldest.record) + ENTRY_BYTES
        return oldest

    def entries(self, disk: Disk, offset: int, seq: int) -> Generator[Entry, None, None]:
        """See `Segment.entries`."""
        yield from (e for e in tuple(self.held) if e.seq >= seq)

    def settled(self, next_seq: int) -> tuple[Segment, bytes]:
        """Return the segment that this becomes, from its first unsent event to its last.

        Args:
            next_seq: where it begins if it holds none.

        Returns:
            The segment and its file, but for the header, see `headed`.
        """
        kept = [entry for entry in self.held if entry.seq not in self.done]
        first, last = (kept[0].seq, kept[-1].seq) if kept else (next_seq, next_seq - 1)
        body = b"".join(pack_entry(e.seq, e.kind, e.record) for e in kept)
        segment = Segment(
            *(self.folder, self.log, self.number, self.boot, first, last, 0),
            done=self.done.within(first, last),
            elsewhere=self.elsewhere.within(first, last),
            newest_s=self.newest_s,
        )
        return segment, body


def headed(segment: Segment, after: int | None, day: int, body: bytes) -> bytes:
    """Return ``body`` as a whole file: behind a header."""
    before = segment.first if after is None else after
    return pack_header(Header(VERSION, segment.boot, segment.first, before, day)) + body
