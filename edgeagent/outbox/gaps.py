"""What the outbox gave up on purpose or by damage, until it is said."""

from collections.abc import Iterable

import msgspec

from edgeagent import event
from edgeagent.event import Event, When


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Seqs of one boot that will never come, but for those that are in the other log."""

    boot: str
    first: int
    last: int
    why: str
    """``full``, ``old``, ``damaged``, ``refused``, ``disk`` (it refused; memory was full), or
    ``format``: kept in a format of another release, and perhaps still to come."""

    def record(self, when: When) -> bytes:
        """Return the record of the event that announces it."""
        told = Event("gap", when, why=self.why, name=self.boot, first=self.first, last=self.last)
        return event.encode(told)


class Announced(msgspec.Struct, frozen=True, array_like=True):
    """A gap that is said in an event which the broker does not have yet."""

    boot: str
    """Of that event."""
    seq: int
    gap: Gap


def parse(record: bytes) -> Gap:
    """Return the gap that a record announces.

    Raises:
        msgspec.DecodeError: it is no record of ours.
    """
    told = event.decode(record)
    return Gap(told.name, told.first, told.last, told.why)


class Gaps:
    """Gaps not yet announced: a run of drops is one, and grows in place; and those announced."""

    MAX = 64
    """Beyond so many, the newest is stretched: it then names seqs that were sent, too. No more
    are on their way to the broker at once, either."""

    def __init__(self, gaps: Iterable[Gap] = ()) -> None:
        self._gaps = list(gaps)
        self._said: list[Gap] = []
        self._flying: list[Announced] = []

    def __len__(self) -> int:
        return len(self._gaps)

    def add(self, boot: str, first: int, last: int, why: str) -> None:
        """Add seqs of one boot, in the order in which they were given up."""
        for at, gap in enumerate(self._gaps):
            if (
                (gap.boot, gap.why) == (boot, why)
                and gap.first - 1 <= last
                and first <= gap.last + 1
            ):
                self._gaps[at] = Gap(boot, min(gap.first, first), max(gap.last, last), why)
                return
        self._gaps.append(Gap(boot, first, last, why))
        if len(self._gaps) > self.MAX:
            self._stretch()

    def _stretch(self) -> None:
        """Make one of the newest gap and the nearest before it of the same boot, if there is."""
        newest = self._gaps[-1]
        for at in range(len(self._gaps) - 2, -1, -1):
            gap = self._gaps[at]
            if gap.boot == newest.boot:
                first, last = min(gap.first, newest.first), max(gap.last, newest.last)
                self._gaps[at] = Gap(gap.boot, first, last, newest.why)
                self._gaps.pop()
                return

    def take(self) -> list[Gap]:
        """Return the oldest, to be announced: from now on a further drop is a new gap."""
        count = self.MAX - len(self._flying)
        taken, self._gaps = self._gaps[:count], self._gaps[count:]
        self._said += taken
        return taken

    def fly(self, announced: Announced) -> None:
        """Note by which event a gap is said: until the broker has that, `low` waits for it."""
        self._flying.append(announced)

    def land(self, boot: str, first: int, last: int) -> list[Gap]:
        """Return the gaps that some events of ``boot`` say, and wait for those no more."""
        landed = [a for a in self._flying if a.boot == boot and first <= a.seq <= last]
        self._flying = [a for a in self._flying if a not in landed]
        return [announced.gap for announced in landed]

    def flying(self) -> tuple[Announced, ...]:
        """Return what is waited for."""
        return tuple(self._flying)

    def said(self) -> int:
        """Return how many taken gaps `settle` has not been told of."""
        return len(self._said)

    def settle(self, count: int) -> None:
        """Forget the oldest ``count`` taken gaps: the events that announce them are synced."""
        del self._said[:count]

    def low(self, boot: str) -> int | None:
        """Return the lowest seq of ``boot`` of which the broker does not know it will not come."""
        gaps = [*self._gaps, *(announced.gap for announced in self._flying)]
        return min((gap.first for gap in gaps if gap.boot == boot), default=None)

    def as_list(self) -> list[Gap]:
        """Return all that a crash now must not make forgotten; said twice does no harm."""
        return [*self._said, *self._gaps]
