"""Is anything lost? Told from boot, seq, low and gap alone, of what was heard since we listen.

The rule is docs/complete.py's: a seq below ``low`` that never came and that no ``gap`` names. Here
it is kept in ranges, so that a device watched for a year, or a liar, costs a few kilobytes.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_RANGES = 1000
MAX_AHEAD = 50_000
"""Seqs heard above ``low``: the backlog that a device sends at once is far smaller."""
MAX_BOOTS = 8

Range = tuple[int, int]
"""First and last."""


@dataclass(slots=True)
class _Boot:
    """One start of the agent."""

    mark: int | None = None
    """All below it is judged; None: nothing was heard since we listen."""
    ahead: set[int] = field(default_factory=set)
    """Heard, and not below the mark."""
    named: list[Range] = field(default_factory=list)
    """By a gap."""
    missing: list[Range] = field(default_factory=list)

    def hear(self, seq: int, low: int) -> None:
        if self.mark is None:
            self.mark = low
        if seq >= self.mark:
            if len(self.ahead) < MAX_AHEAD:
                self.ahead.add(seq)
        else:
            self.missing = _without(self.missing, (seq, seq))
        if low > self.mark:
            self._judge(low)

    def _judge(self, low: int) -> None:
        assert self.mark is not None
        missing, at = [], self.mark
        for seq in sorted(seq for seq in self.ahead if seq < low):
            if seq > at:
                missing.append((at, seq - 1))
            at = seq + 1
        missing += [(at, low - 1)] if at < low else []
        for one in self.named:
            missing = _without(missing, one)
        self.missing = (self.missing + missing)[-MAX_RANGES:]
        self.ahead = {seq for seq in self.ahead if seq >= low}
        self.named = [one for one in self.named if one[1] >= low]
        self.mark = low

    def name(self, gap: Range) -> None:
        self.missing = _without(self.missing, gap)
        if self.mark is None or gap[1] >= self.mark:
            self.named = [*self.named, gap][-MAX_RANGES:]


def _without(ranges: Iterable[Range], taken: Range) -> list[Range]:
    left: list[Range] = []
    for first, last in ranges:
        if taken[1] < first or taken[0] > last:
            left.append((first, last))
            continue
        if first < taken[0]:
            left.append((first, taken[0] - 1))
        if taken[1] < last:
            left.append((taken[1] + 1, last))
    return left


class Ledger:
    """What one device has sent, by its boots."""

    def __init__(self) -> None:
        self._boots: OrderedDict[str, _Boot] = OrderedDict()
        self._gone = 0
        """Lost in boots that are forgotten."""

    def hear(self, boot: str, seq: int, low: int) -> None:
        """Take in one event; ``low`` is the lowest seq of its boot still to come."""
        self._boot(boot).hear(seq, low)

    def gap(self, boot: str, first: int, last: int) -> None:
        """Take in that these were dropped on purpose."""
        if first <= last:
            self._boot(boot).name((first, last))

    def interrupted(self) -> None:
        """Judge nothing that was sent while nobody listened here."""
        for boot in self._boots.values():
            boot.mark = None
            boot.ahead.clear()

    @property
    def lost(self) -> int:
        """How many events will not come any more, and no gap names them."""
        ranges = [one for boot in self._boots.values() for one in boot.missing]
        return self._gone + sum(last - first + 1 for first, last in ranges)

    def missing(self) -> dict[str, list[Range]]:
        """Return what is lost, by boot."""
        return {name: list(boot.missing) for name, boot in self._boots.items() if boot.missing}

    def _boot(self, name: str) -> _Boot:
        if name not in self._boots:
            self._boots[name] = _Boot()
            if len(self._boots) > MAX_BOOTS:
                _, oldest = self._boots.popitem(last=False)
                self._gone += sum(last - first + 1 for first, last in oldest.missing)
        return self._boots[name]
