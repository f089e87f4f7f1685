"""Keeps the ledger true: what it says, and when all it speaks of is on the disk."""

import threading
from pathlib import Path
from typing import NamedTuple

from edgeagent.outbox.aside import Aside
from edgeagent.outbox.finding import Past
from edgeagent.outbox.ground import Ground
from edgeagent.outbox.keeper import Keeper
from edgeagent.outbox.ledger import Account
from edgeagent.outbox.logs import Logs


class Due(NamedTuple):
    """What one sync is about; what comes meanwhile is the next one's."""

    last: int
    """Seq put last."""
    ends: tuple[tuple[int, int], ...]
    """See `ledger.Account.ends`."""
    paths: list[Path]
    """Files in which a power cut would take something."""
    is_folder_new: bool
    said: int
    """Gaps whose announcements are in those files."""
    gone: int
    """Deleted files that the ledger speaks of no more once the folder is synced."""


class Books:
    """Not thread-safe but for `sync`: the outbox holds its lock."""

    def __init__(
        self,
        ground: Ground,
        logs: Logs,
        keeper: Keeper,
        past: Past,
        aside: Aside,
        next_seq: int,
    ) -> None:
        self._ground, self._logs, self._keeper, self._past = ground, logs, keeper, past
        self._aside = aside
        self._synced = next_seq - 1, logs.ends
        ground.keep = self.keep

    def due(self, next_seq: int) -> Due:
        """Take up all that was put and acknowledged so far; `sync` is to follow."""
        logs, ground = self._logs, self._ground
        paths, is_folder_new = logs.to_sync(), logs.take_new_file()
        said = ground.gaps.said() if logs.is_on_disk else 0
        return Due(next_seq - 1, logs.ends, paths, is_folder_new, said, len(ground.gone))

    def sync(self, due: Due, lock: threading.Lock) -> None:
        """Sync it, then write the ledger and sync that; waits for the disk without the lock."""
        failed = self._keeper.sync(due.paths, due.is_folder_new)
        with lock:
            self._logs.put_off(failed)
            if not self._keeper.fault:
                self._synced = due.last, due.ends
                del self._ground.gone[: due.gone]
                self._ground.gaps.settle(due.said)
            self.write()
        if self._keeper.is_unsynced:
            generation = self._keeper.sync_ledger()
            with lock:
                self._keeper.settle(generation)

    def keep(self) -> bool:
        """Write the ledger and sync it; return whether that worked."""
        self._keeper.is_account_new = True
        self.write()
        self._keeper.settle(self._keeper.sync_ledger())
        return not (self._keeper.is_account_new or self._keeper.is_unsynced)

    def write(self) -> None:
        """Write the ledgers if they are no longer true."""
        if self._keeper.is_account_new or self._keeper.is_hot_account_new:
            self._ground.written_bytes += self._keeper.write(self._account())

    def _account(self) -> Account:
        ground, (last, ends) = self._ground, self._synced
        boot = ground.boot
        if last < 0:
            # Of this one nothing is certain to be there: the one before is still the latest.
            boot, last = self._past.latest, self._past.last_seq(self._past.latest)
        number, gaps = ground.number - 1, tuple(ground.gaps.as_list())
        done, told = (*self._logs.done(), *self._aside.done), self._aside.told
        return Account(number, boot, last, done, gaps, ends, ground.gaps.flying(), told)
