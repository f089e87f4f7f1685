"""Which letter goes next: what was refused and is due again, then live, then the backlog."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from edgeagent.brokers import profile_of
from edgeagent.config import MqttConfig
from edgeagent.outbox import Cursor, Letter, Outbox
from edgeagent.rate import Bucket

STEADY, BURST = 0.7, 0.2
"""Shares of what the broker takes a second, on average and at once: together they never exceed
it in any second, and a tenth is left for what the link itself says."""


class Parcel(NamedTuple):
    """A letter on its way out."""

    letter: Letter
    hist: bool
    """It was stored before the connection came up."""
    tries: int = 0
    """How often the broker has refused it."""
    topic: str = ""
    """Where it was sent, once it was."""


class Lanes:
    """Reads the outbox a window at a time, so that memory does not depend on the backlog."""

    def __init__(self, outbox: Outbox, config: MqttConfig) -> None:
        self._outbox = outbox
        self._live: deque[Parcel] = deque()
        self._backlog: deque[Parcel] = deque()
        self._retries: deque[tuple[float, Parcel]] = deque()
        self._has_turn = False
        self.retune(config)
        self.rewind()

    def retune(self, config: MqttConfig) -> None:
        """Take over the window and the backlog's pace."""
        self._window = config.inflight
        self._pace = Bucket(config.backlog_per_s, burst=config.inflight)
        most_per_s = profile_of(config).publish_per_s
        self._limit = Bucket(STEADY * most_per_s, BURST * most_per_s) if most_per_s else None

    def rewind(self) -> None:
        """Begin anew: all that is stored and not acknowledged now is backlog."""
        self._live.clear()
        self._backlog.clear()
        self._is_paid = False
        self._live_cursor, self._backlog_cursor = self._outbox.cursors()

    def forget_retries(self) -> None:
        """Drop what waits for another try; a `rewind` finds it again."""
        self._retries.clear()

    @property
    def waiting(self) -> int:
        """How many letters wait for another try."""
        return len(self._retries)

    @property
    def is_paced(self) -> bool:
        """Letters are at hand, and wait for their turn."""
        return bool(self._backlog) or not self._may_go

    @property
    def pause_s(self) -> float:
        """How long the next turn takes to come."""
        slow = self._pace if self._may_go or self._limit is None else self._limit
        return 1.0 / slow.per_s

    @property
    def _may_go(self) -> bool:
        return self._limit is None or self._has_turn

    def retry(self, parcel: Parcel, due_s: float) -> None:
        """Let a refused letter come by again at ``due_s`` (monotonic seconds)."""
        self._retries.append((due_s, parcel._replace(tries=parcel.tries + 1)))

    def put_back(self, parcel: Parcel) -> None:
        """Take back what could not be sent now: it is the first of its lane."""
        (self._backlog if parcel.hist else self._live).appendleft(parcel)
        self._is_paid |= parcel.hist
        self._has_turn = True

    def next(self, now_s: float, flying: Iterable[Parcel], is_capped: bool) -> Parcel | None:
        """Return what is to be sent now, None if nothing is.

        Args:
            now_s: monotonic seconds.
            flying: what is on its way already, and is not to be sent a second time.
            is_capped: hold the backlog to its pace.
        """
        if self._limit is not None and not self._has_turn:
            self._has_turn = self._limit.take(now_s)
        parcel = self._first(now_s, flying, is_capped) if self._may_go else None
        if parcel is not None:
            self._has_turn = False
        return parcel

    def _first(self, now_s: float, flying: Iterable[Parcel], is_capped: bool) -> Parcel | None:
        if self._retries and self._retries[0][0] <= now_s:
            return self._retries.popleft()[1]
        if not self._live:
            self._live += self._fetch(self._live_cursor, False, flying)
        if self._live:
            return self._live.popleft()
        if not self._backlog:
            self._backlog += self._fetch(self._backlog_cursor, True, flying)
        if self._backlog and (self._is_paid or not is_capped or self._pace.take(now_s)):
            self._is_paid = False
            return self._backlog.popleft()
        return None

    def _fetch(self, cursor: Cursor, hist: bool, flying: Iterable[Parcel]) -> list[Parcel]:
        while letters := self._outbox.peek(cursor, self._window):
            busy = {(p.letter.boot, p.letter.seq) for p in flying}
            busy |= {(p.letter.boot, p.letter.seq) for _, p in self._retries}
            parcels = [Parcel(x, hist) for x in letters if (x.boot, x.seq) not in busy]
            if parcels:
                return parcels
        return []
