"""Those who want the page for ever: the page answers others, and the agent does its work."""

import http.client
import resource
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

from edgeagent.page.door import GUESTS
from edgeagent.page.readers import MOST

from .conftest import Broker, Ear, free_port, until
from .test_run import Running, agent

__all__ = ["agent"]

FILES = 192
"""Open files that the server may have; systemd gives 1024, and an attacker 50,000 ports."""
ATTACKERS = 300
PATIENCE_S = 60.0

PAGE = """\
[page]
enabled = true
port = {page}
"""


class Attack:
    """So many connections that never come to an end, each begun again when it is hung up on."""

    def __init__(self, port: int, token: str = "") -> None:
        bearer = f"Authorization: Bearer {token}\r\n"
        begin = "GET /login HTTP/1.1\r\nHost: localhost\r\n"
        self._ways = cycle(
            [
                begin,  # and then a byte a second
                begin + "X: " + "x" * 9000,
                "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\ntok",
                f"GET /events HTTP/1.1\r\nHost: localhost\r\n{bearer}\r\n" if token else begin,
            ]
        )
        self._port, self._over = port, threading.Event()
        self._open: dict[socket.socket, None] = {}
        self.begun = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Attack":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE_S)
        for one in self._open:
            one.close()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            self._forget()
            # A few at a time: the listener's queue is not what is attacked here.
            for _ in range(min(40, ATTACKERS - len(self._open))):
                self._begin()
            for one in list(self._open):
                with suppress(OSError):
                    one.send(b"x")

    def _begin(self) -> None:
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", self._port))
        with selectors.DefaultSelector() as ready:
            ready.register(one, selectors.EVENT_WRITE)
            ready.select(0.5)
        with suppress(OSError):
            one.send(next(self._ways).encode())
            self.begun += 1
        self._open[one] = None

    def _forget(self) -> None:
        """Let go of those that were hung up on; of what there is to read nothing is read."""
        for one in list(self._open):
            with suppress(BlockingIOError):
                try:
                    if one.recv(1, socket.MSG_PEEK):
                        continue
                except ConnectionError:
                    pass
                one.close()
                del self._open[one]


def asked(port: int, path: str, within_s: float) -> int:
    """Return the status of an answer, 0 for none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=within_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def answers(port: int, path: str) -> bool:
    """Whether an honest reader, who tries again as browsers do, is answered."""
    return until(lambda: asked(port, path, 5.0) == 200, PATIENCE_S)


def files_of(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def goes_on(count: Callable[[], int]) -> bool:
    before = count()
    return until(lambda: count() >= before + 3, PATIENCE_S)


def test_the_agent_answers_and_watches_while_hundreds_want_the_page_for_ever(
    agent: Running, broker: Broker, ear: Ear
) -> None:
    port = free_port()
    agent.write(broker.port, PAGE.format(page=port))
    agent.start()
    assert agent.process is not None
    assert answers(port, "/login")
    pid = agent.process.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    token = (agent.folder / "state" / "page-token").read_text().strip()
    with Attack(port, token) as attack:
        assert until(lambda: attack.begun > 2 * ATTACKERS, PATIENCE_S)
        for path in ("/login", "/healthz", "/page.js"):
            assert answers(port, path)
        assert files_of(pid) < FILES
        assert goes_on(lambda: len(ear.said("/evt/yard")))
        # A broker that comes back is found again: there are files left for that, too.
        broker.end()
        broker.start()
        assert goes_on(lambda: len(ear.said("/evt/yard")))
        assert answers(port, "/login")
    assert agent.end() == 0
    assert "Traceback" not in agent.said()
    assert GUESTS + MOST < FILES


@contextmanager
def naive_page(port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.system.naive_page", str(port), str(FILES)],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.DEVNULL,
    )
    try:
        assert answers(port, "/login")
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def test_a_server_as_it_comes_is_tied_up_by_the_same() -> None:
    port = free_port()
    with naive_page(port), Attack(port) as attack:
        assert until(lambda: attack.begun >= ATTACKERS, PATIENCE_S)
        time.sleep(0.5)
        assert [asked(port, "/login", 1.0) for _ in range(3)] == [0, 0, 0]
