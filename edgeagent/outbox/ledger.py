"""How far the broker has got, on disk: one small file of two slots.

Whichever slot has the higher generation and a right CRC is true. What is written goes over the
slot that is not the synced one, so that a power cut in the middle of a write leaves the other.
What is lost with a slot is only sent twice.
"""

import contextlib
import fcntl
import os
import struct
import zlib
from pathlib import Path

import msgspec

from edgeagent.errors import OutboxError
from edgeagent.outbox.disk import Disk
from edgeagent.outbox.gaps import Announced, Gap
from edgeagent.outbox.spans import Span

SLOT_BYTES = 16384
LEDGER_BYTES = 2 * SLOT_BYTES

_HEAD = struct.Struct("<QII")
_FIRST_FIELDS = 6
"""Of an account, in every ledger."""


class Account(msgspec.Struct, frozen=True, array_like=True):
    """What has to outlive the process beside the entries themselves. New fields come last."""

    number: int = 0
    """Highest number a segment ever had."""
    boot: str = ""
    """The latest of which anything was synced."""
    last: int = -1
    """Last seq given in ``boot`` and synced."""
    done: tuple[tuple[int, str, tuple[Span, ...]], ...] = ()
    """Segment, its boot, and what of it need not be sent any more."""
    gaps: tuple[Gap, ...] = ()
    """Not yet announced."""
    ends: tuple[tuple[int, int], ...] = ()
    """Open segment of each log, and the last seq synced in it: what is missing is damage."""
    flying: tuple[Announced, ...] = ()
    """Announced in events that are stored and not acknowledged."""
    told: tuple[int, ...] = ()
    """Segments of a format that is not read here, which have been announced."""


class Ledger:
    """The file. Held open and locked, so that two agents cannot share an outbox."""

    def __init__(self, path: Path, disk: Disk) -> None:
        """Open the file, or make it.

        Raises:
            OutboxError: another process holds it.
            OSError: the disk is full, read-only, or not ours.
        """
        self._disk = disk
        self._fd = disk.open(path, os.O_RDWR | os.O_CREAT)
        try:
            _lock(self._fd, path)
            if os.fstat(self._fd).st_size < LEDGER_BYTES:
                # Room is taken now: a full disk then cannot stop the ledger from being written.
                disk.write_at(self._fd, bytes(LEDGER_BYTES), 0)
        except BaseException:
            os.close(self._fd)
            raise
        self.generation, self.account, self._synced = self._read()

    def _read(self) -> tuple[int, Account, int]:
        """Return the truth, and the slot it is in: that is not written over before a sync."""
        slots = [self._slot(at) for at in (0, SLOT_BYTES)]
        at = int(slots[1][0] > slots[0][0])
        return *slots[at], at

    def _slot(self, at: int) -> tuple[int, Account]:
        try:
            data = self._disk.read(self._fd, SLOT_BYTES, at)
        except OSError:
            return 0, Account()
        if len(data) < _HEAD.size:
            return 0, Account()
        generation, size, crc = _HEAD.unpack_from(data)
        body = data[_HEAD.size : _HEAD.size + size]
        if len(body) != size or size == 0 or crc != _crc(generation, body):
            return 0, Account()
        try:
            return generation, msgspec.msgpack.decode(body, type=Account)
        except (ValueError, RecursionError):
            return 0, Account()

    def write(self, account: Account, generation: int) -> int:
        """Keep ``account``; it survives a killed process at once, a power cut after a `sync`.

        Args:
            account: the truth.
            generation: higher than any before.

        Returns:
            How many bytes were written.

        Raises:
            OSError: it could not be written; the slot synced last still stands.
        """
        body = _fit(account)
        data = _HEAD.pack(generation, len(body), _crc(generation, body)) + body
        self._disk.write_at(self._fd, data, (1 - self._synced) * SLOT_BYTES)
        self.generation = generation
        return len(data)

    def sync(self) -> None:
        """Sync what was written; then tell `settle`, under the lock under which was written.

        Raises:
            OSError: it may not survive a power cut.
        """
        self._disk.sync(self._fd)

    def settle(self, generation: int) -> None:
        """Note that the account of that generation is synced, unless there is a newer one."""
        if generation == self.generation:
            self._synced = 1 - self._synced

    def close(self) -> None:
        """Close and unlock it."""
        with contextlib.suppress(OSError):
            os.close(self._fd)


def _lock(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutboxError(
            f"{path}: another edgeagent uses this outbox; stop it, or set another outbox.folder"
        ) from None


def _crc(generation: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(generation.to_bytes(8, "little")))


def _fit(account: Account) -> bytes:
    """Encode; what does not fit a slot is left out, newest first, and will be sent twice."""
    body = _encode(account)
    while len(body) > SLOT_BYTES - _HEAD.size:
        done = account.done[: len(account.done) // 2]
        gaps = account.gaps if account.done else account.gaps[len(account.gaps) // 2 :]
        account = msgspec.structs.replace(account, done=done, gaps=gaps)
        body = _encode(account)
    return body


def _encode(account: Account) -> bytes:
    """Encode; without its later fields while they are empty, as when there were none."""
    fields = msgspec.structs.astuple(account)
    while len(fields) > _FIRST_FIELDS and not fields[-1]:
        fields = fields[:-1]
    return msgspec.msgpack.encode(fields)
