"""The whole agent with an Edge TPU that is simulated, or that is not what it should be."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeagent.clock import SystemClock
from edgeagent.edgetpu import Device, find_devices
from edgeagent.event import Event
from edgeagent.findings import Notice
from edgeagent.settings import load
from edgeagent.supervisor import Supervisor
from tests.compiled import compiled_bundle
from tests.edgetpu_sim.build import Libraries
from tests.edgetpu_sim.simulator import Simulator

from .conftest import Broker, Ear, until
from .test_run import Running

SETTINGS = """\
[[camera]]
name = "yard"
source = "synthetic"
width = 320
height = 240
[motion]
gate = false
[health]
stat_s = 1
[model]
folder = "{bundles}"
name = "embed88-128"
library = "{library}"
retry_s = 1
deadline_s = 0.5
{more}
"""
"""A camera each frame of which is looked at, and a vector of each look."""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    compiled_bundle("embed88-128", folder)
    return folder


class Agent(Supervisor):
    """The agent as it is, on a simulated bus, and an ear for what it tells and puts."""

    def __init__(self, folder: Path, bundles: Path, bus: Simulator, more: str = "") -> None:
        self.file, self.bus, self.bundles = folder / "edgeagent.toml", bus, bundles
        self.heard: list[Notice] = []
        self.kept: list[Event] = []
        self.write(more)
        state = folder / "state"
        super().__init__(load(self.file), self.file, state, SystemClock(), self.find)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def find(self) -> list[Device]:
        return find_devices(self.bus.sysfs, self.bus.dev)

    def write(self, more: str) -> None:
        text = SETTINGS.format(bundles=self.bundles, library=self.bus.library, more=more)
        self.file.write_text(text)

    def tell(self, notice: Notice) -> None:
        self.heard.append(notice)
        super().tell(notice)

    def put(self, event: Event) -> None:
        self.kept.append(event)
        super().put(event)

    @property
    def told(self) -> list[str]:
        """Return the notices of devices, losses with their causes."""
        of_devices = [notice for notice in self.heard if notice.part == "tpu"]
        return [
            f"tpu lost {n.why.split(':')[0]}" if n.what == "lost" else f"tpu {n.what}"
            for n in of_devices
        ]

    def answers(self, engine: str) -> int:
        return self.health.counted(f"runs_total.{engine}")

    def end(self) -> None:
        self.stop()
        self.thread.join(15)
        assert not self.thread.is_alive()


@pytest.fixture
def started() -> Iterator[list[Agent]]:
    agents: list[Agent] = []
    yield agents
    for agent in agents:
        agent.end()


def test_it_looks_with_the_device_says_what_answered_and_survives_its_loss(
    tmp_path: Path, bundles: Path, edgetpu: Simulator, started: list[Agent]
) -> None:
    edgetpu.plug()
    agent = Agent(tmp_path, bundles, edgetpu)
    started.append(agent)
    assert until(lambda: agent.answers("sim") > 5, 60)
    edgetpu.fault("hang", once=True)
    assert until(lambda: "tpu back" in agent.told, 60)
    before = agent.answers("sim")
    assert until(lambda: agent.answers("sim") > before + 5, 60)
    assert agent.told == ["tpu lost hang", "tpu back"]
    assert agent.health.counted("unseen_total.yard") == 0
    engines = {event.source.engine for event in agent.kept if event.source and event.vector}
    # Which of them made the vector depends on which was ready when the thing came.
    assert engines
    assert engines <= {"sim", "cpu"}


def test_one_that_hangs_at_load_delays_nothing(
    tmp_path: Path, bundles: Path, edgetpu: Simulator, started: list[Agent]
) -> None:
    edgetpu.plug()
    edgetpu.fault("hang_create")
    began_s = time.monotonic()
    agent = Agent(tmp_path, bundles, edgetpu, "load_s = 600")
    started.append(agent)
    assert until(lambda: agent.answers("cpu") > 0, 60)
    assert time.monotonic() - began_s < 60
    began_s = time.monotonic()
    agent.end()
    # systemd would wait for 10 s.
    assert time.monotonic() - began_s < 8


def test_settings_that_open_the_model_anew_hand_the_device_on_without_a_loss(
    tmp_path: Path, bundles: Path, edgetpu: Simulator, started: list[Agent]
) -> None:
    edgetpu.plug()
    agent = Agent(tmp_path, bundles, edgetpu)
    started.append(agent)
    assert until(lambda: agent.answers("sim") > 0, 60)
    agent.write("threads = 2")
    agent.reread()
    assert until(lambda: [n.name for n in agent.heard if n.what == "ready"].count("sim") == 2, 60)
    before = agent.answers("sim")
    assert until(lambda: agent.answers("sim") > before, 60)
    assert agent.told == []
    agent.write('device = "cpu"')
    agent.reread()
    assert until(lambda: [n.name for n in agent.heard if n.what == "ready"].count("cpu") == 3, 60)
    assert until(lambda: agent.health.snapshot().states == {})
    before = agent.answers("cpu")
    assert until(lambda: agent.answers("cpu") > before, 60)


def test_without_a_file_for_the_cpu_it_watches_on_and_is_red_while_the_device_is_away(
    tmp_path: Path, edgetpu: Simulator, started: list[Agent]
) -> None:
    folder = tmp_path / "bundles"
    folder.mkdir()
    compiled_bundle("embed88-128", folder, with_cpu=False)
    agent = Agent(tmp_path, folder, edgetpu, 'fallback = "none"\ndevice = "usb"')
    started.append(agent)
    assert until(lambda: agent.health.counted("unseen_total.yard") > 5, 60)
    assert until(lambda: "tpu usb" in agent.health.snapshot().states)
    edgetpu.plug()
    assert until(lambda: agent.answers("sim") > 5, 60)
    assert agent.health.snapshot().states == {}
    assert agent.told == ["tpu lost no_device", "tpu back"]


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("a library and no device", "no_device"),
        ("none", "library"),
        ("no delegate", "library"),
        ("crashing", "mismatch"),
    ],
)
def test_whatever_is_installed_the_service_looks_with_the_cpu(
    tmp_path: Path,
    bundles: Path,
    broker: Broker,
    ear: Ear,
    edgetpu_libraries: Libraries,
    kind: str,
    cause: str,
) -> None:
    library = {
        "a library and no device": edgetpu_libraries.edgetpu,
        "none": "/nowhere/libedgetpu.so.1",
        "no delegate": edgetpu_libraries.no_delegate,
        "crashing": edgetpu_libraries.crashing,
    }[kind]
    more = (
        f'device = "usb"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\ntls = false\n'
        "backoff_max_s = 1\n"
    )
    running = Running(tmp_path)
    text = SETTINGS.format(bundles=bundles, library=library, more=more)
    running.settings.write_text(text)
    running.start(**os.environ)
    try:
        assert until(lambda: ear.said("/vec/yard"), 30), running.said()
        assert {message["eng"] for message in ear.said("/vec/yard")} == {"cpu"}
        assert until(lambda: [m for m in ear.said("/sys") if m["k"] == "tpu_lost"], 60)
        assert until(lambda: [m for m in ear.said("/stat") if "tpu.usb" in m["g"]], 60)
        stat = ear.said("/stat")[-1]
        assert (stat["g"]["tpu.usb"], stat["c"][f"tpu_lost_total.{cause}"]) == (0, 1)
        assert stat["c"]["runs_total.cpu"] > 0
        assert any("usb" in why for part, why in stat["f"].items() if part.startswith("engine."))
    finally:
        assert running.end() == 0
    (lost,) = [message for message in ear.said("/sys") if message["k"] == "tpu_lost"]
    assert (lost["name"], lost["why"].partition(":")[0]) == ("usb", cause)
