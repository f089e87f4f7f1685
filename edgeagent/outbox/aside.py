"""What another release left in a format that this one does not read: kept as it is, and told.

Its files wait for a release that reads them, and are neither changed nor deleted by any other.
"""

from collections.abc import Sequence
from pathlib import Path

from edgeagent.outbox.finding import Found
from edgeagent.outbox.gaps import Gaps
from edgeagent.outbox.ledger import Account
from edgeagent.outbox.segment import Segment
from edgeagent.outbox.spans import Span, Spans

WHY = "format"
"""Why of the gaps that announce them: they are kept, and come once a release reads them."""


class Aside:
    """Settled when the outbox is opened; it does not change while it is open."""

    def __init__(self, folder: Path, found: Found, account: Account) -> None:
        self._folder = folder
        self._kept = found.foreign
        self._newest = max((segment.number for segment in found.segments), default=-1)
        _settle(self._kept, account)

    def announce(self, gaps: Gaps) -> bool:
        """Add what is not announced yet to ``gaps``; return whether there was any.

        Whoever announces stores a file of its own behind them: what is older than that was told.
        """
        news = [segment for segment in self._kept if segment.number > self._newest and segment.left]
        for segment in news:
            for first, last in segment.to_send():
                gaps.add(segment.boot, first, last, WHY)
        return bool(news)

    def done(self) -> tuple[tuple[int, str, tuple[Span, ...]], ...]:
        """Return what need not be sent of them, for the ledger to go on saying so."""
        return tuple(
            (segment.number, segment.boot, tuple(segment.done.as_list()))
            for segment in self._kept
            if segment.done.count
        )

    @property
    def fault(self) -> str:
        """How much waits in them, in words; "" if nothing does, as far as is known."""
        waiting = [segment for segment in self._kept if segment.left]
        if not waiting:
            return ""
        count = sum(segment.left for segment in waiting)
        what = f"{count} events in {len(waiting)} files are of a format of another release"
        return f"{self._folder}: {what}, and wait for one that reads it"


def _settle(segments: Sequence[Segment], account: Account) -> None:
    """Take over what the ledger knows of them, which is all that is known for certain."""
    done = {(number, boot): spans for number, boot, spans in account.done}
    ends = dict(account.ends)
    in_memory = [s.number for s in segments if s.is_hot and s.boot == account.boot]
    if in_memory:
        ends[in_memory[-1]] = account.last
    for segment in segments:
        segment.last = max(segment.last, ends.get(segment.number, -1))
        spans = done.get((segment.number, segment.boot), ())
        segment.done = Spans(spans).within(segment.first, segment.last)
