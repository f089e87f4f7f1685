"""What both logs stand on: folders, disk, numbers of segments, gaps to be said, files to delete."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgeagent.outbox.disk import Disk
from edgeagent.outbox.gaps import Gaps
from edgeagent.outbox.segment import Segment

_log = logging.getLogger(__name__)


def _nothing() -> bool:
    """Keep nothing, before there is a ledger."""
    return False


@dataclass(slots=True)
class Ground:
    """One for an outbox; its lock is held by whoever calls."""

    folder: Path
    hot: Path | None
    """Where files begin that are deleted or written to ``folder`` soon; None: nowhere."""
    boot: str
    """Whose events are stored."""
    disk: Disk
    number: int
    """Of the next segment: they are in the order of storing over all boots and both logs."""
    gaps: Gaps = field(default_factory=Gaps)
    keep: Callable[[], bool] = _nothing
    """Writes and syncs the ledger, and returns whether it did: before a file with unsent events
    is deleted, and whenever a loss would otherwise be known to memory alone."""
    doomed: list[Segment] = field(default_factory=list)
    """Their files are to be deleted and could not be; the ledger goes on saying they are done."""
    gone: list[Segment] = field(default_factory=list)
    """Their files were deleted since the folder was synced: a power cut may bring them back, and
    the ledger must then still say that they are done."""
    is_behind: bool = False
    """Only the ledger in memory knows what became of some files: that on the disk is to be kept
    before any of them goes, or a power cut would leave neither them nor what is to be said."""
    written_bytes: int = 0
    """What was written to ``folder`` since the start."""

    def take_number(self) -> int:
        """Return a number for a new segment."""
        self.number += 1
        return self.number - 1

    def let_go(self, segment: Segment) -> None:
        """Delete a segment's file, after the ledger was kept if some of it is lost."""
        if segment.has_losses or (self.is_behind and not segment.is_hot):
            self.doomed.append(segment)
            self.delete_doomed()
        else:
            self.delete(segment)

    def delete(self, segment: Segment) -> None:
        """Delete a segment's file, or try again at `delete_doomed`."""
        try:
            self.disk.remove(segment.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            _log.debug("%s: cannot be deleted: %s", segment.path, error)
            self.doomed.append(segment)
            return
        if not segment.is_hot:
            self.gone.append(segment)

    @property
    def doomed_bytes(self) -> int:
        """What the files take that are to be deleted."""
        return sum(segment.size for segment in self.doomed)

    def delete_doomed(self) -> None:
        """Delete what could not be deleted yet, if the ledger can be kept."""
        if not self.doomed or not self.keep():
            return
        self.is_behind = False
        doomed, self.doomed = self.doomed, []
        for segment in doomed:
            self.delete(segment)
