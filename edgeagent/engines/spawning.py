"""Starts the children, and sees that every one of them is buried."""

import fcntl
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgeagent.errors import AcceleratorError

_PACKAGES = str(Path(__file__).parents[2])

# A child dies when the thread that started it does (prctl(2), PR_SET_PDEATHSIG), so that must
# never be a camera's: this one lives as long as the process.
_spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")

# Killed, but held in the kernel by their device; looked at whenever another one is started.
_undead: list[subprocess.Popen[bytes]] = []


def open_words() -> int:
    """Return a descriptor for a child's standard error: memory, which no writer waits for.

    A pipe would make a child that talks much wait for a reader, and need one.
    """
    words = os.memfd_create("edgeagent-words", os.MFD_CLOEXEC)
    fcntl.fcntl(words, fcntl.F_SETFL, fcntl.fcntl(words, fcntl.F_GETFL) | os.O_APPEND)
    return words


def start(title: str, words: int) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start ``edgeagent.engines.worker`` and return it with our end of the sockets.

    Args:
        title: for whoever lists processes.
        words: where its standard error goes.

    Raises:
        AcceleratorError: the system has no room for another process.
    """
    _undead[:] = [child for child in _undead if child.poll() is None]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        try:
            return _spawner.submit(_spawn, theirs.fileno(), title, words).result(), ours
        except OSError as error:
            ours.close()
            raise AcceleratorError(
                f"engine {title!r}: no process can be started: {error}"
            ) from error


def _spawn(inherited: int, title: str, words: int) -> subprocess.Popen[bytes]:
    # -P: not what happens to lie in the current folder.
    program = [sys.executable, "-P", "-m", "edgeagent.engines.worker"]
    return subprocess.Popen(  # noqa: S603
        [*program, str(inherited), str(os.getpid()), title],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=words,
        pass_fds=[inherited],
        env=_surroundings(),
    )


def _surroundings() -> dict[str, str]:
    paths = [_PACKAGES, os.environ.get("PYTHONPATH", "")]
    return {
        # numpy's algebra, which nothing here uses, else starts a thread for every core.
        "OPENBLAS_NUM_THREADS": "1",
        # libusb's errors alone: they tell a missing right from a missing device.
        "LIBUSB_DEBUG": "1",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def bury(child: subprocess.Popen[bytes], grace_s: float, patience_s: float) -> int | None:
    """End ``child`` and return its status, None when not even SIGKILL has ended it yet.

    Args:
        child: to be ended.
        grace_s: how long it may take to end by itself.
        patience_s: how long to wait for it after SIGKILL.
    """
    if grace_s and _ended(child, grace_s):
        return child.returncode
    child.kill()
    if not _ended(child, patience_s):
        _undead.append(child)
    return child.returncode


def _ended(child: subprocess.Popen[bytes], within_s: float) -> bool:
    try:
        child.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True
