"""The agent as its owner starts it, and what a real broker keeps of it for Home Assistant."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from edgeagent import cli
from edgeagent.subscriber import Heard, Subscriber

from .conftest import Broker, until
from .test_run import Running

LIFE = """\
device = "pi"
[[camera]]
name = "yard"
source = "synthetic"
width = 320
height = 240
[model]
name = ""
[commands]
allow = ["ping", "pause", "resume"]
[mqtt]
host = "127.0.0.1"
port = {port}
tls = false
backoff_max_s = 1
[homeassistant]
enabled = {more}
"""
CONFIG, STATE = "homeassistant/device/home/pi/config", "edge/v1/home/pi/state/yard"
STATUS = "edge/v1/home/pi/status"
PATIENT_S = 40.0


class Home:
    """What Home Assistant hears: the latest on each topic, and all of it in order."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, Any]] = []
        self._subscriber = Subscriber("127.0.0.1", port, "#", self._hear, "home")
        self._subscriber.start()

    def _hear(self, heard: Heard) -> None:
        is_ours = heard.topic != "homeassistant/status"
        told = json.loads(heard.payload) if heard.payload and is_ours else None
        self.heard.append((heard.topic, told))

    def latest(self, topic: str) -> Any:  # noqa: ANN401
        return next((told for name, told in reversed(self.heard) if name == topic), None)

    def close(self) -> None:
        self._subscriber.close()


@pytest.fixture
def home(broker: Broker) -> Iterator[Home]:
    home = Home(broker.port)
    yield home
    home.close()


@pytest.fixture
def agent(tmp_path: Path, broker: Broker) -> Iterator[Running]:
    running = Running(tmp_path)
    running.write(broker.port, "true", LIFE)
    running.start()
    yield running
    if running.process is not None:
        running.end()


def test_a_life_as_home_assistant_hears_it(agent: Running, broker: Broker, home: Home) -> None:
    assert until(lambda: (home.latest(STATE) or {}).get("mov"), PATIENT_S), agent.said()
    topics = [topic for topic, _ in home.heard]
    assert topics.index(CONFIG) < topics.index(STATE) < topics.index(STATUS)
    assert set(home.latest(CONFIG)["cmps"]) >= {"yard.motion", "yard.pause", "problem"}

    heard = len(home.heard)
    publish.single("homeassistant/status", b"online", 1, port=broker.port)
    assert until(lambda: CONFIG in [topic for topic, _ in home.heard[heard:]], PATIENT_S)

    agent.end(signal.SIGKILL)
    assert until(lambda: home.latest(STATUS)["s"] == "offline", PATIENT_S)
    heard = len(home.heard)
    agent.start()
    assert until(lambda: home.latest(STATUS)["s"] == "online", PATIENT_S)
    # How the camera stands is said anew before it is said that the agent is there.
    anew = [topic for topic, _ in home.heard[heard:]]
    assert anew.index(STATE) < anew.index(STATUS)

    agent.write(broker.port, "false", LIFE)
    assert agent.process is not None
    agent.process.send_signal(signal.SIGHUP)
    gone = (CONFIG, STATE)
    assert until(lambda: all(home.latest(topic) is None for topic in gone), PATIENT_S)


def test_the_command_says_what_there_is_and_takes_it_out(
    agent: Running, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["homeassistant", "--config", str(agent.settings)]
    assert until(lambda: home.latest(STATE), PATIENT_S), agent.said()
    assert cli.main([*argv, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cmps"] == home.latest(CONFIG)["cmps"]
    assert cli.main(argv) == 0
    listed = capsys.readouterr().out
    assert listed.startswith(f"topic  {CONFIG}\n")
    assert "binary_sensor  pi yard motion\n" in listed
    assert cli.main([*argv, "--remove"]) != 0
    assert "it would be told again" in capsys.readouterr().err

    agent.end()
    agent.settings.write_text(agent.settings.read_text().replace("enabled = true", ""))
    state = ["--state", str(agent.folder / "state")]
    assert cli.main([*argv, *state, "--remove"]) == 0
    assert sorted(capsys.readouterr().out.split()) == [STATE, "gone", "gone", CONFIG]
    assert until(lambda: home.latest(CONFIG) is None and home.latest(STATE) is None, PATIENT_S)
    assert cli.main(argv) == 0
    assert "It is off." in capsys.readouterr().out
