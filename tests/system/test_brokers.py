"""Each known broker, as far as mosquitto can be made to behave like it: nothing lost, nothing else.

The clouds themselves were never seen. What mosquitto cannot do stands before it (`cloud.py`).
"""

import gc
import getpass
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from edgeagent.brokers import personal
from edgeagent.config import MqttConfig
from edgeagent.mqtt import Words
from edgeagent.settings import parse

from .authority import Authority, missing
from .cloud import NAME, Cloud, door
from .conftest import Broker, Brokers, Ear, free_port, until
from .test_broker import Chain
from .test_link import answers, linked

# paho does not close the socket of a failed handshake; it goes with the client, a little later.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CONF = """\
user {user}
per_listener_settings true
{limits}
listener {plain} 127.0.0.1
allow_anonymous true
listener {port} 127.0.0.1
{access}
"""
BY_ID = "allow_anonymous true\nacl_file {folder}/by-id"
"""Topics by client id, as policies with ${iot:Connection.Thing.ThingName} have it."""
BY_USER = "allow_anonymous true\nacl_file {folder}/by-user"
"""Topics by user, as templates with ${client.authenticationName} have it."""
PASSWORD = "password_file {folder}/passwords\nacl_file {folder}/by-user"
ACLS = {
    "by-id": "pattern write edge/v1/+/%c/#\npattern read edge/v1/+/%c/cmd/+\n",
    "by-user": "pattern write edge/v1/+/%u/#\npattern read edge/v1/+/%u/cmd/+\n",
}


@dataclass(frozen=True)
class Rig:
    """A broker that stands for another, and how the owner's file names it."""

    profile: str
    limits: str
    access: str
    login: str
    alpn: str = ""
    takes_per_s: int = 0
    events: int = 40

    @property
    def toml(self) -> dict[str, object]:
        return {"profile": self.profile, "alpn": self.alpn}


RIGS = {
    "mosquitto": Rig("mosquitto", "", BY_USER, "certificate and user"),
    "aws-iot": Rig(
        "aws-iot",
        "max_packet_size 131072\nmax_keepalive 1200\nmax_inflight_messages 100",
        BY_ID,
        "certificate",
        alpn="x-amzn-mqtt-ca",
        takes_per_s=100,
        events=120,
    ),
    "aws-iot with a password": Rig(
        "aws-iot", "max_packet_size 131072", PASSWORD, "password", alpn="mqtt", takes_per_s=100
    ),
    "azure-event-grid": Rig(
        "azure-event-grid",
        "max_packet_size 524288\nmax_keepalive 1160\nretain_available false",
        BY_USER,
        "certificate",
    ),
    "emqx": Rig("emqx", "max_packet_size 1048576\nmax_inflight_messages 32", PASSWORD, "password"),
    "emqx-serverless": Rig(
        "emqx-serverless",
        "max_packet_size 1048576",
        PASSWORD,
        "password",
        takes_per_s=10,
        events=12,
    ),
    "hivemq": Rig("hivemq", "max_inflight_messages 10", PASSWORD, "password"),
    "hivemq-cloud": Rig("hivemq-cloud", "max_inflight_messages 10", PASSWORD, "password"),
}


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    if missing():
        pytest.skip(missing())
    yield Authority(tmp_path / "authority")
    gc.collect()


@dataclass
class Ground:
    """A rig that stands."""

    cloud: Cloud
    config: MqttConfig
    ear: Ear


@contextmanager
def standing(rig: Rig, brokers: Brokers, authority: Authority) -> Iterator[Ground]:
    broker, plain = _broker(rig, brokers)
    certificate = authority.sign("broker", f"DNS:{NAME}")
    context = door(certificate, authority.ca, rig.alpn, "certificate" in rig.login)
    cloud = Cloud(free_port(), broker.port, context, rig.alpn)
    cloud.takes_per_s = rig.takes_per_s
    cloud.open()
    ear = Ear(plain)
    try:
        yield Ground(cloud, _config(rig, cloud, authority), ear)
    finally:
        ear.close()
        cloud.close()


def _broker(rig: Rig, brokers: Brokers) -> tuple[Broker, int]:
    broker = brokers("")
    folder, plain = broker.folder, free_port()
    for name, text in ACLS.items():
        (folder / name).write_text(text)
    passwords = str(folder / "passwords")
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "door", "hunter2"], check=True)
    Path(passwords).chmod(0o644)
    access = rig.access.format(folder=folder)
    user = getpass.getuser()
    broker.settings.write_text(
        CONF.format(user=user, limits=rig.limits, plain=plain, port=broker.port, access=access)
    )
    broker.start()
    return broker, plain


def _config(rig: Rig, cloud: Cloud, authority: Authority) -> MqttConfig:
    """Return what an owner's file comes to."""
    table: dict[str, object] = rig.toml | {
        "host": NAME,
        "port": cloud.port,
        "ca_file": str(authority.ca),
    }
    if "certificate" in rig.login:
        shown = authority.sign("door")
        shown.with_suffix(".key").chmod(0o600)
        table |= {"cert_file": str(shown), "key_file": str(shown.with_suffix(".key"))}
    if "user" in rig.login:
        table |= {"username": "door"}
    if "password" in rig.login:
        secret = authority.ca.with_name("password")
        secret.write_text("hunter2\n")
        secret.chmod(0o600)
        table |= {"username": "door", "password_file": str(secret)}
    mqtt = personal(parse({"device": "door", "mqtt": table}))
    return msgspec.structs.replace(mqtt, connect_s=5.0, backoff_max_s=0.5)


@pytest.mark.parametrize("name", RIGS)
def test_nothing_is_lost_at_a_broker_like(
    name: str, brokers: Brokers, authority: Authority, tmp_path: Path
) -> None:
    rig = RIGS[name]
    with standing(rig, brokers, authority) as ground:
        chain = Chain(tmp_path / "outbox", 0, config=ground.config)
        assert until(lambda: chain.link.up), chain.told
        chain.put(rig.events // 2, 1e9)
        assert until(lambda: ground.ear.said("/evt/yard"))
        ground.cloud.cut()
        assert until(lambda: len(ground.ear.said("door/status")) >= 2)
        chain.put(rig.events - rig.events // 2, 1e9)
        assert until(lambda: chain.outbox.depth == 0, 60)
        chain.close()
        assert until(lambda: len(ground.ear.said("door/status")) == 4)
        status = [said["s"] for said in ground.ear.said("door/status")]
        seqs = {said["seq"] for said in ground.ear.said("edge/v1/home/door/evt/yard")}
    assert status == ["online", "offline", "online", "stopped"]
    assert seqs == set(range(rig.events))
    assert chain.health.counted("puback_total") == rig.events
    assert ground.cloud.dropped == 0
    assert {visit.client for visit in ground.cloud.visits} <= {ground.config.client_id or "a1b2"}


WORDS = Words("edge/v1/home/door", "door", lambda _: b"{}", lambda: b"{}")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("name", ["aws-iot", "azure-event-grid", "emqx"])
def test_what_is_larger_than_the_broker_takes_is_set_aside_and_the_link_lives(
    name: str, protocol: str, brokers: Brokers, authority: Authority
) -> None:
    bytes_taken = {"aws-iot": 131072, "azure-event-grid": 524288, "emqx": 1048576}[name]
    with standing(RIGS[name], brokers, authority) as ground:
        # To MQTT 3.1.1 no broker says what it takes: the profile does.
        config = msgspec.structs.replace(ground.config, protocol=protocol, retain=False)
        with linked(config, WORDS) as (link, told):
            assert until(lambda: link.up), told
            assert link.publish("evt/yard", b"x" * bytes_taken, 5)
            assert link.publish("evt/yard", b"{}", 6)
            assert {ack.token: ack.taken for ack in answers(link, 2)} == {5: False, 6: True}
            assert told == []
    assert [len(sent.payload) for sent in ground.cloud.sent if "evt" in sent.topic] == [2]


def test_a_broker_that_hangs_up_on_what_comes_too_fast_gets_all_in_the_end(
    brokers: Brokers, authority: Authority, tmp_path: Path
) -> None:
    with standing(RIGS["hivemq-cloud"], brokers, authority) as ground:
        ground.cloud.takes_per_s, ground.cloud.hangs_up = 25, True
        chain = Chain(tmp_path / "outbox", 0, config=ground.config)
        assert until(lambda: chain.link.up), chain.told
        chain.put(40, 1e9)
        assert until(lambda: chain.outbox.depth == 0, 60)
        chain.close()
        seqs = {said["seq"] for said in ground.ear.said("edge/v1/home/door/evt/yard")}
    assert seqs == set(range(40))
    lost = next(notice.why for notice in chain.told if notice.what == "lost")
    assert lost == (
        "the connection ended: Message rate too high; "
        "lower mqtt.backlog_per_s, or name the broker in mqtt.profile"
    )


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("host", "127.0.0.1", "hung up in the TLS handshake; see mqtt.host, mqtt.port and mqtt.al"),
        ("alpn", "h2", "was cut before the broker said a word; see mqtt.alpn, mqtt.client_id"),
    ],
)
def test_a_cloud_asked_for_another_name_or_protocol_is_told(
    setting: str, value: str, why: str, brokers: Brokers, authority: Authority
) -> None:
    with standing(RIGS["aws-iot"], brokers, authority) as ground:
        config = msgspec.structs.replace(ground.config, **{setting: value})
        with linked(config, WORDS) as (link, told):
            assert until(lambda: told)
            assert not link.up
            assert why in told[0].why
