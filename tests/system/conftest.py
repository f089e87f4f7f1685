"""A real broker, Debian's mosquitto, on a port of its own, to be stopped, killed and started."""

import getpass
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edgeagent.subscriber import Heard, Subscriber

PROGRAM = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")

SETTINGS = """\
user {user}
listener {port} 127.0.0.1
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
{more}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def until(holds: Callable[[], object], within_s: float = 60.0) -> bool:
    """Wait for ``holds``; return whether it came to."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def _settings(port: int, folder: Path, more: str) -> str:
    # Started by root, it would become a user who cannot enter the test's folder.
    return SETTINGS.format(user=getpass.getuser(), port=port, folder=folder, more=more)


PLAIN = "allow_anonymous true\nmax_queued_messages 0"
"""Not where messages are denied: with 0, mosquitto 2.0.11 hangs up on the first denied PUBLISH."""


class Broker:
    """One mosquitto; what it persists survives its own death."""

    def __init__(self, folder: Path, more: str = PLAIN) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.settings = folder / "mosquitto.conf"
        folder.chmod(0o777)
        self.settings.write_text(_settings(self.port, folder, more))

    def start(self) -> None:
        assert PROGRAM is not None
        log = (self.folder / "mosquitto.log").open("ab")
        self.process = subprocess.Popen(
            [PROGRAM, "-c", str(self.settings)], stdout=log, stderr=subprocess.STDOUT
        )
        log.close()
        assert until(self.listens), (self.folder / "mosquitto.log").read_text()

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(10)
            self.process = None

    def kill(self) -> None:
        self.end(signal.SIGKILL)


class Ear:
    """Everything a subscriber heard, in order; its session outlives the broker's absence."""

    _numbers = count(1)

    def __init__(self, port: int, topic: str = "#") -> None:
        self._lock = threading.Lock()
        self._heard: list[Heard] = []
        session = f"ear-{next(Ear._numbers)}"
        self._subscriber = Subscriber("127.0.0.1", port, topic, self._hear, session)
        self._subscriber.start()

    def _hear(self, heard: Heard) -> None:
        with self._lock:
            self._heard.append(heard)

    def said(self, topic_end: str) -> list[dict[str, Any]]:
        """Return the messages whose topic ends so."""
        with self._lock:
            return [json.loads(h.payload) for h in self._heard if h.topic.endswith(topic_end)]

    def close(self) -> None:
        self._subscriber.close()


Brokers = Callable[..., Broker]


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[Brokers]:
    """Make brokers, not yet started, that are ended with the test."""
    if PROGRAM is None:
        pytest.skip("needs mosquitto: sudo apt install mosquitto")
    made: list[Broker] = []

    def make(more: str = PLAIN) -> Broker:
        folder = tmp_path / f"broker{len(made)}"
        folder.mkdir()
        made.append(Broker(folder, more.format(folder=folder)))
        return made[-1]

    yield make
    for broker in made:
        broker.end()


@pytest.fixture
def broker(brokers: Brokers) -> Broker:
    made = brokers()
    made.start()
    return made


@pytest.fixture
def ear(broker: Broker) -> Iterator[Ear]:
    ear = Ear(broker.port)
    yield ear
    ear.close()
