"""Runs an owner's command: no shell, a time limit, and nothing of it is left behind.

It is the leader of a session and process group of its own. The group is ended with it, whichever
way it ends; what leaves the group ends with the service, by systemd.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, BinaryIO

from edgeagent.acting.outcome import Ended, Outcome
from edgeagent.terminal import clean

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TICK_S = 0.05
"""How often it is looked whether it has ended, and what it says taken away."""
GRACE_S = 1.0
"""What a siren has to be switched off in."""
MAX_SAID = 200
_PORTION_BYTES = 65536
"""All that a pipe holds, pipe(7): a command that writes without end is slowed, and nothing of it
is kept."""


def run(
    argv: Sequence[str],
    given: bytes,
    variables: Mapping[str, str],
    time_limit_s: float,
    stop: threading.Event,
    grace_s: float = GRACE_S,
) -> Outcome:
    """Run ``argv`` and wait for its end.

    Args:
        argv: program, by its whole path, and arguments.
        given: stands on its standard input.
        variables: its environment, besides ``PATH`` and ``LC_ALL``.
        time_limit_s: its group is ended then.
        stop: ends it before that.
        grace_s: between asking its group to end and making it.
    """
    began_s = time.monotonic()
    try:
        child = _begin(argv, given, variables)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return Outcome("failed", f"{argv[0]} cannot be started: {why}")
    assert child.stderr is not None
    said = _Said(child.stderr)
    with child.stderr:
        ended = _wait(child.pid, said, began_s + time_limit_s, stop)
        if ended != "done":
            _signal(child.pid, signal.SIGTERM)
            _wait(child.pid, said, time.monotonic() + grace_s, threading.Event())
        # Before it is waited for: until then its number is nobody else's.
        _signal(child.pid, signal.SIGKILL)
        status = child.wait()
        said.hear()
    return _outcome(ended, status, time_limit_s, said.line, time.monotonic() - began_s)


def _begin(
    argv: Sequence[str], given: bytes, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with _holding(given) as file:
        return subprocess.Popen(  # noqa: S603 - the owner's settings say what to run
            argv,
            stdin=file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", **variables},
            cwd="/",
            start_new_session=True,
        )


@contextmanager
def _holding(given: bytes) -> Iterator[BinaryIO]:
    """Yield a file in memory: unlike a pipe, it keeps nobody waiting for who does not read."""
    with os.fdopen(os.memfd_create("event"), "wb+") as file:
        file.write(given)
        file.flush()
        file.seek(0)
        yield file


class _Said:
    """The first line of what is written to a pipe; the rest is thrown away."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._descriptor, self._begun, self._is_whole = pipe.fileno(), b"", False
        os.set_blocking(self._descriptor, False)

    def hear(self) -> None:
        """Take away what is there."""
        try:
            portion = os.read(self._descriptor, _PORTION_BYTES)
        except BlockingIOError:
            return
        if not self._is_whole:
            self._begun += portion[: 4 * MAX_SAID]
            line, end, _ = self._begun.lstrip().partition(b"\n")
            self._begun = line or b""
            self._is_whole = bool(end) or len(self._begun) > 4 * MAX_SAID

    @property
    def line(self) -> str:
        """What was said, harmless to a terminal."""
        return clean(self._begun.decode(errors="replace").strip()[:MAX_SAID])


def _wait(pid: int, said: _Said, until_s: float, stop: threading.Event) -> Ended:
    """Return how it ended, without taking its status: its number stays its own."""
    while True:
        said.hear()
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return "done"
        if time.monotonic() >= until_s:
            return "late"
        if stop.wait(min(TICK_S, max(until_s - time.monotonic(), 0.0))):
            return "stopped"


def _signal(group: int, number: signal.Signals) -> None:
    # A member that has taken other rights by a set-user-ID program is beyond ours.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _outcome(ended: Ended, status: int, limit_s: float, said: str, took_s: float) -> Outcome:
    if ended == "late":
        why = f"was ended after {limit_s:g} s, its time_limit_s"
    elif ended == "stopped":
        why = "was ended with the agent, or by a reload"
    elif status:
        ended, why = "failed", _status(status)
    else:
        why = ""
    return Outcome(ended, why, said, round(took_s, 2))


def _status(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
