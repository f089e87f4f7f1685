"""The doctor beside a real agent and a real broker, well and broken on purpose."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeagent.config import Config, MqttConfig
from edgeagent.doctor import Line
from edgeagent.doctor.broker import checks
from tests.doctor_cases import case, looked, named

from .authority import LONG_AGO, Authority, missing
from .conftest import Broker, Brokers, Ear, free_port, until
from .test_run import EDGEAGENT, Running
from .test_tls import own, serve

PASSWORDS = """\
allow_anonymous false
password_file {folder}/passwords
"""

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    if running.process is not None:
        running.end(9)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    if missing():
        pytest.skip(missing())
    return Authority(tmp_path / "authority")


def broker_lines(tmp_path: Path, **settings: Any) -> list[Line]:  # noqa: ANN401
    mqtt = MqttConfig(**{"host": "127.0.0.1", "tls": False, "connect_s": 5.0, **settings})
    return looked(checks(case(tmp_path, config=Config(mqtt=mqtt))))


def test_no_broker_named_is_well(tmp_path: Path) -> None:
    (line,) = broker_lines(tmp_path, host="")
    assert line.level == "ok"


def test_a_name_that_nobody_knows_is_a_fault(tmp_path: Path) -> None:
    (line,) = broker_lines(tmp_path, host="no-such-host.invalid")
    assert (line.name, line.level, line.status) == ("name", "fault", 69)


def test_a_name_is_told_with_its_addresses(tmp_path: Path) -> None:
    line = broker_lines(tmp_path, host="localhost", port=free_port())[0]
    assert (line.name, line.level) == ("name", "ok")
    assert line.what.startswith("localhost is ")


def test_a_broker_that_is_off_is_a_fault_with_what_to_look_at(tmp_path: Path) -> None:
    line = broker_lines(tmp_path, port=free_port())[-1]
    assert (line.name, line.level, line.status) == ("port", "fault", 69)
    assert "Connection refused" in line.what
    assert "systemctl status mosquitto" in line.cures[1]


def test_a_broker_in_clear_lets_us_in_and_hears_nothing_of_it(
    broker: Broker, ear: Ear, tmp_path: Path
) -> None:
    found = broker_lines(tmp_path, port=broker.port)
    assert [line.name for line in found] == ["port", "tls", "account"]
    assert {line.level for line in found} == {"ok"}
    assert "let in after" in found[-1].what
    assert ear.said("") == []


def test_a_wrong_account_is_told_in_the_brokers_words(brokers: Brokers, tmp_path: Path) -> None:
    broker = brokers(PASSWORDS)
    (broker.folder / "passwords").write_text("")
    (broker.folder / "passwords").chmod(0o644)
    broker.start()
    line = named(broker_lines(tmp_path, port=broker.port, username="door"), "account")
    assert (line.level, line.status) == ("fault", 69)
    assert "the broker refuses door: Not authorized" in line.what
    assert "mqtt.username" in line.cures[0]


def test_something_that_is_no_broker_is_a_fault(tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        line = broker_lines(tmp_path, port=mute.getsockname()[1], connect_s=1.0)[-1]
    assert (line.name, line.level) == ("account", "fault")
    assert "after CONNECT" in line.what


def test_tls_and_both_certificates_are_told_with_the_days_they_have_left(
    authority: Authority, brokers: Brokers, tmp_path: Path
) -> None:
    broker = serve(brokers, authority.sign("good"))
    files = {"ca_file": str(authority.ca), **own(authority.sign("client"))}
    found = broker_lines(tmp_path, port=broker.port, tls=True, **files)
    assert named(found, "tls").level == "ok"
    assert "certificate and name verified, ends in" in named(found, "tls").what
    assert "(2099-01-01)" in named(found, "mqtt.cert_file").what
    # The test's own CA is made for two days.
    assert named(found, "mqtt.ca_file").level == "warning"
    assert "ends in 2 days" in named(found, "mqtt.ca_file").what


def test_a_wrong_ca_is_named(authority: Authority, brokers: Brokers, tmp_path: Path) -> None:
    broker = serve(brokers, authority.sign("good"))
    other = Authority(tmp_path / "other")
    found = broker_lines(tmp_path, port=broker.port, tls=True, ca_file=str(other.ca))
    line = named(found, "tls")
    assert (line.level, line.status) == ("fault", 69)
    assert "is of a CA unknown here" in line.what
    assert line.cures == ("give that CA in mqtt.ca_file",)
    assert "account" not in [line.name for line in found]


def test_an_expired_certificate_is_named(
    authority: Authority, brokers: Brokers, tmp_path: Path
) -> None:
    broker = serve(brokers, authority.sign("old", dates=LONG_AGO))
    mine = own(authority.sign("mine", dates=LONG_AGO))
    found = broker_lines(tmp_path, port=broker.port, tls=True, ca_file=str(authority.ca), **mine)
    assert "has expired" in named(found, "tls").what
    assert named(found, "mqtt.cert_file").level == "fault"
    assert "has expired on 2020-02-01" in named(found, "mqtt.cert_file").what


def doctor(running: Running) -> tuple[int, dict[str, Any]]:
    state = str(running.folder / "state")
    command = ["doctor", "--json", "--config", str(running.settings), "--state", state]
    told = subprocess.run([*EDGEAGENT, *command], capture_output=True, check=False, timeout=90)
    return told.returncode, json.loads(told.stdout)


def line_of(told: dict[str, Any], group: str, name: str) -> dict[str, Any]:
    (line,) = [line for line in told["groups"][group] if line["name"] == name]
    return dict(line)


def test_beside_a_running_agent_it_asks_the_agent_and_disturbs_nothing(
    agent: Running, broker: Broker, ear: Ear
) -> None:
    agent.write(broker.port)
    agent.start()
    assert until(lambda: ear.said("/evt/yard"), 60)
    status, told = doctor(agent)
    assert line_of(told, "Cameras", "yard")["what"].startswith("watched by the running agent")
    assert line_of(told, "Agent", "agent")["level"] == "ok"
    assert line_of(told, "Broker", "account")["what"] == "the running agent is connected"
    assert [m["s"] for m in ear.said("/status")] == ["online"]
    assert agent.end() == 0
    assert status in (0, 69), sys.argv  # 69 where the machine itself has a fault


def test_a_stopped_agent_is_a_fault_and_its_camera_is_tried(agent: Running, broker: Broker) -> None:
    agent.write(broker.port)
    status, told = doctor(agent)
    assert status == 69
    line = line_of(told, "Agent", "agent")
    assert (line["level"], line["status"]) == ("fault", 69)
    assert line["cures"] == [f"edgeagent run --config {agent.settings}"]
    assert line_of(told, "Cameras", "yard")["what"].startswith("gave a frame of 320x240")
