"""Orders through a real broker, to the link and to the whole agent as its user starts it."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgeagent.link import Order
from edgeagent.mqtt import MqttLink
from edgeagent.sources import nobody

from .conftest import Broker, Brokers, Ear, until
from .test_link import PASSWORDS, PREFIX, WORDS, at, secret_file, with_password
from .test_run import EDGEAGENT, Running

LIFE = """\
device = "pi"
[[camera]]
name = "yard"
source = "synthetic"
width = 320
height = 240
[model]
name = ""
[clock]
flag = "{folder}/synchronised"
[mqtt]
host = "127.0.0.1"
port = {port}
tls = false
[commands]
allow = ["ping", "status", "bench", "set", "reload", "restart"]
per_minute = 600
{more}
"""

SETTINGS = """\
device = "pi"
[[camera]]
name = "yard"
source = "synthetic"
width = 320
height = 240
[model]
name = "coco16-320"
[clock]
flag = "{{folder}}/synchronised"
[mqtt]
host = "127.0.0.1"
port = {port}
tls = false
protocol = "{{protocol}}"
[commands]
allow = ["look"]
{more}
"""


class Boss:
    """Somebody on the broker's side: orders, and hears what is answered."""

    def __init__(self, port: int, protocol: str, user: str = "") -> None:
        is_v5 = protocol == "5"
        version = MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311
        self.is_v5 = is_v5
        self.heard: list[MQTTMessage] = []
        self._there = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=version)
        self._client.on_message = lambda *told: self.heard.append(told[-1])
        self._client.on_subscribe = lambda *_: self._there.set()
        if user:
            self._client.username_pw_set(user, "hunter2")
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()
        assert self._there.wait(5)

    def order(self, topic: str, payload: bytes, retain: bool = False, reply_to: str = "") -> None:
        properties = None
        if self.is_v5 and reply_to:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ResponseTopic, properties.CorrelationData = reply_to, b"17"
        sent = self._client.publish(topic, payload, 1, retain, properties)
        sent.wait_for_publish(5)

    def answers(self, topic_end: str) -> list[dict[str, Any]]:
        return [json.loads(m.payload) for m in self.heard if m.topic.endswith(topic_end)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(params=["5", "3.1.1"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def boss(broker: Broker, protocol: str) -> Iterator[Boss]:
    boss = Boss(broker.port, protocol)
    yield boss
    boss.close()


def test_a_link_hears_orders_and_answers_where_it_is_asked_to(
    protocol: str, broker: Broker, boss: Boss
) -> None:
    boss.order(f"{PREFIX}/cmd/look", b"old", retain=True)
    heard: list[Order] = []
    link = MqttLink(at(broker, protocol=protocol), WORDS, nobody)
    link.listen(heard.append)
    assert not link.reply(Order("look", b""), b"{}")
    link.start()
    assert until(lambda: heard)
    assert heard[0][:3] == ("look", b"old", True)
    boss.order(f"{PREFIX}/cmd/look", b"new", reply_to="clients/7/res")
    assert until(lambda: len(heard) == 2)
    assert heard[1][:3] == ("look", b"new", False)
    assert until(lambda: link.up)
    assert link.reply(heard[1], b'{"n": 7}')
    end = "clients/7/res" if boss.is_v5 else f"{PREFIX}/res/look"
    assert link.acknowledged() == []  # as the publisher does when it is woken
    assert until(lambda: boss.answers(end) == [{"n": 7}])
    if boss.is_v5:
        (answer,) = [m for m in boss.heard if m.topic == end]
        assert answer.properties is not None
        assert answer.properties.CorrelationData == b"17"  # type: ignore[attr-defined]
    link.stop()


def test_the_acl_of_the_docs_lets_a_device_read_its_orders_and_no_others(
    brokers: Brokers, tmp_path: Path
) -> None:
    broker = brokers(PASSWORDS + "\nacl_file {folder}/acl")
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    rules = page[page.index("pattern read") :].split("```")[0]
    (broker.folder / "acl").write_text(rules.replace("operator", "boss"))
    with_password(broker)
    secret = secret_file(tmp_path, "hunter2")
    passwords = ["mosquitto_passwd", "-b", str(broker.folder / "passwords"), "boss", "hunter2"]
    subprocess.run(passwords, check=True)
    assert broker.process is not None
    broker.process.send_signal(signal.SIGHUP)
    heard: list[Order] = []
    account = {"username": "door", "password_file": secret}
    link = MqttLink(at(broker, **account), WORDS, nobody)
    link.listen(heard.append)
    link.start()
    assert until(lambda: link.up)
    boss = Boss(broker.port, "5", "boss")
    boss.order("edge/v1/home/yard/cmd/look", b"{}")
    boss.order(f"{PREFIX}/cmd/reboot", b"{}")
    boss.order(f"{PREFIX}/cmd/look", b"{}")
    assert until(lambda: heard)
    assert [order.name for order in heard] == ["look"]
    assert link.reply(heard[0], b'{"n": 7}')
    assert link.acknowledged() == []  # as the publisher does when it is woken
    assert until(lambda: boss.answers("/res/look") == [{"n": 7}])
    link.stop()
    boss.close()


def test_a_link_that_nobody_listens_to_subscribes_to_nothing(broker: Broker) -> None:
    link = MqttLink(at(broker), WORDS, nobody)
    link.start()
    assert until(lambda: link.up)
    link.stop()
    assert "cmd/" not in (broker.folder / "mosquitto.log").read_text()


def test_one_who_hears_badly_does_not_end_the_link(broker: Broker) -> None:
    heard: list[Order] = []

    def hear(order: Order) -> None:
        heard.append(order)
        raise ZeroDivisionError

    link, boss = MqttLink(at(broker), WORDS, nobody), Boss(broker.port, "5")
    link.listen(hear)
    link.start()
    assert until(lambda: link.up)
    for number in (1, 2):
        boss.order(f"{PREFIX}/cmd/look", b"{}")
        assert until(lambda n=number: len(heard) == n)  # type: ignore[misc]
    assert link.up == 1
    boss.close()
    link.stop()


@pytest.fixture
def agent(tmp_path: Path, broker: Broker, protocol: str) -> Iterator[Running]:
    running = Running(tmp_path)
    text = SETTINGS.replace("{{protocol}}", protocol).replace("{{folder}}", str(tmp_path))
    running.write(broker.port, text=text)
    (tmp_path / "synchronised").touch()
    running.start()
    yield running
    if running.process is not None:
        running.process.kill()
        running.process.wait(10)


def lasting(**asked: object) -> bytes:
    """Return an order that is worth doing for a minute."""
    return json.dumps({"exp": round(time.time() * 1000) + 60_000, **asked}).encode()


def watches(boss: Boss) -> None:
    """Wait until the agent has its model, and soon after its camera."""
    assert until(lambda: [m for m in boss.answers("/sys") if m["k"] == "engine_ready"], 60)
    time.sleep(2.0)


def test_the_agent_looks_now_says_so_and_answers_once_for_each_id(
    agent: Running, broker: Broker, boss: Boss
) -> None:
    ear = Ear(broker.port)
    topic = "edge/v1/home/pi/cmd/look"
    watches(boss)
    asked_s = time.monotonic()
    order = lasting(id="a1", camera="yard")
    boss.order(topic, order, reply_to="clients/7")
    end = "clients/7" if boss.is_v5 else "/res/look"
    assert until(lambda: boss.answers(end))
    assert time.monotonic() - asked_s < 20.0
    (answer,) = boss.answers(end)
    schema = json.loads((resources.files("edgeagent.wire") / "answer.schema.json").read_text())
    Draft202012Validator(schema).validate(answer)
    assert (answer["ok"], answer["id"], list(answer["saw"])) == (True, "a1", ["yard"])

    def looks() -> list[dict[str, Any]]:
        return [m for m in ear.said("/evt/yard") if m["k"] == "look"]

    assert until(looks)
    assert looks()[0]["name"] == "a1"
    assert sum(looks()[0]["n"].values()) == len(answer["saw"]["yard"]["cls"])
    boss.order(topic, order, reply_to="clients/7")
    assert until(lambda: len(boss.answers(end)) == 2)
    boss.order(topic, lasting(id="a2", camera="none"), reply_to="clients/7")
    assert until(lambda: len(boss.answers(end)) == 3)
    assert not boss.answers(end)[2]["ok"]
    assert len(looks()) == 1
    assert agent.end() == 0
    ear.close()


@pytest.mark.parametrize("protocol", ["5"], indirect=True)
def test_a_retained_order_is_reported_and_not_done(
    agent: Running, broker: Broker, boss: Boss
) -> None:
    boss.order("edge/v1/home/pi/cmd/look", b'{"id": "a1"}', retain=True)
    assert until(lambda: [m for m in boss.answers("/sys") if m["k"] == "command_ignored"], 60)
    assert boss.answers("/res/look") == []


@pytest.mark.parametrize("protocol", ["5"], indirect=True)
def test_a_person_at_the_device_asks_with_glance(agent: Running, boss: Boss) -> None:
    watches(boss)
    command = [*EDGEAGENT, "glance", "--state", str(agent.folder / "state")]
    told = run([*command, "yard"])
    assert (told.returncode, told.stdout.split()[0]) == (0, "yard"), told.stderr
    assert until(lambda: [m for m in boss.answers("/evt/yard") if m.get("name") == "local"])
    wrong = run([*command, "none"])
    assert (wrong.returncode, "there is yard" in wrong.stderr) == (64, True)


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def test_where_no_agent_runs_glance_says_so(tmp_path: Path) -> None:
    told = run([*EDGEAGENT, "glance", "--state", str(tmp_path)])
    assert (told.returncode, "no agent runs here" in told.stderr) == (69, True)


@pytest.mark.parametrize("protocol", ["5"], indirect=True)
def test_a_person_at_the_device_asks_how_it_fares(agent: Running, boss: Boss) -> None:
    watches(boss)
    command = [*EDGEAGENT, "status", "--state", str(agent.folder / "state")]
    told = run([*command, "--json"])
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    assert set(said["cameras"].values()) == {"watched"}
    assert said["stages"]["yard"]["motion"]["p90_ms"] > 0
    assert said["link"] is True
    assert said["engines"] == ["cpu"]
    assert said["outbox"]["pending"] >= 0
    assert said["states"]["camera.yard"]["level"] == "ok"
    screen = run(command)
    assert "broker       connected" in screen.stdout
    assert screen.returncode == (1 if "fault        " in screen.stdout else 0)
    metrics = run([*command, "--prometheus"])
    assert metrics.returncode == 0, metrics.stderr
    assert 'edgeagent_part_state{part="camera.yard",state="ok"} 1.0' in metrics.stdout
    assert 'edgeagent_stage_duration_seconds_count{camera="yard",stage="motion"}' in metrics.stdout


def test_where_no_agent_runs_status_says_so(tmp_path: Path) -> None:
    told = run([*EDGEAGENT, "status", "--state", str(tmp_path)])
    assert told.returncode == 69
    assert "no agent runs here" in told.stderr


class Kept(Running):
    """An agent that is started anew whenever it ends, as systemd's Restart=always does it."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        (folder / "synchronised").touch()
        self.write(port, text=LIFE.replace("{folder}", str(folder)))
        self.statuses: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep)

    def __enter__(self) -> "Kept":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _keep(self) -> None:
        while not self._over.is_set() and len(self.statuses) < 4:
            self.start()
            assert self.process is not None
            while self.process.poll() is None and not self._over.wait(0.05):
                pass
            if self.process.poll() is None:
                self.end()
            else:
                self.statuses.append(self.process.returncode)


class Stubborn(Boss):
    """Orders the same again at each birth, as a session that is kept for the agent would."""

    order_again = b""

    def begin(self) -> None:
        hear = self.heard.append

        def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
            hear(message)
            if message.topic.endswith("/status") and b'"online"' in message.payload:
                self._client.publish("edge/v1/home/pi/cmd/restart", self.order_again, 1)

        self._client.on_message = on_message


def test_a_restart_that_comes_again_after_each_start_restarts_once(
    tmp_path: Path, broker: Broker
) -> None:
    boss = Stubborn(broker.port, "5")
    boss.order_again = lasting(id="r1")
    boss.begin()
    with Kept(tmp_path, broker.port) as kept:
        assert until(lambda: len(boss.answers("/res/restart")) >= 2, 60)
        assert until(lambda: len([m for m in boss.answers("/status") if m["s"] == "online"]) == 2)
        boss.order("edge/v1/home/pi/cmd/restart", boss.order_again)
        assert until(lambda: len(boss.answers("/res/restart")) >= 3)
        boss.order("edge/v1/home/pi/cmd/restart", b'{"id": "r0", "exp": 1700000000000}')
        assert until(lambda: len(boss.answers("/res/restart")) >= 4)
        assert kept.statuses == [75]
    first, second, third, old = boss.answers("/res/restart")
    assert (first["ok"], "again" in first) == (True, False)
    assert (second["again"], third["again"]) == (True, True)
    assert (old["ok"], old["why"]) == (False, "it has expired")
    stops = [m["s"] for m in boss.answers("/status")]
    assert stops.index("stopped") < len(stops) - 1
    starts = [m for m in boss.answers("/sys") if m["k"] == "start"]
    assert [start["prev"][2] for start in starts] == ["none", "clean"]
    told = run([*EDGEAGENT, "audit", "--state", str(tmp_path / "state"), *against(boss)])
    assert told.returncode == 0, told.stdout
    boss.close()


def against(boss: Boss) -> list[str]:
    """Return what all answers and reports said of the audit log, as arguments."""
    heads = [m["aud"] for m in boss.answers("") if "aud" in m]
    assert len(heads) >= 5
    return [part for digest, length in heads for part in ("--against", f"{digest}:{length}")]


def test_an_agent_answers_questions_and_reads_its_settings_again(
    tmp_path: Path, broker: Broker
) -> None:
    boss, folder = Boss(broker.port, "5"), "edge/v1/home/pi"
    schema = json.loads((resources.files("edgeagent.wire") / "answer.schema.json").read_text())

    def answer(name: str, order: bytes) -> dict[str, Any]:
        before = len(boss.answers(f"/res/{name}"))
        boss.order(f"{folder}/cmd/{name}", order)
        assert until(lambda: len(boss.answers(f"/res/{name}")) > before)
        told = boss.answers(f"/res/{name}")[-1]
        Draft202012Validator(schema).validate(told)
        return told

    with Kept(tmp_path, broker.port) as kept:
        assert until(lambda: [m for m in boss.answers("/status") if m["s"] == "online"], 60)
        assert answer("ping", b'{"id": "p1"}')["up"] >= 0
        assert until(lambda: answer("bench", lasting(id=f"b{time.time_ns()}"))["st"].get("yard"))
        assert answer("status", b'{"id": "s1"}')["q"] >= 0
        assert answer("look", lasting(id="l1"))["why"].startswith("'look' is not allowed here")
        kept.settings.write_text(kept.settings.read_text() + "[events]\ntop = 2\n")
        assert answer("reload", lasting(id="r1"))["new"] == ["events.top"]
        assert until(lambda: [m for m in boss.answers("/sys") if m["k"] == "config_read"])
        kept.settings.write_text(kept.settings.read_text() + "top = 3\n")
        wrong = answer("reload", lasting(id="r2"))
        assert (wrong["ok"], "Cannot overwrite a value" in wrong["why"]) == (False, True)
        refused = answer("set", lasting(id="v1", values={"mqtt.host": "evil.example"}))
        assert "may be set from afar" in refused["why"]
        told = answer("set", lasting(id="v2", values={"events.top": 4}))
        assert told["new"] == ["events.top"]

        def taken() -> list[str]:
            notices = [m for m in boss.answers("/sys") if m["k"] == "config_read"]
            return [m["why"] for m in notices if "taken over: events.top" in m["why"]]

        assert until(lambda: len(taken()) == 2)  # though the file is wrong now
        kept.settings.write_text(LIFE.format(folder=tmp_path, port=broker.port, more=""))
        assert kept.process is not None
        kept.process.kill()
        assert until(lambda: [m for m in boss.answers("/sys") if m["k"] == "config_reverted"])
    assert kept.statuses == [-9]
    boss.close()
