"""What is asked over a broker or a socket: orders, questions, and what is answered."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from edgeagent import control
from edgeagent.agent import Agent
from edgeagent.bulletin import to_fields
from edgeagent.cameras import Cameras
from edgeagent.clock import ManualClock
from edgeagent.commands import Books, Commands
from edgeagent.commands.desired import Desired
from edgeagent.config import CameraConfig, CommandsConfig, Config
from edgeagent.desk import Desk
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link import Order
from edgeagent.looker import Engines
from edgeagent.orders import of_cameras, of_life, of_questions
from edgeagent.page.rehearsal import Rehearsal
from edgeagent.pauses import FILE, Pauses
from edgeagent.pausing import Pausing
from edgeagent.probation import Probation
from edgeagent.watching import Watches
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
        rig.bulletin, lambda asked: {"error": f"no action {asked.get('name')!r}"},
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


def _desired(data: bytes, folder: Path) -> None:
    """A first state is tried, whatever comes after it; a second life finds what is left of both."""
    clock, told = ManualClock(), list[Notice]()
    for life in range(2):
        standing = Probation(CONFIG, None, folder, told.append, clock)
        standing.begin("kill" if life else "")
        books = Books(folder, clock)
        desired = Desired(standing, books, clock, Health(), told.append, lambda: None)
        for payload in (_FIRST_STATE, data):
            desired.hear(Order("desired", payload, retained=True))
            desired.tick(Rehearsal(clock).bulletin)
            everywhere("reported", desired.reported("pi"))
        standing.read()
    json.dumps([[notice.what, notice.why, notice.name] for notice in told])


_FIRST_STATE = b'{"version": 3, "id": "a3", "values": {"events.threshold": 0.5}}'


def _states() -> list[bytes]:
    return [
        _FIRST_STATE,
        b'{"version": 4, "id": "a4", "values": {"events.labels": ["cat"], "motion.gate": null}}',
        b'{"version": 5, "id": "a5", "values": {"mqtt.host": "elsewhere"}}',
        b'{"version": 9007199254740991, "id": "\\ud800", "values": {}}',
    ]


TARGETS = [
    Target("desired", _desired, _states),
    Target("orders", _orders, _some_orders),
    Target("questions", _asked, _questions, sockets=True),
    Target("answers", _answered, _answers, sockets=True),
]
