"""How far the broker has got, on disk: one small file of two slots, written in turn.

Whichever slot has the higher generation and a right CRC is true; a power cut in the middle of a
write leaves the other. What is lost with a slot is only sent twice.
"""

import contextlib
import fcntl
import os
import struct
import zlib
from pathlib import Path

import msgspec

from edgeagent.errors import OutboxError
from edgeagent.outbox.gaps import Gap
from edgeagent.outbox.spans import Span

SLOT_BYTES = 16384
LEDGER_BYTES = 2 * SLOT_BYTES

_HEAD = struct.Struct("<QII")


class Account(msgspec.Struct, frozen=True, array_like=True):
    """What has to outlive the process beside the entries themselves."""

    number: int = 0
    """Highest number a segment ever had."""
    boot: str = ""
    last: int = -1
    """Last seq given in ``boot``."""
    done: tuple[tuple[int, str, tuple[Span, ...]], ...] = ()
    """Segment, its boot, and what of it need not be sent any more."""
    gaps: tuple[Gap, ...] = ()
    """Not yet announced."""


class Ledger:
    """The file. Held open and locked, so that two agents cannot share an outbox."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            OutboxError: another process holds it.
            OSError: the disk is full, read-only, or not ours.
        """
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(self._fd, path)
            if os.fstat(self._fd).st_size < LEDGER_BYTES:
                # Room is taken now: a full disk then cannot stop the ledger from being written.
                os.pwrite(self._fd, bytes(LEDGER_BYTES), 0)
        except BaseException:
            os.close(self._fd)
            raise
        self._generation, self.account = self._read()

    def _read(self) -> tuple[int, Account]:
        slots = [self._slot(at) for at in (0, SLOT_BYTES)]
        return max(slots, key=lambda slot: slot[0])

    def _slot(self, at: int) -> tuple[int, Account]:
        data = os.pread(self._fd, SLOT_BYTES, at)
        if len(data) < _HEAD.size:
            return 0, Account()
        generation, size, crc = _HEAD.unpack_from(data)
        body = data[_HEAD.size : _HEAD.size + size]
        if len(body) != size or size == 0 or crc != _crc(generation, body):
            return 0, Account()
        try:
            return generation, msgspec.msgpack.decode(body, type=Account)
        except msgspec.MsgspecError:
            return 0, Account()

    def write(self, account: Account) -> None:
        """Keep ``account``; it survives a killed process at once, a power cut after `sync`.

        Raises:
            OSError: it could not be written; the slot before still stands.
        """
        body = _fit(account)
        generation = self._generation + 1
        data = _HEAD.pack(generation, len(body), _crc(generation, body)) + body
        os.pwrite(self._fd, data, (generation & 1) * SLOT_BYTES)
        self._generation = generation

    @property
    def fd(self) -> int:
        """The open file, for syncing."""
        return self._fd

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
    body = msgspec.msgpack.encode(account)
    while len(body) > SLOT_BYTES - _HEAD.size:
        done = account.done[: len(account.done) // 2]
        gaps = account.gaps if account.done else account.gaps[len(account.gaps) // 2 :]
        account = msgspec.structs.replace(account, done=done, gaps=gaps)
        body = msgspec.msgpack.encode(account)
    return body
