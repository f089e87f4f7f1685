"""The rehearsal's page, served for a test on a port of its own."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from edgeagent.clock import SystemClock
from edgeagent.config import Config, PageConfig
from edgeagent.health import Health
from edgeagent.page import Page, rehearsal
from edgeagent.page.rehearsal import Rehearsal
from edgeagent.page.token_file import read_token_text

PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Served:
    """A page that is up, and what one types into a browser's place."""

    def __init__(self, state: Path, config: Config, play: Rehearsal | None = None) -> None:
        self.play = play or Rehearsal(SystemClock())
        self.health = Health()
        self.config, self.state = config, state
        self.page = Page(state, self.health, self.play.feed, retry_s=0.2)
        self.port = config.page.port
        self.tls: ssl.SSLContext | None = None
        self.source = "127.0.0.1"

    def start(self) -> "Served":
        self.page.open(self.config)
        assert self.page.wait_s(PATIENCE_S), self.page.why
        return self

    @property
    def token(self) -> str:
        return read_token_text(self.state / "page-token")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def connect(self) -> http.client.HTTPConnection:
        """Return a way to it, from ``source``."""
        if self.tls is not None:
            return http.client.HTTPSConnection(
                "localhost", self.port, timeout=PATIENCE_S, context=self.tls
            )
        return http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_S, source_address=(self.source, 0)
        )

    def ask(
        self, path: str, method: str = "GET", body: str = "", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Return status, headers and body; a name's ``_`` stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = self.connect()
        try:
            connection.request(method, path, body or None, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def say(self, token: str, **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
        """Say a token as the form does."""
        form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self.ask("/login", "POST", urlencode({"token": token}), **form)

    def cookie(self) -> str:
        """Come in, and return the cookie."""
        status, headers, _ = self.say(self.token)
        assert status == 303
        return headers["Set-Cookie"].partition(";")[0]

    def watch(self) -> socket.socket:
        """Return a connection on which the page is told, from its status line on."""
        watcher = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        lines = ["GET /events HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.token}"]
        watcher.sendall("\r\n".join([*lines, "", ""]).encode())
        return watcher


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path, rehearsal.config(free_port())).start()
    yield one
    one.page.close()


@pytest.fixture
def playing(served: Served) -> Iterator[Served]:
    """The same, with the play going on."""
    over = threading.Event()
    thread = threading.Thread(target=served.play.play, args=(over,))
    thread.start()
    yield served
    over.set()
    thread.join()


def with_page(config: Config, **settings: object) -> Config:
    page: PageConfig = msgspec.structs.replace(config.page, **settings)
    return msgspec.structs.replace(config, page=page)
