"""What reaches the device, beside SQLite, each on its own ext4; part of `scripts/bench outbox`.

Needs root for the loop devices: only there does the kernel's counter see nobody else's writes.
"""

import contextlib
import os
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from edgeagent.config import OutboxConfig
from edgeagent.outbox import Letter, Outbox

Row = dict[str, str | int | float | bool]
PAYLOAD = os.urandom(100).hex().encode()
"""200 bytes, as an event has."""
PER_S = 5
GROUP_S = 5.0
BAR_TIMES = 4.0
"""Device bytes a payload byte may cost at `PER_S`."""
IMAGE_BYTES = 1 << 27
MOST_PUTS = 50_000
"""Flat out, so that a quick machine does not fill the file system."""


class Store(Protocol):
    """A queue on disk."""

    def put(self) -> None:
        """Store `PAYLOAD`."""
        ...

    def tick(self) -> None:
        """Be called once a second, as by a publisher on line: acknowledge all."""
        ...

    def close(self) -> None:
        """Close."""
        ...


class OutboxStore:
    """Ours."""

    def __init__(self, folder: Path, config: OutboxConfig) -> None:
        self._box = Outbox.open(folder / "box", "1-aaaaaaaa", config, lambda _: None)
        self._cursor, _ = self._box.cursors()

    def put(self) -> None:
        """See `Store.put`."""
        self._box.put("object", PAYLOAD)

    def tick(self) -> None:
        """See `Store.tick`."""
        letters: list[Letter] = []
        while some := self._box.peek(self._cursor, 100):
            letters += some
        self._box.ack(letters)
        self._box.tick()

    def close(self) -> None:
        """See `Store.close`."""
        self._box.close()


class SqliteStore:
    """SQLite in WAL mode: a row an event, deleted when acknowledged."""

    def __init__(self, folder: Path, synchronous: str, group_s: float) -> None:
        self._db = sqlite3.connect(
            folder / "queue.db", isolation_level=None, check_same_thread=False
        )
        self._db.execute("pragma journal_mode=WAL")
        self._db.execute(f"pragma synchronous={synchronous}")
        self._db.execute("create table queue(id integer primary key, at real, record blob)")
        self._group_s, self._began_s = group_s, 0.0
        self._last: int | None = 0

    def _begin(self) -> None:
        if self._group_s and not self._db.in_transaction:
            self._db.execute("begin")
            self._began_s = time.monotonic()

    def put(self) -> None:
        """See `Store.put`."""
        self._begin()
        row = (time.time(), PAYLOAD)
        self._last = self._db.execute("insert into queue(at, record) values(?, ?)", row).lastrowid

    def tick(self) -> None:
        """See `Store.tick`."""
        self._begin()
        self._db.execute("delete from queue where id <= ?", (self._last,))
        if self._group_s and time.monotonic() - self._began_s >= self._group_s:
            self._db.execute("commit")

    def close(self) -> None:
        """See `Store.close`."""
        if self._db.in_transaction:
            self._db.execute("commit")
        self._db.close()


def stores(hot: Path) -> dict[str, Callable[[Path], Store]]:
    """Return all there are, by name."""
    grouped = OutboxConfig(sync_s=GROUP_S)
    warm = OutboxConfig(sync_s=GROUP_S, hot_folder=str(hot))
    return {
        "outbox, sync 5 s": lambda folder: OutboxStore(folder, grouped),
        "outbox, sync 5 s, hot": lambda folder: OutboxStore(folder, warm),
        "outbox, sync each": lambda folder: OutboxStore(folder, OutboxConfig(sync_s=0)),
        "SQLite NORMAL, commit 5 s": lambda folder: SqliteStore(folder, "NORMAL", GROUP_S),
        "SQLite FULL, commit 5 s": lambda folder: SqliteStore(folder, "FULL", GROUP_S),
        "SQLite NORMAL, each": lambda folder: SqliteStore(folder, "NORMAL", 0.0),
    }


@contextlib.contextmanager
def ext4(home: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Yield a fresh file system and its device's name."""
    image, folder = home / f"{name}.img", home / name
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    lazy = "lazy_itable_init=0,lazy_journal_init=0"
    subprocess.run(["mkfs.ext4", "-q", "-E", lazy, image], check=True)
    folder.mkdir()
    subprocess.run(["mount", "-o", "loop,noatime", image, folder], check=True)
    try:
        source = ["findmnt", "-no", "SOURCE", str(folder)]
        device = subprocess.run(source, check=True, stdout=subprocess.PIPE, text=True).stdout
        yield folder, Path(device.strip()).name
    finally:
        subprocess.run(["umount", folder], check=False)


def written(folder: Path, device: str) -> int:
    """Return the bytes the device was ever told to write, after all that waits was written."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)
    subprocess.run(["sync", "-f", folder], check=True)
    return int(Path(f"/sys/block/{device}/stat").read_text().split()[6]) * 512


def flat_out(open_store: Callable[[Path], Store], folder: Path) -> float:
    """Return microseconds a put, as fast as they go for half a second or `MOST_PUTS`."""
    (folder / "flat").mkdir()
    store = open_store(folder / "flat")
    count, began_s = 0, time.perf_counter()
    while time.perf_counter() < began_s + 0.5 and count < MOST_PUTS:
        for _ in range(100):
            store.put()
        count += 100
    spent_s = time.perf_counter() - began_s
    store.tick()
    store.close()
    return spent_s / count * 1e6


def live(open_store: Callable[[Path], Store], place: tuple[Path, str], seconds: float) -> Row:
    """Return what reaches the device at `PER_S` events a second, and while idle."""
    folder, device = place
    store = open_store(folder)
    idle(store, GROUP_S + 1)
    before, count = written(folder, device), int(seconds * PER_S)
    began_s = time.monotonic()
    for n in range(1, count + 1):
        store.put()
        if n % PER_S == 0:
            store.tick()
        time.sleep(max(began_s + n / PER_S - time.monotonic(), 0.0))
    busy = written(folder, device) - before
    idle(store, 2 * GROUP_S)
    before = written(folder, device)
    idle(store, 2 * GROUP_S)
    left = written(folder, device) - before
    store.close()
    times = busy / count / len(PAYLOAD)
    return {
        "bytes_an_event": round(busy / count),
        "times_payload": round(times, 2),
        "idle_bytes": left,
    }


def idle(store: Store, seconds: float) -> None:
    """Let time pass with nothing to store."""
    for _ in range(int(seconds)):
        store.tick()
        time.sleep(1.0)


def beside_sqlite(seconds: float) -> list[Row]:
    """Return a row for each store: flat out one after the other, then all at once."""
    rows: dict[str, Row] = {}
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hot = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        places = {
            name: stack.enter_context(ext4(home, f"disk{number}"))
            for number, name in enumerate(stores(hot))
        }
        put_us = {n: flat_out(s, places[n][0]) for n, s in stores(hot / "flat").items()}
        threads = [_thread(rows, n, s, places[n], seconds) for n, s in stores(hot).items()]
        for thread in threads:
            thread.join()
    return [_judged(name, put_us[name], rows[name]) for name in put_us]


def _thread(
    rows: dict[str, Row],
    name: str,
    open_store: Callable[[Path], Store],
    place: tuple[Path, str],
    seconds: float,
) -> threading.Thread:
    def work() -> None:
        rows[name] = live(open_store, place, seconds)

    thread = threading.Thread(target=work, name=name)
    thread.start()
    return thread


def _judged(name: str, put_us: float, row: Row) -> Row:
    kill_takes_s = GROUP_S if "commit" in name else 0.0
    row = {"what": name, "put_us": round(put_us, 1), **row, "kill_9_takes_s": kill_takes_s}
    if name.startswith("outbox, sync 5 s"):
        bar = 0.1 if name.endswith("hot") else BAR_TIMES
        met = float(row["times_payload"]) <= bar and row["idle_bytes"] == 0
        return {**row, "bar": bar, "met": met}
    return row
