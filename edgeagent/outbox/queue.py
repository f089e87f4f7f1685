"""`Outbox` itself: the lock, the seq, the ledger, and the calls others make."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from edgeagent import event
from edgeagent.clock import Clock, SystemClock, kernel_boot
from edgeagent.config import OutboxConfig
from edgeagent.findings import Notice
from edgeagent.outbox.disk import Disk, RealDisk
from edgeagent.outbox.keeper import Keeper
from edgeagent.outbox.ledger import Account
from edgeagent.outbox.log import Log
from edgeagent.outbox.reading import Cursor, Letter, look
from edgeagent.outbox.segment import Segment, find_segments
from edgeagent.outbox.spans import Spans


class Put(NamedTuple):
    """What became of an event that was put."""

    seq: int
    dropped: int
    """How many events had to go for it."""


class Outbox:
    """The queue. ``put`` from any thread; ``peek``, ``ack``, ``tick`` from one thread at a time.

    Once open, nothing here raises over the disk: an event that cannot be written is kept in a
    bounded ring in memory until writing works again.
    """

    def __init__(
        self,
        folder: Path,
        boot: str,
        config: OutboxConfig,
        tell: Callable[[Notice], None],
        clock: Clock,
        disk: Disk,
        segments: list[Segment],
    ) -> None:
        """Use `open`."""
        self.boot = boot
        self._config = config
        self._folder = folder
        self._tell = tell
        self._clock = clock
        self._kernel = kernel_boot()
        self._lock = threading.Lock()
        self._on_put: Callable[[], None] = _nothing
        self._keeper = Keeper(folder, disk, clock.mono_s())
        account = self._keeper.account
        numbers = [account.number, *(segment.number for segment in segments)]
        self._log = Log(folder, boot, disk, max(numbers) + 1, self._write_account)
        self._last = {segment.boot: segment.last for segment in segments}
        self._boot_before = _latest_boot(segments, account)
        self._take_over(segments, account)
        self._seq = self._last.get(boot, -1) + 1
        self._synced_seq = self._seq - 1

    @classmethod
    def open(
        cls,
        folder: Path,
        boot: str,
        config: OutboxConfig,
        tell: Callable[[Notice], None],
        clock: Clock | None = None,
        disk: Disk | None = None,
    ) -> "Outbox":
        """Open the outbox, made where it is missing; only headers and last files are read.

        Args:
            folder: for its files alone.
            boot: name of this boot, at most 36 ASCII letters, digits and dashes.
            config: bounds and sync interval.
            tell: is told ``disk full`` and ``disk back``; may put.
            clock: dates the gaps it announces, and paces `tick`; the machine's if not given.
            disk: writes; the machine's if not given.

        Raises:
            OutboxError: another process uses the folder, or what is in it cannot be read.
        """
        segments = find_segments(folder)
        return cls(folder, boot, config, tell, clock or SystemClock(), disk or RealDisk(), segments)

    def _take_over(self, segments: Iterable[Segment], account: Account) -> None:
        """Begin with what earlier boots left."""
        done = {(number, boot): spans for number, boot, spans in account.done}
        for segment in segments:
            spans = done.get((segment.number, segment.boot), ())
            segment.done = Spans(spans).within(segment.first, segment.last)
            self._log.index.add(segment)
            if not segment.left:
                self._log.remove(segment)
        for gap in account.gaps:
            self._log.gaps.add(gap.boot, gap.first, gap.last, gap.why)
        if account.boot:
            self._last[account.boot] = max(self.last_seq(account.boot), account.last)

    def retune(self, config: OutboxConfig) -> None:
        """Take over new bounds and a new sync interval, from the next put and tick on."""
        self._config = config

    # --- for those who put

    def put(self, kind: str, record: bytes) -> Put:
        """Store one event and give it its seq; disk order is seq order.

        It is in the operating system's hands when this returns, and so survives kill -9; a power
        cut may take what was put since the last sync.
        """
        with self._lock:
            seq = self._seq
            self._seq += 1
            lost = self._log.store(seq, kind, record, self._config)
            self._keeper.is_account_new |= lost > 0
        self._tell_news()
        self._on_put()
        return Put(seq, lost)

    def listen(self, on_put: Callable[[], None]) -> None:
        """Have ``on_put`` called after every put, in the thread that put; it must not wait."""
        self._on_put = on_put

    def _tell_news(self) -> None:
        while self._log.news:
            with self._lock:
                notice = self._log.news.popleft() if self._log.news else None
            if notice is not None:
                self._tell(notice)

    # --- for the one who sends

    def cursors(self) -> tuple[Cursor, Cursor]:
        """Return two cursors: over all stored from now on (live), and all before (backlog)."""
        with self._lock:
            now = self._log.end(self._seq)
        return Cursor(*now), Cursor(0, 0, stop=now)

    def peek(self, cursor: Cursor, limit: int) -> list[Letter]:
        """Return up to ``limit`` unacknowledged letters in the order stored; move ``cursor`` on.

        Gaps not yet announced are put first, as events.
        """
        self._announce_gaps()
        letters: list[Letter] = []
        while len(letters) < limit and self._peek_one(cursor, limit - len(letters), letters):
            pass
        return letters

    def _peek_one(self, cursor: Cursor, limit: int, letters: list[Letter]) -> bool:
        """Look into the segment at ``cursor``; return whether there may be more after it."""
        with self._lock:
            segment = self._log.index.at_or_after(cursor.segment)
            if segment is None or cursor.is_stopped(segment.number, 0):
                return False
            cursor.enter(segment.number)
            is_open = self._log.is_open(segment)
        if is_open and cursor.seq > segment.last:
            return False
        found = look(segment, self._folder, cursor, limit, is_open)
        letters += found.letters
        if found.holes:
            self._fill(segment, found.holes)
        return not found.is_over

    def _fill(self, segment: Segment, holes: Iterable[tuple[int, int, str]]) -> None:
        with self._lock:
            for first, last, why in holes:
                if self._log.index.get(segment.number) is segment:
                    self._keeper.is_account_new |= self._log.settle(segment, first, last, why)

    def _announce_gaps(self) -> None:
        if not self._log.gaps:
            return
        with self._lock:
            if not self._log.can_announce:
                return
            gaps = self._log.gaps.take()
            self._keeper.is_account_new = True
        for gap in gaps:
            self.put("gap", gap.record(event.now(self._clock, self._kernel)))

    def ack(self, letters: Iterable[Letter]) -> None:
        """Note that the broker has these; unknown or already acknowledged ones do no harm."""
        self._settle(letters, "")

    def refuse(self, letter: Letter) -> None:
        """Give up a letter that the broker will never take; a gap will say so."""
        self._settle([letter], "refused")

    def _settle(self, letters: Iterable[Letter], why: str) -> None:
        with self._lock:
            for letter in letters:
                segment = self._log.index.get(letter.segment)
                if segment is not None:
                    self._log.settle(segment, letter.seq, letter.seq, why)
            self._keeper.is_account_new = True

    def low(self, boot: str) -> int:
        """Return the lowest seq of ``boot`` not yet acknowledged, else the next there will be."""
        with self._lock:
            low = self._log.index.low(boot)
            if low is not None:
                return low
            return self._seq if boot == self.boot else self.last_seq(boot) + 1

    def last_seq(self, boot: str) -> int:
        """Return the last seq recovered of an earlier boot, -1 where nothing is known of it."""
        return self._last.get(boot, -1)

    @property
    def last_seq_recovered(self) -> int:
        """Last seq recovered of the latest earlier boot that stored anything, -1 for none."""
        return self.last_seq(self._boot_before)

    @property
    def depth(self) -> int:
        """How many events are still to be acknowledged, gaps to be announced included."""
        return self._log.index.depth + len(self._log.gaps)

    @property
    def bytes(self) -> int:
        """Size of what is stored."""
        return self._log.index.bytes

    @property
    def lost(self) -> int:
        """How many events were given up since the start, for whatever cause."""
        return self._log.lost

    # --- for the disk

    def tick(self) -> None:
        """Sync what is due and write the ledger; call it about once a second or more often.

        Writes nothing where nothing was put or acknowledged. May wait for the disk; puts do not
        wait for it meanwhile.
        """
        now_s = self._clock.mono_s()
        if self._keeper.is_retry_due(now_s):
            with self._lock:
                self._log.recover(self._seq, self._config)
            self._tell_news()
        if self._keeper.is_sync_due(now_s, self._config.sync_s):
            self.sync()

    def sync(self) -> None:
        """Sync all that was put and acknowledged so far."""
        with self._lock:
            fds, last = self._log.to_sync(), self._seq - 1
            said = self._log.gaps.said() if self._log.is_on_disk else 0
        self._keeper.sync(fds, self._log.take_new_file())
        with self._lock:
            self._synced_seq = last
            self._log.gaps.settle(said)
            is_written = self._keeper.is_account_new and self._write_account()
        if is_written:
            self._keeper.sync_ledger()

    def _write_account(self) -> bool:
        """Write the ledger; the lock is held."""
        done = tuple(
            (segment.number, segment.boot, tuple(segment.done.as_list()))
            for segment in self._log.index
            if segment.done.count
        )
        gaps = tuple(self._log.gaps.as_list())
        number = self._log.number - 1
        return self._keeper.write(Account(number, self.boot, self._synced_seq, done, gaps))

    def close(self) -> None:
        """Sync and close; what is put afterwards is lost. Closing twice is safe."""
        with self._lock:
            self._log.recover(self._seq, self._config)
        self.sync()
        with self._lock:
            self._log.close()
            self._keeper.close()


def _nothing() -> None:
    """Be the listener while there is none."""


def _latest_boot(segments: list[Segment], account: Account) -> str:
    """Return whose events were stored last; its files may all have been sent and deleted."""
    if segments and segments[-1].number > account.number:
        return segments[-1].boot
    return account.boot
