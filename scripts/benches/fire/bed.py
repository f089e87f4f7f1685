"""One fault's own small world: broker, witness and counter here, device and peer over the wire."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgeagent import event
from edgeagent.clock import SystemClock, kernel_boot
from edgeagent.config import OutboxConfig
from edgeagent.event import Event, Source
from edgeagent.outbox import Outbox
from scripts.benches.fire.broker import Broker, Ear, until
from scripts.benches.fire.proxy import Proxy
from scripts.benches.fire.wire import BROKER_ADDRESS

PORT = 1883
CAMERAS = 7
"""Cameras of the agent, each with one event a second."""
DEVICE, PEER = "pi", "peer"
OLD_BOOT = "0-0ff11e00"
"""A boot before the first, that left events behind."""
BACKLOG_PER_S = 30
WINDOW = 20
KEEPALIVE_S = 10

SETTINGS = f"""\
device = "{DEVICE}"
[motion]
every_s = 1
[model]
name = ""
[health]
stat_s = 1
[mqtt]
host = "{{host}}"
port = {PORT}
tls = false
username = "{DEVICE}"
password_file = "{{folder}}/password"
keepalive_s = {KEEPALIVE_S}
connect_s = 10
inflight = {WINDOW}
backlog_per_s = {BACKLOG_PER_S}
"""
CAMERA = """\
[[camera]]
name = "c{number}"
source = "synthetic"
width = 160
height = 120
fps = 4
"""


class Wire:
    """The wire's process; its namespace is the device's."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("wire.py")
        self._process = subprocess.Popen(
            ["unshare", "--net", sys.executable, str(program), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "the wire could not be laid"
        self.inside = ["nsenter", f"--net=/proc/{self._process.pid}/ns/net"]
        """Begins a command that shall run at the device's end."""

    def tell(self, **command: float | bool) -> None:
        """See `wire.Wire.obey`; nothing told is a sound wire."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End it, and with it the device's namespace."""
        self._process.kill()
        self._process.communicate()


class Party:
    """A process on the device: the agent or the peer."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        """Its process, 0 where it was not started."""
        return self._process.pid if self._process else 0

    @property
    def status(self) -> int | None:
        """With what it ended by itself; None while it runs, or was stopped."""
        return self._process.poll() if self._process else None

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, how: int = signal.SIGTERM) -> int:
        """Stop it; return its status, -1 where it had to be killed."""
        if self._process is None:
            return -1
        self._process.send_signal(how)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return -1
        finally:
            self._process = None


class Bed:
    """All of it. This process is in the broker's namespace."""

    def __init__(self, folder: Path, settings: str, has_wire: bool, old: int) -> None:
        self.folder = folder
        self.wire = Wire() if has_wire else None
        self.host = BROKER_ADDRESS if has_wire else "127.0.0.1"
        self.broker = Broker(folder / "broker", settings)
        self.set_passwords()
        self.broker.permit(DEVICE, "topic readwrite #\nuser peer\ntopic readwrite #")
        self.proxy = Proxy(self.host, PORT, self.broker.port)
        self.broker.start()
        self.ear = Ear()
        self.old = old
        self._store_old(old)
        self.agent = Party(self._agent_command(), folder / "agent.log")
        self.peer = Party(self._peer_command(), folder / "peer.log")

    def set_passwords(self, of_device: str = "hunter2") -> None:
        """Write them; the device and its peer have only the first one."""
        self.broker.set_passwords({DEVICE: of_device, PEER: of_device, "ear": "ear"})

    def _store_old(self, count: int) -> None:
        """Fill the outbox as a boot before would have left it."""
        if not count:
            return
        clock = SystemClock()
        outbox = Outbox.open(self.folder / "state" / "outbox", OLD_BOOT, OutboxConfig(), print)
        for _ in range(count):
            told = Event("label", event.now(clock, kernel_boot()), Source("c1"))
            outbox.put(told.kind, event.encode(told))
        outbox.close()

    def _agent_command(self) -> list[str]:
        password = self.folder / "password"
        password.touch(0o600)
        password.write_text("hunter2\n")
        settings = self.folder / "edgeagent.toml"
        cameras = "".join(CAMERA.format(number=n) for n in range(1, CAMERAS + 1))
        settings.write_text(SETTINGS.format(host=self.host, folder=self.folder) + cameras)
        state = str(self.folder / "state")
        words = ["-m", "edgeagent", "run", "--config", str(settings), "--state", state]
        return [*self._inside, sys.executable, *words]

    def _peer_command(self) -> list[str]:
        program = str(Path(__file__).with_name("peer.py"))
        words = [self.host, str(PORT), PEER, str(CAMERAS), str(self.folder / "count"), "hunter2"]
        return [*self._inside, sys.executable, program, *words]

    @property
    def _inside(self) -> list[str]:
        return self.wire.inside if self.wire else []

    # --- what happens

    def begin(self) -> None:
        """Start device and peer; return when both get through, or cannot yet."""
        self.ear.wait()
        self.proxy.open()
        self.agent.start()
        self.peer.start()

    def broker_down(self, how: int) -> None:
        """End the broker; from now on connections are refused."""
        self.proxy.shut()
        self.broker.end(how)

    def broker_up(self) -> None:
        """Start the broker; let devices in when the counter listens again."""
        self.broker.start()
        self.ear.wait()
        self.proxy.open()

    def said(self, topic_end: str) -> list[dict[str, Any]]:
        """Return what the device said on the topic that ends so."""
        heard = [h for h in self.ear.heard if h.topic.endswith(f"/{DEVICE}/{topic_end}")]
        return [json.loads(h.payload) for h in heard]

    def is_empty(self) -> bool:
        """Whether the device's outbox was all but empty when it last told."""
        stats = self.said("stat")
        return bool(stats) and stats[-1]["g"].get("outbox_depth", 1e9) <= CAMERAS

    def wait_empty(self, within_s: float) -> bool:
        """Wait until a new ``stat`` tells of an outbox all but empty."""
        before = len(self.said("stat"))
        return until(lambda: len(self.said("stat")) > before + 1 and self.is_empty(), within_s)

    def last_stored(self, boots: Iterable[str]) -> tuple[dict[str, int], int]:
        """Return the last seq the stopped agent stored in each of ``boots``, and what waits."""
        # Once: an outbox that was opened and closed remembers only boots of which something waits.
        outbox = Outbox.open(self.folder / "state" / "outbox", "9-0", OutboxConfig(), print)
        lasts, depth = {boot: outbox.last_seq(boot) for boot in boots}, outbox.depth
        outbox.close()
        return lasts, depth

    def close(self) -> None:
        """End everything."""
        for party in (self.agent, self.peer):
            party.end(signal.SIGKILL)
        with suppress(RuntimeError):
            self.ear.close()
        self.proxy.close()
        self.broker.end()
        if self.wire is not None:
            self.wire.close()
