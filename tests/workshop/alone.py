"""A network namespace for one server and who asks it: nothing of it is on the machine's network."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
_CLONE_NEWNET = 0x40000000


class Alone:
    """A process in a namespace of its own, its output in ``log``."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """Begin ``command`` with the loopback up."""
        self.log = log
        up = 'ip link set lo up && exec "$@"'
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", up, "sh", *command], stdout=file, stderr=file
            )

    def wait_for(self, words: str) -> None:
        """Return once the process has said ``words``."""
        until_s = time.monotonic() + PATIENCE_S
        while words not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until_s, self.log.read_text()
            time.sleep(0.05)

    def inside(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, done in a thread that has gone into the namespace."""
        with ThreadPoolExecutor(1, initializer=self._enter) as thread:
            return thread.submit(work).result()

    def stop(self) -> int:
        """Ask the process to end, and return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def _enter(self) -> None:
        # For this thread alone, and for what it begins; os.setns came with Python 3.12.
        libc = ctypes.CDLL(None, use_errno=True)
        space = os.open(f"/proc/{self.process.pid}/ns/net", os.O_RDONLY)
        try:
            if libc.setns(space, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(space)
