"""What comes over HTTP: browsers that ask the page, servers that answer a download."""

import asyncio
import contextlib
import functools
import socket
import threading
from pathlib import Path

from edgeagent.clock import SystemClock
from edgeagent.errors import DownloadError, UsageError
from edgeagent.page.door import Door
from edgeagent.page.house import House, furnished
from edgeagent.page.rehearsal import Rehearsal
from edgeagent.page.server import application
from edgeagent.page.token_file import Token
from edgeagent.pulling.catalogue import RemoteFile
from edgeagent.pulling.download import Fetcher
from tests.fuzz.target import Target


class Served:
    """A page in this process, asked by whole connections in its own loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        import logging

        logging.getLogger("tornado.general").setLevel(logging.CRITICAL)
        play = Rehearsal(SystemClock())
        self.house: House = furnished(play.feed, Token("abcd-efgh-jkmn-pqrs"))
        door = Door.of(None)
        door.request_callback = application(self.house, door)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        door.add_sockets([listener])

    def ask(self, data: bytes) -> bytes:
        """Return what is answered to a connection that says ``data`` and no more."""
        self.house.tries.right("127.0.0.1")
        return self.loop.run_until_complete(self._asked(data))

    async def _asked(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        told = b""
        with contextlib.suppress(ConnectionError):
            writer.write(data)
            writer.write_eof()
            told = await reader.read()
        writer.close()
        self.house.show.tick()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return told


@functools.cache
def _served() -> Served:
    return Served()


def _browser(data: bytes, folder: Path) -> None:
    told = _served().ask(data)
    assert not told.startswith(b"HTTP/1.1 500"), told[:200]


def _requests() -> list[bytes]:
    bearer = b"Authorization: Bearer abcd-efgh-jkmn-pqrs\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\n"
    cookie = b"Cookie: edgeagent-rehearsal=abc\r\n"
    multipart = (b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 74\r\n\r\n--x\r\n"
                 b'Content-Disposition: form-data; name="token"\r\n\r\nabcd-efgh\r\n--x--\r\n')  # fmt: skip
    return [
        *(b"GET %s HTTP/1.1\r\nHost: localhost:8480\r\n%s\r\n" % (path, bearer)
          for path in (b"/", b"/metrics", b"/healthz", b"/session", b"/page.js", b"/nothing", b"/?x=1")),
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n%sContent-Length: 15"
        b"\r\n\r\ntoken=abcd-efgh" % form,
        b"POST /logout HTTP/1.1\r\nHost: [::1]:80\r\nSec-Fetch-Site: same-origin\r\n%s"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\ntoken\r\n0\r\n\r\n" % cookie,
        b"POST /login HTTP/1.1\r\nHost: localhost\r\n" + multipart,
        b"GET /session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n%s\r\n" % cookie,
    ]  # fmt: skip


class Server:
    """Answers each connection with the same bytes; a thread of its own."""

    def __init__(self) -> None:
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            asker, _ = self._listener.accept()
            with asker, contextlib.suppress(OSError):
                asker.settimeout(5)
                asker.recv(65536)
                asker.sendall(self.answer)


@functools.cache
def _server() -> Server:
    return Server()


def _download(data: bytes, folder: Path) -> None:
    server = _server()
    server.answer = data.replace(b"@PORT", str(server.port).encode())
    fetcher = Fetcher(lambda *_: None, patience_s=5.0, pause_s=0.0, tries=2)
    file = RemoteFile("models/x.tflite", "0" * 64, 40)
    (folder / "x.tflite.part").write_bytes(b"begun")
    fetcher.fetch(f"http://127.0.0.1:{server.port}/x.tflite", file, folder / "x.tflite")


def _downloads() -> list[bytes]:
    return [
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + b"x" * 40,
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-39/40\r\nContent-Length: 35\r\n\r\n"
        + b"x" * 35,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:@PORT/other\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */40\r\n\r\n",
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n",
    ]


TARGETS = [
    Target("page", _browser, _requests, sockets=True),
    Target("download", _download, _downloads, raises=(DownloadError, UsageError), sockets=True),
]
