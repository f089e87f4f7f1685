"""A process with a wall clock of its own, by libfaketime; its monotonic clock is the machine's."""

import itertools
import os
import socket
import threading
import time
from pathlib import Path

_ITS_PLACES = "usr/lib/*/faketime/libfaketimeMT.so.1"
RIGHT = "+0"


def library() -> Path | None:
    """Return libfaketime, None where it is not installed."""
    return next(Path("/").glob(_ITS_PLACES), None)


class WallClock:
    """What the process sees; may be set while it runs."""

    def __init__(self, folder: Path, begin: str) -> None:
        self._file, self.flag = folder / "wall-clock", folder / "synchronised"
        self._touches = itertools.count(1)
        self.set(begin)

    def set(self, to: str) -> None:
        """Set it: ``@1970-01-01 00:00:30``, or seconds or days (``+1d``) off the right time."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(to)
        fresh.replace(self._file)

    def serve(self) -> None:
        """Let a time server set it right, and say so."""
        self.set(RIGHT)
        self.flag.touch()
        os.utime(self.flag, (0, next(self._touches)))

    @property
    def environment(self) -> dict[str, str]:
        """What the process is to be started with."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "TZ": "UTC",
        }


class Systemd:
    """Listens on a NOTIFY_SOCKET of its own, and counts what keeps its watchdog quiet."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.address))
        self.pings_s: list[float] = []
        """When each WATCHDOG=1 came, monotonic seconds."""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while told := self._socket.recv(4096):
            if told == b"WATCHDOG=1":
                self.pings_s.append(time.monotonic())

    def close(self) -> None:
        """Stop listening."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
