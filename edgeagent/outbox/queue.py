"""`Outbox` itself: the lock, the seq, the ledger, and the calls others make."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from edgeagent import event
from edgeagent.clock import Clock, SystemClock, kernel_boot
from edgeagent.config import OutboxConfig
from edgeagent.findings import Notice
from edgeagent.outbox.aside import Aside
from edgeagent.outbox.books import Books
from edgeagent.outbox.disk import Disk, RealDisk
from edgeagent.outbox.finding import find_segments, past_of
from edgeagent.outbox.gaps import Announced
from edgeagent.outbox.ground import Ground
from edgeagent.outbox.hot import Hearth
from edgeagent.outbox.keeper import TICK_S, Keeper
from edgeagent.outbox.logs import Logs
from edgeagent.outbox.reader import Reader
from edgeagent.outbox.reading import Cursor, Letter
from edgeagent.outbox.voice import RESERVED, Voice

_RESERVE = 0.125
"""Share of the notices' room that is kept for `RESERVED`."""
_GAP_BYTES = 200
"""More than the record of a gap takes."""
_DAY_MS = 86_400_000


class Put(NamedTuple):
    """What became of an event that was put."""

    seq: int
    """-1: the notices are full, and it was refused."""
    dropped: int
    """How many events had to go for it, or were refused."""


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
        hot: Path | None,
    ) -> None:
        """Use `open`."""
        self.boot = boot
        self._config, self._tell, self._clock = config, tell, clock
        self._kernel = kernel_boot()
        self._lock = threading.Lock()
        self._on_put: Callable[[], None] = _nothing
        found = find_segments(folder, hot, disk)
        self._keeper = Keeper(folder, hot, disk, clock.mono_s())
        account = self._keeper.account
        number = max([account.number, *(segment.number for segment in found.all)]) + 1
        self._ground = Ground(folder, hot, boot, disk, number)
        self._ground.is_behind = self._keeper.is_account_new and hot is not None
        self._aside = Aside(folder, found, account, disk)
        self._logs = Logs(self._ground, found.segments, account, clock.mono_s())
        self._hearth = Hearth(self._logs.events, self._ground)
        self._reader = Reader(self._logs, self._lock)
        self._voice = Voice(folder)
        self._past = past_of(found.all, account)
        self._seq = self.last_seq(boot) + 1
        self._books = Books(
            self._ground, self._logs, self._keeper, self._past, self._aside, self._seq
        )
        if self._aside.announce(self._ground.gaps):
            self._books.keep()

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
            config: bounds, sync interval, and where events begin in memory.
            tell: is told ``disk full``, ``outbox full`` and the end of each; may put.
            clock: dates the gaps it announces, and paces `tick`; the machine's if not given.
            disk: what touches files; the machine's if not given.

        Raises:
            OutboxError: another process uses the folder, or what is in it cannot be read.
        """
        hot = Path(config.hot_folder) if config.hot_folder else None
        return cls(folder, boot, config, tell, clock or SystemClock(), disk or RealDisk(), hot)

    def retune(self, config: OutboxConfig) -> None:
        """Take over new bounds and a new sync interval, from the next put and tick on."""
        self._config = config

    # --- for those who put

    def put(self, kind: str, record: bytes) -> Put:
        """Store one event and give it its seq; disk order is seq order.

        It is in the operating system's hands when this returns, and so survives kill -9; a power
        cut may take what was put since the last sync. A notice for which there is no room is
        refused and counted; an event that needs room has the oldest dropped.
        """
        with self._lock:
            put = self._put(kind, record)
            self._voice.hear_disk(self._logs.refusal, self._clock.mono_s())
        self._tell_news()
        self._on_put()
        return put

    def _put(self, kind: str, record: bytes) -> Put:
        log, reserve = self._logs.of(kind), 0.0 if kind in RESERVED else _RESERVE
        if log is self._logs.notices and not log.has_room(len(record), self._config, reserve):
            if kind not in RESERVED:
                self._voice.refuse()
            return Put(-1, 1)
        seq = self._seq
        self._seq += 1
        lost = log.store(seq, kind, record, self._config, self._clock.mono_s())
        return Put(seq, lost)

    def listen(self, on_put: Callable[[], None]) -> None:
        """Have ``on_put`` called after every put, in the thread that put; it must not wait."""
        self._on_put = on_put

    def _tell_news(self) -> None:
        while self._voice.news:
            with self._lock:
                notice = self._voice.news.popleft() if self._voice.news else None
            if notice is not None:
                self._tell(notice)

    # --- for the one who sends

    def cursors(self) -> tuple[Cursor, Cursor]:
        """Return two cursors: over all stored from now on (live), and all before (backlog)."""
        with self._lock:
            return self._reader.cursors(self._seq)

    def peek(self, cursor: Cursor, limit: int) -> list[Letter]:
        """Return up to ``limit`` unacknowledged letters in the order stored; move ``cursor`` on.

        Gaps not yet announced are put first, as events.
        """
        self._announce_gaps()
        letters = self._reader.read(cursor, limit)
        if self._reader.holes:
            with self._lock:
                for hole in self._reader.take_holes():
                    self._settle(*hole)
        return letters

    def _announce_gaps(self) -> None:
        if not self._ground.gaps:
            return
        with self._lock:
            if not self._logs.notices.has_room(_GAP_BYTES, self._config):
                return
            gaps = self._ground.gaps.take()
            self._keeper.is_account_new = True
        for gap in gaps:
            seq = self.put("gap", gap.record(event.now(self._clock, self._kernel))).seq
            with self._lock:
                if seq < 0:
                    self._ground.gaps.add(gap.boot, gap.first, gap.last, gap.why)
                else:
                    self._ground.gaps.fly(Announced(self.boot, seq, gap))

    def ack(self, letters: Iterable[Letter]) -> None:
        """Note that the broker has these; unknown or already acknowledged ones do no harm."""
        with self._lock:
            for letter in letters:
                self._settle(letter.segment, letter.seq, letter.seq)

    def refuse(self, letter: Letter) -> None:
        """Give up a letter that the broker will never take; a gap will say so."""
        with self._lock:
            self._settle(letter.segment, letter.seq, letter.seq, "refused")

    def _settle(self, number: int, first: int, last: int, why: str = "") -> None:
        segment = self._logs.settle(number, first, last, why)
        if segment is not None:
            self._keeper.is_hot_account_new = True
            self._keeper.is_account_new |= bool(why) or not segment.is_hot

    def low(self, boot: str) -> int:
        """Return the lowest seq of ``boot`` not yet acknowledged, else the next there will be.

        One that was given up counts until the gap that says so is acknowledged.
        """
        with self._lock:
            low = self._logs.low(boot)
            if low is not None:
                return low
            return self._seq if boot == self.boot else self.last_seq(boot) + 1

    def last_seq(self, boot: str) -> int:
        """Return the last seq recovered of an earlier boot, -1 where nothing is known of it."""
        return self._past.last_seq(boot)

    @property
    def boot_before(self) -> str:
        """The latest earlier boot that stored anything, "" for none."""
        return self._past.latest

    @property
    def last_seq_recovered(self) -> int:
        """Last seq recovered of `boot_before`, -1 for none."""
        return self.last_seq(self.boot_before)

    @property
    def depth(self) -> int:
        """How many events are still to be acknowledged, gaps to be announced included."""
        return self._logs.depth + len(self._ground.gaps)

    @property
    def bytes(self) -> int:
        """Size of what is stored."""
        return self._logs.bytes

    @property
    def fullness(self) -> float:
        """Which share of its room the fuller of the two logs takes."""
        return self._logs.fullness(self._config)

    @property
    def written_bytes(self) -> int:
        """What was written to the disk since the start, the file system's own not counted."""
        return self._ground.written_bytes

    @property
    def lost(self) -> int:
        """How many events were given up or refused since the start, for whatever cause."""
        return self._logs.lost + self._voice.refused

    @property
    def refused(self) -> int:
        """How many notices were refused since the start, for want of room."""
        return self._voice.refused

    @property
    def fault(self) -> str:
        """What is wrong with the outbox, in words; "" while it is well."""
        return self._voice.fault or self._keeper.fault or self._aside.fault

    # --- for the disk

    def tick(self) -> None:
        """Sync what is due and write the ledger; call it about once a second or more often.

        Writes nothing where nothing was put or acknowledged. May wait for the disk; puts do not
        wait for it meanwhile.
        """
        now_s = self._clock.mono_s()
        if self._keeper.retry.is_due(now_s, TICK_S):
            self._try_again(now_s)
        if self._keeper.is_age_due(now_s):
            self._expire(now_s)
        if self._keeper.is_sync_due(now_s, self._config.sync_s):
            self.sync()

    def _try_again(self, now_s: float) -> None:
        with self._lock:
            count = self._logs.recover(self._seq, self._config, now_s)
            self._voice.hear_disk(self._logs.refusal, now_s, count)
            if self._logs.notices.has_room(_GAP_BYTES, self._config, _RESERVE):
                self._voice.hear_room()
            if self._ground.hot is not None and self._hearth.spill(now_s, self._config.hot_s):
                self._keeper.is_account_new = True
        self._tell_news()

    def _expire(self, now_s: float) -> None:
        today = self._clock.wall_ms() // _DAY_MS if self._clock.trusted() else 0
        with self._lock:
            self._logs.expire(now_s, today, self._config)

    def sync(self) -> None:
        """Sync all that was put and acknowledged so far."""
        with self._lock:
            due = self._books.due(self._seq)
        self._books.sync(due, self._lock)

    def close(self) -> None:
        """Sync and close; what is put afterwards is lost. Closing twice is safe."""
        with self._lock:
            self._logs.recover(self._seq, self._config, self._clock.mono_s())
            if self._ground.hot is not None:
                self._hearth.spill_all()
            self._keeper.is_account_new = True
        self.sync()
        with self._lock:
            self._logs.close()
            self._keeper.close()


def _nothing() -> None:
    """Be the listener while there is none."""
