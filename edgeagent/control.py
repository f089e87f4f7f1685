"""What a person on the device may ask of the running agent, over a socket in its runtime folder.

One JSON object a line: ``{"do": "lend", "camera": "door"}`` or ``{"do": "glance"}``, answered by
``{"ok": true, ...}`` or ``{"error": "..."}``. What is lent is lent for as long as the connection
stays open, so that a borrower who dies gives it back.
"""

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from edgeagent.errors import DAMAGED, EdgeagentError, RetryError, UsageError

_log = logging.getLogger(__name__)

SOCKET = "control"
MAX_LINE_BYTES = 4096
MAX_ANSWER_BYTES = 1 << 20
"""The stage times of a dozen cameras are 100 kB."""
MAX_TALKS = 8
"""At most so many at once; the next is hung up on."""
REQUEST_S = 5.0
"""A request must be there so soon after the connection."""
MAX_LOAN_S = 600.0
"""Longest that something is lent, whatever the borrower does."""

Request = Mapping[str, Any]
Answer = Callable[[Request], AbstractContextManager[Mapping[str, Any]]]
"""Enters to do what is asked and say what it came to; leaves when the asker has hung up.

Raises:
    UsageError: there is no such thing to ask for.
"""


def runtime_folder(state: Path) -> Path:
    """Return where the socket is: systemd's runtime folder of the unit, else the state folder."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else state


def unit(text: str | None = None) -> str:
    """Return the systemd unit that this process runs in, "" for none.

    Args:
        text: of ``/proc/self/cgroup``, cgroups(7); None: read it.
    """
    if text is None:
        try:
            text = Path("/proc/self/cgroup").read_text()
        except OSError:
            return ""
    paths = [line.rpartition(":")[2] for line in text.splitlines()]
    # What a person started has a unit, too, but is not stopped as one.
    names = [path.rpartition("/")[2] for path in paths if not path.startswith("/user.slice")]
    return next((name for name in names if name.endswith(".service")), "")


class Control:
    """The agent's end. One thread listens, one more for each who asks."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self._path = folder / SOCKET
        self._answer = answer
        self._stop = threading.Event()
        self._talks = threading.BoundedSemaphore(MAX_TALKS)
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Listen; an agent that cannot (a path too long, a read-only folder) works without."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
            self._path.chmod(0o660)
            listener.listen(MAX_TALKS)
        except OSError as error:
            listener.close()
            _log.warning("%s: nobody can ask the agent anything: %s", self._path, error)
            return
        self._listener = listener
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening, and take back what is lent. Twice is safe."""
        self._stop.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)

    def _listen(self) -> None:
        listener = self._listener
        while listener is not None and not self._stop.is_set():
            try:
                asker, _ = listener.accept()
            except OSError:
                return
            if not self._talks.acquire(blocking=False):
                asker.close()
                continue
            threading.Thread(
                target=self._talk, args=(asker,), name="control-talk", daemon=True
            ).start()

    def _talk(self, asker: socket.socket) -> None:
        try:
            self.talk(asker)
        finally:
            self._talks.release()

    def talk(self, asker: socket.socket) -> None:
        """Answer one who asks, and keep what is lent until he hangs up."""
        try:
            with asker, ExitStack() as loan:
                asker.settimeout(REQUEST_S)
                _send(asker, self._outcome(_receive(asker), loan))
                self._until_hung_up(asker)
        except DAMAGED as error:
            _log.info("control: %s", error)

    def _outcome(self, request: Request, loan: ExitStack) -> Mapping[str, Any]:
        try:
            return {"ok": True, **loan.enter_context(self._answer(request))}
        except EdgeagentError as error:
            return {"error": str(error)}

    def _until_hung_up(self, asker: socket.socket) -> None:
        waited_s = 0.0
        asker.settimeout(0.5)
        while not self._stop.is_set() and waited_s < MAX_LOAN_S:
            try:
                if not asker.recv(1):
                    return
            except TimeoutError:
                waited_s += 0.5


@contextlib.contextmanager
def asked(folder: Path, request: Request) -> Iterator[Mapping[str, Any] | None]:
    """Ask the agent whose socket is in ``folder``; what it lends is lent within the ``with``.

    Yields:
        Its answer; None where no agent runs.

    Raises:
        UsageError: it says no.
        RetryError: it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        agent.settimeout(2 * REQUEST_S)
        try:
            agent.connect(str(folder / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError):
            yield None
            return
        except OSError as error:
            raise RetryError(
                f"{folder / SOCKET}: {error.strerror}; be root, or in the group edgeagent"
            ) from error
        yield ask(agent, request, folder)


def ask(agent: socket.socket, request: Request, folder: Path) -> Mapping[str, Any]:
    """Return what ``agent`` answers, whose socket is in ``folder``; see `asked`."""
    try:
        _send(agent, request)
        answer = _receive(agent, MAX_ANSWER_BYTES)
    except DAMAGED as error:
        raise RetryError(f"{folder / SOCKET}: the agent does not answer ({error})") from error
    if "error" in answer:
        said = str(answer["error"]).encode(errors="replace").decode()
        raise UsageError(said or "the agent says no, and not why")
    return answer


def _send(peer: socket.socket, message: Mapping[str, Any]) -> None:
    peer.sendall(json.dumps(message).encode() + b"\n")


def _receive(peer: socket.socket, most_bytes: int = MAX_LINE_BYTES) -> Mapping[str, Any]:
    """Return one line's object.

    Raises:
        ValueError: it is none, or too long.
    """
    data = b""
    while not data.endswith(b"\n"):
        part = peer.recv(MAX_LINE_BYTES)
        data += part
        if not part or len(data) > most_bytes:
            raise ValueError("not one line of JSON")
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")
    return message
