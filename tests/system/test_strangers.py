"""What others make of our messages: mosquitto's own subscriber, and a library that is not paho."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from gmqtt import Client
from gmqtt.mqtt.constants import MQTTv50, MQTTv311

from .conftest import Broker, until
from .test_broker import BOOT, Chain

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "edgeagent" / "wire" / "event.schema.json").read_text())
COUNT = 40
TOPICS = ("edge/v1/+/+/evt/#", "edge/v1/+/+/sys")


@contextmanager
def chain_at(folder: Path, broker: Broker) -> Iterator[Chain]:
    made = Chain(folder / "outbox", broker.port)
    try:
        assert until(lambda: made.link.up)
        yield made
    finally:
        made.close()


def emptied(chain: Chain) -> None:
    assert until(lambda: chain.outbox.depth == 0)


def subscribe(broker: Broker, *more: str) -> subprocess.Popen[str]:
    """Start mosquitto_sub, and return when the broker has its subscription."""
    program = shutil.which("mosquitto_sub")
    if program is None:
        pytest.skip("needs mosquitto_sub: sudo apt install mosquitto-clients")
    topics = [word for topic in TOPICS for word in ("-t", topic)]
    before = log_of(broker).count("New client connected")
    process = subprocess.Popen(
        [program, "-p", str(broker.port), "-q", "1", *topics, *more],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert until(lambda: log_of(broker).count("New client connected") > before)
    time.sleep(0.2)
    return process


def log_of(broker: Broker) -> str:
    return (broker.folder / "mosquitto.log").read_text()


def fields_of(lines: list[str]) -> list[dict[str, Any]]:
    told = [json.loads(line) for line in lines]
    for fields in told:
        jsonschema.validate(fields, SCHEMA)
    return told


@pytest.mark.parametrize("protocol", ["mqttv5", "mqttv311"])
def test_mosquitto_sub_reads_every_event(protocol: str, broker: Broker, tmp_path: Path) -> None:
    with chain_at(tmp_path, broker) as chain:
        other = subscribe(broker, "-V", protocol, "-C", str(COUNT), "-W", "20", "-F", "%q %r %p")
        chain.put(COUNT, 1e9)
        lines, _ = other.communicate(timeout=30)
    told = [line.split(" ", 2) for line in lines.splitlines()]
    assert {(qos, retained) for qos, retained, _ in told} == {("1", "0")}
    assert sorted(f["seq"] for f in fields_of([p for _, _, p in told])) == list(range(COUNT))


async def hear_with_gmqtt(port: int, version: int, chain: Chain) -> list[tuple[str, str]]:
    heard: list[tuple[str, str]] = []
    subscribed = asyncio.Event()
    client = Client("stranger")
    client.on_connect = lambda client, *_: client.subscribe("edge/#", qos=1)
    client.on_subscribe = lambda *_: subscribed.set()

    def on_message(client: object, topic: str, payload: bytes, *_: object) -> int:
        heard.append((topic, payload.decode()))
        return 0

    client.on_message = on_message
    await client.connect("127.0.0.1", port, version=version)
    await asyncio.wait_for(subscribed.wait(), 10)
    await asyncio.to_thread(chain.put, COUNT, 1e9)
    for _ in range(200):
        if sum("/evt/" in topic for topic, _ in heard) >= COUNT:
            break
        await asyncio.sleep(0.05)
    await client.disconnect()
    return heard


@pytest.mark.parametrize("version", [MQTTv50, MQTTv311])
def test_gmqtt_reads_every_event_and_what_is_retained(
    version: int, broker: Broker, tmp_path: Path
) -> None:
    with chain_at(tmp_path, broker) as chain:
        heard = asyncio.run(hear_with_gmqtt(broker.port, version, chain))
    events = fields_of([text for topic, text in heard if topic.endswith("/evt/yard")])
    assert sorted(fields["seq"] for fields in events) == list(range(COUNT))
    assert ("edge/v1/home/pi/status", '{"s":"online"}') in heard


def test_a_consumer_that_was_away_knows_what_it_missed(broker: Broker, tmp_path: Path) -> None:
    with chain_at(tmp_path, broker) as chain:
        other = subscribe(broker)
        chain.put(10, 1e9)
        emptied(chain)
        time.sleep(0.3)
        other.terminate()
        first, _ = other.communicate(timeout=10)
        chain.put(5, 1e9)
        emptied(chain)
        other = subscribe(broker)
        chain.put(1, 1e9)
        emptied(chain)
        time.sleep(0.3)
        other.terminate()
        second, _ = other.communicate(timeout=10)
    program = [sys.executable, str(ROOT / "docs" / "complete.py")]
    told = subprocess.run(program, input=first + second, capture_output=True, text=True, check=True)
    assert told.stdout == f"{{('pi', '{BOOT}'): [10, 11, 12, 13, 14]}}\n"
    whole = subprocess.run(program, input=first, capture_output=True, text=True, check=True)
    assert whole.stdout == "nothing is lost\n"
