"""What the outbox tells of itself: the disk refuses, the notices are full, and the end of both."""

from collections import deque
from pathlib import Path

from edgeagent.findings import Notice
from edgeagent.outbox.ring import Ring

RESERVED = ("start", "gap", "outbox_full", "outbox_back")
"""Kinds for which a part of the notices' room is kept."""
CALM_S = 10.0
"""A disk is back when it has refused nothing for so long: a full one takes what goes into the room
of events just sent, and refuses the next."""


class Voice:
    """Notices to be told once the lock is free. Not thread-safe: the outbox holds its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.news: deque[Notice] = deque()
        self.refused = 0
        """Notices refused since the start."""
        self._refused_now = 0
        self._refusal = ""
        """Why the disk refused, until it is said to be back."""
        self._refused_s = 0.0
        self._recovered = 0

    @property
    def fault(self) -> str:
        """What is wrong with the outbox, in words; "" while it is well."""
        if self._refusal:
            return f"{self._folder}: {self._refusal}"
        if self._refused_now:
            return f"{self._folder}: the notices are full, {self._refused_now} were refused"
        return ""

    def hear_disk(self, refusal: str, now_s: float, recovered: int = 0) -> None:
        """Say once that the disk refuses, and once that it does no more, `CALM_S` after.

        Args:
            refusal: why it does not take events now, "" if it does.
            now_s: monotonic seconds.
            recovered: how many events were written from memory just now.
        """
        self._recovered += recovered
        if refusal:
            self._hear_refusal(refusal)
            self._refused_s = now_s
        elif self._refusal and now_s - self._refused_s >= CALM_S:
            what = f"{self._recovered} events were written from memory"
            self.news.append(Notice("disk", "back", f"{self._folder}: {what}"))
            self._refusal = ""

    def _hear_refusal(self, refusal: str) -> None:
        if not self._refusal:
            self._recovered = 0
            what = f"{refusal}; of each log {Ring.MAX_EVENTS} events at most are kept in memory"
            self.news.append(Notice("disk", "full", f"{self._folder}: {what}"))
        self._refusal = refusal

    def refuse(self) -> None:
        """Count a notice that was refused; say so of the first."""
        self.refused += 1
        self._refused_now += 1
        if self._refused_now == 1:
            what = "the notices are full; none is taken until some were sent"
            self.news.append(Notice("outbox", "full", f"{self._folder}: {what}"))

    def hear_room(self) -> None:
        """Say that notices are taken again, if they were refused."""
        if self._refused_now:
            what = f"{self._refused_now} notices were refused"
            self.news.append(Notice("outbox", "back", f"{self._folder}: {what}"))
            self._refused_now = 0
