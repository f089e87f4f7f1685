"""What another release left in a format that this one does not read: kept as it is, and told.

Its files wait for a release that reads them, and are neither changed nor deleted by any other.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from edgeagent.outbox.disk import Disk
from edgeagent.outbox.finding import Found
from edgeagent.outbox.gaps import Gaps
from edgeagent.outbox.ledger import Account
from edgeagent.outbox.segment import Segment
from edgeagent.outbox.spans import Spans

WHY = "format"
"""Why of the gaps that announce them: they are kept, and come once a release reads them."""


class Aside:
    """Settled when the outbox is opened; it does not change while it is open."""

    def __init__(self, folder: Path, found: Found, account: Account, disk: Disk) -> None:
        """Read the files through, as far as their entries are framed as ours."""
        self._folder = folder
        self._kept = found.foreign
        _settle(self._kept, account, disk)
        self._unknown = sum(not _is_known(segment, account) for segment in self._kept)
        """Files of which nobody knows how many events they hold."""
        names = {(segment.number, segment.boot) for segment in self._kept}
        self.done = tuple(entry for entry in account.done if entry[:2] in names)
        """What need not be sent of them, for the ledger to go on saying so."""
        self.told = account.told
        """Which of them have been announced, for the ledger, too."""

    def announce(self, gaps: Gaps) -> bool:
        """Add what is not announced yet to ``gaps``; return whether there was any."""
        news = [s for s in self._kept if s.left and s.number not in self.told]
        for segment in news:
            for first, last in segment.to_send():
                gaps.add(segment.boot, first, last, WHY)
        self.told = tuple(segment.number for segment in self._kept if segment.left)
        return bool(news)

    @property
    def fault(self) -> str:
        """How much waits in them, in words; "" if nothing does, as far as is known."""
        waiting = [segment for segment in self._kept if segment.left]
        count, files = sum(segment.left for segment in waiting), len(waiting) + self._unknown
        if not files:
            return ""
        what = f"{count}{' or more' * bool(self._unknown)} events in {files} files"
        return f"{self._folder}: {what} of another release's format wait for one that reads it"


def _settle(segments: Sequence[Segment], account: Account, disk: Disk) -> None:
    """Take over what the ledger knows of them, and what they show of themselves."""
    done = {(number, boot): spans for number, boot, spans in account.done}
    ends = dict(account.ends)
    in_memory = [s.number for s in segments if s.is_hot and s.boot == account.boot]
    if in_memory:
        ends[in_memory[-1]] = account.last
    for segment in segments:
        segment.last = max(segment.last, ends.get(segment.number, -1))
        spans = done.get((segment.number, segment.boot), ())
        segment.done = Spans(spans).within(segment.first, segment.last)
        _leave_out_other_log(segment, disk)


def _leave_out_other_log(segment: Segment, disk: Disk) -> None:
    """Note what is not in the file, unless nothing in it can be read."""
    held = Spans()
    with contextlib.suppress(OSError):
        for entry in segment.entries(disk, 0, segment.first):
            held.add(entry.seq, entry.seq)
    if held.count:
        for first, last in held.missing(segment.first, segment.last):
            segment.done.add(first, last)
            segment.elsewhere.add(first, last)


def _is_known(segment: Segment, account: Account) -> bool:
    """Return whether it is known how far its events go: by itself, or by the ledger."""
    return segment.last >= segment.first or segment.number in dict(account.ends)
