"""What is synced and when, and the ledger where it can be had. Never raises over the disk."""

import contextlib
import logging
import os
from pathlib import Path

from edgeagent.errors import OutboxError
from edgeagent.outbox.disk import Disk
from edgeagent.outbox.ledger import Account, Ledger

_log = logging.getLogger(__name__)

_RETRY_S = 1.0
"""How often a disk that refused is tried again; and the least time between two ledgers."""


class Keeper:
    """Beside the log: files to sync, the ledger to write, and the times of both."""

    def __init__(self, folder: Path, disk: Disk, mono_s: float) -> None:
        """Open the ledger if that is possible.

        Raises:
            OutboxError: another process holds it.
        """
        self._folder = folder
        self._disk = disk
        self._synced_s = self._retried_s = mono_s
        self._is_closed = False
        self._ledger = self._open()
        self.account = self._ledger.account if self._ledger is not None else Account()
        """What the ledger said at the start."""
        self.is_account_new = False
        """The ledger on disk is no longer true."""

    def _open(self) -> Ledger | None:
        try:
            return Ledger(self._folder / "ledger")
        except OutboxError:
            raise
        except OSError as error:
            _log.warning("%s: no ledger: %s", self._folder, error)
            return None

    def is_retry_due(self, mono_s: float) -> bool:
        """Return whether a disk that refused is to be tried again now."""
        is_due = mono_s - self._retried_s >= _RETRY_S
        self._retried_s = mono_s if is_due else self._retried_s
        return is_due

    def is_sync_due(self, mono_s: float, every_s: float) -> bool:
        """Return whether the interval is over."""
        is_due = mono_s - self._synced_s >= max(every_s, _RETRY_S)
        self._synced_s = mono_s if is_due else self._synced_s
        return is_due

    def sync(self, fds: list[int], has_new_file: bool) -> None:
        """Sync and close descriptors, and the folder where a file in it is new."""
        with contextlib.suppress(OSError):
            if has_new_file:
                fds = [*fds, os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)]
        for fd in fds:
            self._sync(fd)
            os.close(fd)

    def sync_ledger(self) -> None:
        """Sync the ledger."""
        if self._ledger is not None:
            self._sync(self._ledger.fd)

    def _sync(self, fd: int) -> None:
        try:
            self._disk.sync(fd)
        except OSError as error:
            _log.warning("%s: cannot be synced: %s", self._folder, error)

    def write(self, account: Account) -> bool:
        """Write the ledger, opening it first if that was not possible before."""
        if self._is_closed:
            return False
        self._ledger = self._ledger or self._open()
        if self._ledger is None:
            return False
        try:
            self._ledger.write(account)
        except OSError as error:
            _log.warning("%s: the ledger cannot be written: %s", self._folder, error)
            return False
        self.is_account_new = False
        return True

    def close(self) -> None:
        """Close and unlock the ledger."""
        self._is_closed = True
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
