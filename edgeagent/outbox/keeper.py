"""What is synced and when, and the ledgers where they can be had. Never raises over the disk."""

import contextlib
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edgeagent.errors import OutboxError
from edgeagent.outbox.disk import Disk
from edgeagent.outbox.ledger import Account, Ledger

_log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often to tick at least; how often a disk that refused is tried again; and the least time
between two ledgers."""
_AGE_S = 60.0
"""How often to look for what is too old."""


class Pace:
    """Whether it is time again."""

    def __init__(self, mono_s: float) -> None:
        self._last_s = mono_s

    def is_due(self, mono_s: float, every_s: float) -> bool:
        """Return whether ``every_s`` is over since it last was."""
        is_due = mono_s - self._last_s >= every_s
        self._last_s = mono_s if is_due else self._last_s
        return is_due


class Keeper:
    """Beside the logs: files to sync, the ledgers to write, and the times of both.

    With a folder in memory there are two ledgers: that on the disk is written when what is on the
    disk has changed, the other at any change. The newer one is true.
    """

    def __init__(self, folder: Path, hot: Path | None, disk: Disk, mono_s: float) -> None:
        """Open the ledgers if that is possible.

        Raises:
            OutboxError: another process holds one.
        """
        self._folder, self._hot_folder = folder, hot
        self._disk = disk
        self.retry, self.age, self._sync_pace = Pace(mono_s), Pace(mono_s - _AGE_S), Pace(mono_s)
        self._is_closed = False
        self._ledger = self._open(folder)
        self._hot = self._open(hot) if hot is not None else None
        held = [ledger for ledger in (self._ledger, self._hot) if ledger is not None]
        newest = max(held, key=lambda ledger: ledger.generation, default=None)
        self._generation = newest.generation if newest is not None else 0
        self.account = newest.account if newest is not None else Account()
        """What was kept until the start."""
        self.is_account_new = newest is not self._ledger
        """The ledger on disk is no longer true."""
        self.is_unsynced = False
        """The ledger on disk has been written since it was synced."""
        self.is_hot_account_new = False
        """Something has changed of which only the ledger in memory need know."""
        self.is_folder_new = self._ledger is not None
        """A file in it is new that `sync` is not told of."""
        self.fault = ""
        """Why the disk cannot be synced or the ledger not written, "" while all is well."""

    def _open(self, folder: Path) -> Ledger | None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ledger = Ledger(folder / "ledger", self._disk)
        except OutboxError:
            raise
        except OSError as error:
            _log.warning("%s: no ledger: %s", folder, error)
            return None
        with contextlib.suppress(OSError):
            # A killed process may have left it unsynced, and its slot is not to be written over.
            ledger.sync()
        return ledger

    def is_sync_due(self, mono_s: float, every_s: float) -> bool:
        """Return whether by the next tick more than ``every_s`` would have gone by."""
        return self._sync_pace.is_due(mono_s, max(every_s - TICK_S, TICK_S))

    def is_age_due(self, mono_s: float) -> bool:
        """Return whether to look for what is too old."""
        return self.age.is_due(mono_s, _AGE_S)

    def sync(self, paths: list[Path], has_new_file: bool) -> list[Path]:
        """Sync files, and the folder where a file in it is new.

        Returns:
            Those that could not be synced.
        """
        before, self.fault = self.fault, ""
        failed = [path for path in paths if not self._try(partial(self._sync, path))]
        if has_new_file or self.is_folder_new:
            self.is_folder_new = not self._try(lambda: self._disk.sync_folder(self._folder))
        if self.fault and not before:
            _log.warning("%s: cannot be synced: %s", self._folder, self.fault)
        return failed

    def _sync(self, path: Path) -> None:
        """Sync a file under its name: it may have been closed since, or deleted."""
        try:
            fd = self._disk.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            self._disk.sync(fd)
        finally:
            os.close(fd)

    def _try(self, sync: Callable[[], None]) -> bool:
        try:
            sync()
        except OSError as error:
            self.fault = error.strerror or str(error)
            return False
        return True

    def sync_ledger(self) -> int:
        """Sync the ledger on disk; return the generation for `settle`, 0 if that failed."""
        ledger = self._ledger
        if ledger is None:
            return 0
        generation = ledger.generation
        return generation if self._try(ledger.sync) else 0

    def settle(self, generation: int) -> None:
        """Note, under the lock, that the ledger of that generation is synced."""
        if self._ledger is not None and generation:
            self._ledger.settle(generation)
            self.is_unsynced = self._ledger.generation != generation

    def write(self, account: Account) -> int:
        """Write what is to be written, opening the ledger first if that was not possible before.

        Returns:
            How many bytes went to the disk.
        """
        if self._is_closed:
            return 0
        self._generation += 1
        if self._hot is not None and self._put(self._hot, account):
            self.is_hot_account_new = False
        if not self.is_account_new:
            return 0
        if self._ledger is None:
            self._ledger = self._open(self._folder)
            self.is_folder_new = self._ledger is not None
        written = self._put(self._ledger, account) if self._ledger is not None else 0
        self.is_account_new = written == 0
        self.is_unsynced |= written > 0
        return written

    def _put(self, ledger: Ledger, account: Account) -> int:
        try:
            return ledger.write(account, self._generation)
        except OSError as error:
            self.fault = error.strerror or str(error)
            return 0

    def close(self) -> None:
        """Close and unlock the ledgers."""
        self._is_closed = True
        for ledger in (self._ledger, self._hot):
            if ledger is not None:
                ledger.close()
        self._ledger = self._hot = None
