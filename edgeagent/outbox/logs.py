"""The two logs as one: events, bounded, the oldest goes; notices, few, none goes for another."""

from collections.abc import Iterable
from pathlib import Path

from edgeagent.config import OutboxConfig
from edgeagent.outbox.entry import is_notice
from edgeagent.outbox.ground import Ground
from edgeagent.outbox.ledger import Account
from edgeagent.outbox.log import Log, room_bytes
from edgeagent.outbox.segment import EVENTS, NOTICES, Segment
from edgeagent.outbox.spans import Span, Spans


class Logs:
    """Both, over one row of seqs. Not thread-safe: the outbox holds its lock."""

    def __init__(
        self, ground: Ground, segments: Iterable[Segment], account: Account, now_s: float
    ) -> None:
        """Begin with what earlier boots left."""
        self.ground = ground
        self.events, self.notices = Log(EVENTS, ground), Log(NOTICES, ground)
        self.both = (self.notices, self.events)
        done = {(number, boot): spans for number, boot, spans in account.done}
        ends = dict(account.ends)
        for segment in segments:
            segment.last = max(segment.last, ends.get(segment.number, -1))
            spans = done.get((segment.number, segment.boot), ())
            segment.done = Spans(spans).within(segment.first, segment.last)
            segment.newest_s = now_s
            self._take(self.events if segment.log == EVENTS else self.notices, segment)
        for gap in account.gaps:
            ground.gaps.add(gap.boot, gap.first, gap.last, gap.why)
        for announced in account.flying:
            if self._is_to_send(announced.boot, announced.seq):
                ground.gaps.fly(announced)

    def _take(self, log: Log, segment: Segment) -> None:
        log.index.add(segment)
        if not segment.left:
            log.remove(segment)

    def _is_to_send(self, boot: str, seq: int) -> bool:
        mine = (s for s in self.notices.index if s.boot == boot and s.first <= seq <= s.last)
        return any(seq not in segment.done for segment in mine)

    def of(self, kind: str) -> Log:
        """Return the log for events of that kind."""
        return self.notices if is_notice(kind) else self.events

    def get(self, number: int) -> tuple[Log, Segment] | None:
        """Return the segment of that number and its log, if it is still there."""
        for log in self.both:
            segment = log.index.get(number)
            if segment is not None:
                return log, segment
        return None

    def low(self, boot: str) -> int | None:
        """Return the lowest seq of ``boot`` the broker is still to have or to hear of, if any."""
        lows = [log.index.low(boot) for log in self.both]
        lows.append(self.ground.gaps.low(boot))
        return min((low for low in lows if low is not None), default=None)

    def settle(self, number: int, first: int, last: int, why: str = "") -> Segment | None:
        """Note events that need not be sent any more; return their segment, if it is still there.

        What an announcement said that was lost on the disk is to be said again.
        """
        found = self.get(number)
        if found is None:
            return None
        log, segment = found
        for gap in self.ground.gaps.land(segment.boot, first, last) if log is self.notices else ():
            if why == "damaged":
                self.ground.gaps.add(gap.boot, gap.first, gap.last, gap.why)
        log.settle(segment, first, last, why)
        return segment

    @property
    def depth(self) -> int:
        """How many events are still to be sent."""
        return sum(log.index.depth for log in self.both)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(log.index.bytes for log in self.both)

    def fullness(self, config: OutboxConfig) -> float:
        """Return which share of its room the fuller one takes."""
        return max(log.index.bytes / room_bytes(log.name, config) for log in self.both)

    @property
    def lost(self) -> int:
        """How many were given up since the start."""
        return sum(log.lost for log in self.both)

    @property
    def refusal(self) -> str:
        """Why the disk does not take events, "" while it does."""
        return next((log.refusal for log in self.both if log.refusal), "")

    def recover(self, next_seq: int, config: OutboxConfig, now_s: float) -> int:
        """Try again what the disk refused; return how many events were written from memory."""
        self.ground.delete_doomed()
        return sum(log.recover(next_seq, config, now_s) or 0 for log in self.both)

    def expire(self, now_s: float, today: int, config: OutboxConfig) -> bool:
        """See `Log.expire`; notices do not grow old."""
        for log in self.both:
            log.pen.day = today
        return self.events.expire(now_s, today, config.max_age_days)

    # --- for the disk

    def to_sync(self) -> list[Path]:
        """Return the files in which a power cut would take something."""
        return [path for log in self.both for path in log.pen.to_sync()]

    def put_off(self, paths: list[Path]) -> None:
        """Sync these, which could not be synced, next time."""
        self.events.pen.put_off(paths)

    def take_new_file(self) -> bool:
        """Return whether the folder is to be synced: a file in it is new or gone."""
        notices, events = (log.pen.take_new_file() for log in self.both)
        return notices or events or bool(self.ground.gone)

    @property
    def ends(self) -> tuple[tuple[int, int], ...]:
        """Number and last seq of each file on the disk that is being written."""
        tails = [log.pen.segment for log in self.both]
        return tuple((s.number, s.last) for s in tails if s is not None and not s.is_hot)

    def done(self) -> tuple[tuple[int, str, tuple[Span, ...]], ...]:
        """Return what need not be sent, as the ledger keeps it.

        What is only in the other log is left out: it is found again by reading.
        """
        ground = self.ground
        gone = [(s.number, s.boot, ((s.first, s.last),)) for s in (*ground.doomed, *ground.gone)]
        kept = [
            (s.number, s.boot, _sent(s))
            for log in self.both
            for s in log.index
            if s.done.count > s.elsewhere.count
        ]
        return (*gone, *kept)

    @property
    def is_on_disk(self) -> bool:
        """Nothing is held in the process's memory alone."""
        return all(log.is_on_disk for log in self.both)

    def close(self) -> None:
        """Close the open files."""
        for log in self.both:
            log.pen.close()


def _sent(segment: Segment) -> tuple[Span, ...]:
    elsewhere = set(segment.elsewhere.as_list())
    return tuple(span for span in segment.done.as_list() if span not in elsewhere)
