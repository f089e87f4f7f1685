"""Each encoding through a real broker: what arrives says what it is, and our own tools read it."""

import json
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from paho.mqtt.client import MQTTMessage

from edgeagent.config import MqttConfig
from edgeagent.link import Order
from edgeagent.mqtt import MqttLink, Words
from edgeagent.mqtt.client import make_client
from edgeagent.sources import nobody
from edgeagent.wire.device import answer_fields, info_fields, status_fields
from edgeagent.wire.encodings import Encode, encoder
from edgeagent.wire.fields import event_fields
from edgeagent.wire.reading import read
from tests.test_wire_json import CLOCK, IDENTITY, KERNEL, ONE
from tests.wires import ENCODINGS, cddl_faults, validator

from .conftest import Broker, until
from .test_commands import Boss
from .test_link import PREFIX, at
from .test_run import EDGEAGENT, Running, agent

__all__ = ["agent"]

EVENT = event_fields(ONE, IDENTITY, CLOCK, KERNEL)
CONTENT = {
    "json": "application/json",
    "cbor": "application/cbor",
    "cloudevents": "application/cloudevents+json",
    "cloudevents-binary": "application/json",
}
SETTINGS = """\
device = "pi"
[[camera]]
name = "yard"
source = "synthetic"
width = 320
height = 240
[model]
name = "coco16-320"
[mqtt]
host = "127.0.0.1"
port = {port}
tls = false
encoding = "cbor"
[commands]
allow = ["look"]
desired = true
[health]
stat_s = 1
{more}
"""


@pytest.fixture
def boss(broker: Broker) -> Iterator[Boss]:
    boss = Boss(broker.port, "5")
    yield boss
    boss.close()


def words(encode: Encode) -> Words:
    return Words(
        PREFIX,
        "0123456789abcdef",
        status=lambda state: encode("status", status_fields("door", state, 5)),
        info=lambda: encode("info", info_fields({"ts": 5, "dev": "door", "boot": "1-00000000"})),
    )


def say_all(config: MqttConfig, encode: Encode, boss: Boss) -> dict[str, MQTTMessage]:
    """Say one of each kind through a link; return what arrived, by topic below the device."""
    link = MqttLink(config, words(encode), nobody)
    link.start()
    assert until(lambda: link.up)
    assert link.publish("evt/front", encode("event", EVENT), 1)
    answer = encode("answer", answer_fields("door", "look", "a1", {"ok": True}, 5))
    assert link.reply(Order("look", b"", correlation=b"17"), answer)
    assert until(lambda: [*link.acknowledged(), *boss.heard[3:]][-1:] and len(boss.heard) >= 4)
    link.stop()
    assert until(lambda: len(boss.heard) >= 5)
    return {m.topic.removeprefix(f"{PREFIX}/"): m for m in boss.heard}


def beside(message: MQTTMessage) -> tuple[str, dict[str, str]]:
    """Return the content type and the user properties."""
    told = message.properties
    return getattr(told, "ContentType", ""), dict(getattr(told, "UserProperty", []))


@pytest.mark.parametrize("name", ENCODINGS)
def test_what_arrives_says_what_it_is(name: str, broker: Broker, boss: Boss) -> None:
    arrived = say_all(at(broker), encoder(name, PREFIX), boss)
    assert set(arrived) == {"info", "status", "evt/front", "res/look"}
    for message in arrived.values():
        content, attributes = beside(message)
        assert content == CONTENT[name]
        assert bool(attributes) == (name == "cloudevents-binary")
        assert read(bytes(message.payload))["dev"] in ("door", "porch-pi")
    assert read(bytes(arrived["evt/front"].payload))["box"] == EVENT["box"]
    assert arrived["res/look"].properties.CorrelationData == b"17"  # type: ignore[union-attr]
    if name == "cloudevents-binary":
        assert beside(arrived["evt/front"])[1]["type"] == "edgeagent.event.object"


def test_binary_mode_is_structured_where_the_connection_is_one_of_before(
    broker: Broker, boss: Boss
) -> None:
    arrived = say_all(at(broker, protocol="3.1.1"), encoder("cloudevents-binary", PREFIX), boss)
    whole = json.loads(arrived["evt/front"].payload)
    assert (whole["id"], whole["data"]["box"]) == ("12-1a2b3c4d/123456", EVENT["box"])
    assert beside(arrived["evt/front"]) == ("", {})


@pytest.mark.parametrize("name", ["cbor", "cloudevents-binary"])
def test_a_will_says_what_it_is_too(name: str, broker: Broker, boss: Boss) -> None:
    client = make_client(at(broker), words(encoder(name, PREFIX)))
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    assert until(client.is_connected)
    connection = client.socket()
    assert isinstance(connection, socket.socket)
    connection.shutdown(socket.SHUT_RDWR)
    assert until(lambda: boss.heard)
    client.loop_stop()
    assert read(bytes(boss.heard[0].payload))["s"] == "offline"
    content, attributes = beside(boss.heard[0])
    assert (content, attributes.get("type")) == (
        CONTENT[name],
        "edgeagent.status" if name == "cloudevents-binary" else None,
    )


def kind_of(topic: str) -> str:
    name = topic.split("/")[4]
    return {"evt": "event", "vec": "event", "sys": "event", "res": "answer", "cfg": "reported"}.get(
        name, name
    )


def test_a_whole_agent_speaks_cbor_and_watch_reads_it(
    agent: Running, broker: Broker, boss: Boss
) -> None:
    arguments = ["watch", "--plain", "--broker", f"127.0.0.1:{broker.port}"]
    with subprocess.Popen([*EDGEAGENT, *arguments], stdout=subprocess.PIPE) as watch:
        agent.write(broker.port, text=SETTINGS)
        agent.start()
        wanted = {"info", "status", "stat", "sys", "evt", "cfg"}
        assert until(lambda: wanted <= {m.topic.split("/")[4] for m in boss.heard}, 60)
        boss.order("edge/v1/home/pi/cmd/look", b'{"id": "a1"}')
        assert until(lambda: [m for m in boss.heard if m.topic.endswith("/res/look")], 60)
        assert watch.stdout is not None
        line = watch.stdout.readline().decode()
        watch.terminate()
    assert " pi " in f" {line} ".replace("/", " ")
    ours = [m for m in boss.heard if "/cmd/" not in m.topic]
    for message in ours:
        what = kind_of(message.topic)
        assert beside(message)[0] == "application/cbor"
        assert cddl_faults(bytes(message.payload), what) == ()
        told: dict[str, Any] = read(bytes(message.payload))
        validator(what).validate(told)
    assert next(read(bytes(m.payload))["enc"] for m in ours if m.topic.endswith("/info")) == "cbor"
