"""What comes over a network or a socket: orders, questions, browsers, brokers, download servers."""

import asyncio
import contextlib
import functools
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import cbor2

from edgeagent import control
from edgeagent.agent import Agent
from edgeagent.bulletin import to_fields
from edgeagent.cameras import Cameras
from edgeagent.clock import ManualClock, SystemClock
from edgeagent.commands import Books, Commands
from edgeagent.config import CameraConfig, CommandsConfig, Config
from edgeagent.desk import Desk
from edgeagent.errors import DownloadError, UsageError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link import Order
from edgeagent.looker import Engines
from edgeagent.orders import of_cameras, of_life, of_questions
from edgeagent.page.door import Door
from edgeagent.page.house import House, furnished
from edgeagent.page.rehearsal import Rehearsal
from edgeagent.page.server import application
from edgeagent.page.token_file import Token
from edgeagent.pauses import FILE, Pauses
from edgeagent.pausing import Pausing
from edgeagent.probation import Probation
from edgeagent.pulling.catalogue import RemoteFile
from edgeagent.pulling.download import Fetcher
from edgeagent.terminal import Ink
from edgeagent.watch.fleet import Fleet
from edgeagent.watch.frame import Now, frame
from edgeagent.watching import Watches
from edgeagent.wire import reading
from tests.fuzz.target import Target
from tests.wires import everywhere

CONFIG = Config(camera=[CameraConfig(name=name, source="synthetic") for name in ("door", "yard")])
NAMES = ["ping", "status", "bench", "pause", "resume", "set", "reload", "restart"]


class Life:
    """Does nothing of what orders ask of a supervisor."""

    def reread(self) -> None:
        """See `orders.Life`."""

    def restart(self) -> None:
        """See `orders.Life`."""


class Rig:
    """An agent without lookers, whose state is in a folder."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.health = ManualClock(), Health()
        self.told: list[Notice] = []
        over = threading.Event()
        over.set()
        # Nothing is begun: the cameras rest, and none is resumed where all is over.
        rests = {name: {"by": "local", "why": "for a test"} for name in ("door", "yard")}
        (folder / FILE).write_text(json.dumps(rests))
        pauses = Pauses(folder, self.clock, "kernel01", self.health)
        self.watches = Watches(
            self._agent, _ignored, _ignored, self.told.append, self.clock, over, pauses
        )
        self.watches.open(CONFIG.camera)
        self.cameras = Cameras(self.watches, self.told.append)
        self.pausing = Pausing(self.watches, self.told.append)
        self.bulletin = Rehearsal(self.clock).bulletin

    def _agent(self, camera: CameraConfig) -> Agent:
        return Agent(camera, CONFIG, Engines(), self.clock, self.health)

    def commands(self, folder: Path, answer: Callable[[Order, bytes], bool]) -> Commands:
        standing = Probation(CONFIG, None, folder, self.told.append, self.clock)
        kinds = {
            **of_cameras(self.cameras, self.pausing),
            **of_questions(self.bulletin, "41-0badcafe", lambda: 3),
            **of_life(Life(), standing),
        }
        config = CommandsConfig(allow=NAMES, per_minute=600)
        books = Books(folder, self.clock)
        return Commands(
            config, kinds, answer, "pi", books, self.clock, self.health, self.told.append
        )


def _ignored(_told: object) -> None:
    return None


def _orders(data: bytes, folder: Path) -> None:
    """An order's topic and response topic stand before it, a line each."""
    name, _, rest = data.partition(b"\n")
    reply_to, _, payload = rest.partition(b"\n")
    answers: list[bytes] = []

    def answer(order: Order, told: bytes) -> bool:
        assert "cmd" not in order.reply_to.split("/")
        answers.append(told)
        return True

    rig = Rig(folder)
    commands = rig.commands(folder, answer)
    order = Order(name.decode(errors="replace"), payload, False, reply_to.decode(errors="replace"))
    commands.start()
    commands.hear(order)
    commands.hear(order)
    commands.hear(Order("ping", b'{"id": "the-last"}'))
    while not any(b'"the-last"' in told for told in answers):
        threading.Event().wait(0.0005)
    commands.close()
    for told in answers:
        everywhere("answer", json.loads(told))
    json.dumps([[notice.what, notice.why, notice.name] for notice in rig.told])


def order(name: str, **asked: object) -> bytes:
    """Return one that has not expired by the clock of a `Rig`."""
    whole = {"id": "a1", "exp": ManualClock().wall_ms() + 60_000, **asked}
    return f"{name}\nclients/7\n{json.dumps(whole)}".encode()


def _some_orders() -> list[bytes]:
    return [
        order("ping"), order("status"), order("bench"), order("restart"), order("reload"),
        order("pause", camera="door", for_s=60), order("resume", camera=["door", "yard"]),
        order("set", values={"events.threshold": 0.5, "motion.sensitivity": 3}),
        order("format", disk="all"), b"ping\nhome/x/cmd/restart\n{\"id\": \"a\\ud800\"}",
    ]  # fmt: skip


class _Outbox:
    boot, depth, bytes = "41-0badcafe", 3, 900


class _Uplink:
    connected = True


def _asked(data: bytes, folder: Path) -> None:
    rig = Rig(folder)
    desk = Desk(
        rig.cameras, rig.pausing, Engines(), _Outbox(), _Uplink(), rig.health, rig.clock,  # type: ignore[arg-type]
        rig.bulletin,
    )  # fmt: skip
    ours, theirs = socket.socketpair()
    with ours:
        ours.settimeout(5)
        ours.sendall(data[:60_000])
        ours.shutdown(socket.SHUT_WR)
        control.Control(folder, desk.answer).talk(theirs)
        told = b""
        # What was not read of a question that was too long resets the connection.
        with contextlib.suppress(ConnectionError):
            told = b"".join(iter(lambda: ours.recv(65536), b""))
    assert not told or isinstance(json.loads(told), dict)


def _questions() -> list[bytes]:
    asked = [{"do": "status"}, {"do": "bulletin"}, {"do": "histograms"}, {"do": "holds"},
             {"do": "pause", "camera": "door", "for_s": 5}, {"do": "resume"},
             {"do": "lend", "camera": "none"}]  # fmt: skip
    return [json.dumps(one).encode() + b"\n" for one in asked]


def _answered(data: bytes, folder: Path) -> None:
    """What answers on the socket may be another release, or another program."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data[:60_000])
        theirs.shutdown(socket.SHUT_WR)
        ours.settimeout(5)
        control.ask(ours, {"do": "bulletin"}, folder)


def _answers() -> list[bytes]:
    told = {"ok": True, **to_fields(Rehearsal(ManualClock()).bulletin())}
    return [json.dumps(told).encode() + b"\n", b'{"error": "no camera"}\n']


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


def _message(data: bytes, folder: Path) -> None:
    """A message's topic stands before it, in a line."""
    topic, _, payload = data.partition(b"\n")
    fleet = Fleet("edgeagent/{device}")
    for at_s in (0.0, 5.0):
        fleet.hear(topic.decode(errors="replace"), payload, at_s, 1_790_000_000_000)
        frame(fleet, Now(at_s, 1_790_000_000_000, 100, 30), Ink(False))
    told = reading.read(payload)
    assert isinstance(told, dict)


def _messages() -> list[bytes]:
    event = {"dev": "pi", "boot": "41-0badcafe", "seq": 7, "low": 5, "ts": 1_790_000_000_000,
             "tsq": 1, "k": "object", "cam": "door", "vec": "AAAA", "vt": "u8",
             "cls": ["person"], "sc": [0.8], "box": [[0.1, 0.2, 0.3, 0.4]]}  # fmt: skip
    wrapped = {"specversion": "1.0", "id": "1", "source": "x", "type": "y", "data": event}
    told = [json.dumps(one).encode() for one in (event, wrapped)]
    gap = {**event, "k": "gap", "boot": "41-0badcafe", "a": 3, "b": 6, "why": "dropped"}
    stat = {"dev": "pi", "f": {"link": "away"}, "q": 3, "fps": {"door": 5.0}}
    return [
        *(b"edgeagent/pi/evt/door\n" + one for one in told),
        b"edgeagent/pi/sys\n" + json.dumps(gap).encode(),
        b"edgeagent/pi/stat\n" + json.dumps(stat).encode(),
        b"edgeagent/pi/status\n" + json.dumps({"s": "online", "dev": "pi"}).encode(),
        b"edgeagent/pi/info\n" + json.dumps({"dev": "pi", "agent": "1.0", "cams": ["a"]}).encode(),
        b"edgeagent/pi/evt/door\n" + _packed(event),
    ]  # fmt: skip


def _packed(fields: dict[str, object]) -> bytes:
    plain = {key: value for key, value in fields.items() if key not in ("box", "vec", "vt")}
    tagged = {
        "box": cbor2.CBORTag(69, b"\x01\0\x02\0\x03\0\x04\0"),
        "vec": cbor2.CBORTag(64, b"abc"),
    }
    return cbor2.dumps({**plain, **tagged}, canonical=True)


def _cbor(data: bytes, folder: Path) -> None:
    told = reading.read(data)
    json.dumps(told)


def _cbors() -> list[bytes]:
    names = cbor2.dumps({"k": "stat", "f": {"link": "away"}, "t": [1.5, -2, None, True]})
    return [_packed({"k": "object", "seq": 7, "sc": [0.8]}), names, b"\xa1" + b"\xd8\x45" * 9]


TARGETS = [
    Target("orders", _orders, _some_orders),
    Target("questions", _asked, _questions, sockets=True),
    Target("answers", _answered, _answers, sockets=True),
    Target("page", _browser, _requests, sockets=True),
    Target("download", _download, _downloads, raises=(DownloadError, UsageError), sockets=True),
    Target("messages", _message, _messages, raises=(ValueError,)),
    Target("cbor", _cbor, _cbors, raises=(ValueError,)),
]
