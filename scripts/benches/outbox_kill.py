"""Rounds of kill -9 on a process that puts, reads and acknowledges; part of `scripts/bench outbox`.

The process says through a pipe what it has put, after the put returned, and what it is about to
acknowledge. Whatever it said it put must come out of the outbox afterwards, or have been
acknowledged; there is room for all, and no gap is right.
"""

import os
import random
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from edgeagent.config import OutboxConfig
from edgeagent.outbox import Letter, Outbox

Row = dict[str, str | int | float | bool]
Key = tuple[str, int]
CONFIG = OutboxConfig(max_bytes=1 << 32, segment_bytes=1 << 16, sync_s=1.0)
_WORD = struct.Struct("<cQ")


def record_of(boot: str, seq: int, size: int) -> bytes:
    """Return bytes that tell by themselves whether they are whole, and whose."""
    body = f"{boot}/{seq}/".encode().ljust(size, b".")
    return body + zlib.crc32(body).to_bytes(4, "little")


def is_right(letter: Letter) -> bool:
    """Return whether a letter's record is what was put under its name."""
    body, crc = letter.record[:-4], letter.record[-4:]
    is_whole = crc == zlib.crc32(body).to_bytes(4, "little")
    return is_whole and body.startswith(f"{letter.boot}/{letter.seq}/".encode())


def open_box(folder: Path, boot: str) -> Outbox:
    """Return the outbox of one round."""
    return Outbox.open(folder, boot, CONFIG, lambda _: None)


def write_forever(folder: Path, boot: str, pipe: int, seed: int) -> None:
    """Be the process that is killed."""
    chance, box = random.Random(seed), open_box(folder, boot)
    live, _ = box.cursors()
    seq = 0
    while True:
        for _ in range(20):
            kind = "object" if chance.random() < 0.9 else "camera_lost"
            put = box.put(kind, record_of(boot, seq, chance.randint(40, 400)))
            if put.seq >= 0:
                os.write(pipe, _WORD.pack(b"p", put.seq))
            seq = put.seq + 1 if put.seq >= 0 else seq
        letters = box.peek(live, 20)
        taken = [letter for letter in letters if chance.random() < 0.95]
        os.write(pipe, b"".join(_WORD.pack(b"a", letter.seq) for letter in taken))
        box.ack(taken)
        box.tick()
        if chance.random() < 0.1:
            box.sync()


def one_round(folder: Path, boot: str, seed: int) -> Iterator[tuple[bytes, int]]:
    """Start a writer, kill it after a while, and yield what it said."""
    told, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        try:
            write_forever(folder, boot, pipe, seed)
        finally:
            os._exit(1)
    os.close(pipe)
    said = bytearray(os.read(told, 1 << 16))
    end_s = time.monotonic() + random.Random(seed).uniform(0.0, 0.08)
    while time.monotonic() < end_s:
        said += os.read(told, 1 << 16)
    os.kill(child, signal.SIGKILL)
    while more := os.read(told, 1 << 16):
        said += more
    os.close(told)
    os.waitpid(child, 0)
    yield from _WORD.iter_unpack(said[: len(said) // _WORD.size * _WORD.size])


def rounds(folder: Path, count: int, seed: int = 1) -> Row:
    """Return what ``count`` rounds in one folder came to."""
    put: set[Key] = set()
    acked: set[Key] = set()
    for n in range(1, count + 1):
        boot = f"{n}-{seed:08x}"
        for what, seq in one_round(folder, boot, seed * 1_000_003 + n):
            (put if what == b"p" else acked).add((boot, seq))
    delivered, gaps, garbage = drain(folder)
    lost = put - acked - delivered
    return {
        "what": "kill -9",
        "rounds": count,
        "put": len(put),
        "lost": len(lost),
        "garbage": garbage,
        "gaps": gaps,
        "sent_twice": len(delivered & acked),
        "met": not lost and not garbage and not gaps,
    }


def drain(folder: Path) -> tuple[set[Key], int, int]:
    """Return what is still in an outbox, how many gaps, and how many records are wrong."""
    box = open_box(folder, "last-00000000")
    delivered: set[Key] = set()
    gaps = garbage = 0
    for cursor in reversed(box.cursors()):
        while letters := box.peek(cursor, 500):
            gaps += sum(letter.kind == "gap" for letter in letters)
            garbage += sum(letter.kind != "gap" and not is_right(letter) for letter in letters)
            delivered |= {(letter.boot, letter.seq) for letter in letters}
    box.close()
    return delivered, gaps, garbage
