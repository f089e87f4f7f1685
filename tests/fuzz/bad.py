"""Parsers that do what none may, each in its own way: what the guard is there to see."""

import logging
import os
import threading
import time
from pathlib import Path

from .target import Target


def _raises(data: bytes, folder: Path) -> None:
    data.decode()


def _recurses(data: bytes, folder: Path) -> None:
    if data.startswith(b"["):
        _recurses(data[:], folder)


def _spins(data: bytes, folder: Path) -> None:
    while data.startswith(b"["):
        pass


def _swells(data: bytes, folder: Path) -> None:
    number = int.from_bytes(data[:4], "big")
    _waste = b"x" * min(number, 1 << 29)


def _climbs(data: bytes, folder: Path) -> None:
    path = folder / data.decode(errors="replace").replace("\0", "")[:200]
    try:
        path.write_bytes(b"")
    except OSError:
        return


def _reads(data: bytes, folder: Path) -> None:
    (folder / "link").symlink_to("../other/secret")
    (folder / "link").read_text()


def _runs(data: bytes, folder: Path) -> None:
    os.system("true")


def _says_nothing(data: bytes, folder: Path) -> None:
    raise ValueError


def _hides(data: bytes, folder: Path) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        logging.getLogger("bad").exception("never mind")


def _dies(data: bytes, folder: Path) -> None:
    thread = threading.Thread(target=data.decode)
    thread.start()
    thread.join()


def _aborts(data: bytes, folder: Path) -> None:
    if data.startswith(b"["):
        os.abort()


def _waits(data: bytes, folder: Path) -> None:
    if data.startswith(b"["):
        time.sleep(1e6)


def _seeds() -> list[bytes]:
    return [b"\0\0\0\1 name", b"[[]]", b"../in-the-way", b"\xff\xff\xff\xff"]


BAD = {
    one.__name__.strip("_"): Target(one.__name__.strip("_"), one, _seeds)
    for one in (_raises, _recurses, _spins, _swells, _climbs, _reads, _runs, _hides, _dies, _aborts,
                _waits)
}  # fmt: skip
BAD["says_nothing"] = Target("says_nothing", _says_nothing, _seeds, raises=(ValueError,))
