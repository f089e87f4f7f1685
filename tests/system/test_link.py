"""The link to a real broker: birth, will, refusals, TLS, and a broker that comes and goes."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from paho.mqtt import publish

from edgeagent.config import MqttConfig
from edgeagent.errors import LinkError
from edgeagent.findings import Notice
from edgeagent.link import Ack
from edgeagent.mqtt import MqttLink, Words
from edgeagent.mqtt.once import publish_once
from scripts.benches.fire.proxy import Proxy

from .conftest import Broker, Brokers, Ear, free_port, until

PREFIX = "edge/v1/home/door"
WORDS = Words(
    PREFIX,
    "0123456789abcdef",
    status=lambda state: json.dumps({"s": state}).encode(),
    info=lambda: b'{"v":1}',
)
CONFIG = MqttConfig(host="127.0.0.1", tls=False, connect_s=3.0, backoff_max_s=1.0)


@contextmanager
def linked(config: MqttConfig, words: Words = WORDS) -> Iterator[tuple[MqttLink, list[Notice]]]:
    told: list[Notice] = []
    link = MqttLink(config, words, told.append, draw=lambda *_: 0.1)
    link.start()
    try:
        yield link, told
    finally:
        link.stop()


def answers(link: MqttLink, count: int) -> list[Ack]:
    """Wait for so many answers and return them."""
    acks: list[Ack] = []

    def all_there() -> bool:
        acks.extend(link.acknowledged())
        return len(acks) >= count

    assert until(all_there)
    return acks


def at(broker: Broker, **settings: object) -> MqttConfig:
    return msgspec.structs.replace(CONFIG, port=broker.port, **settings)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_birth_and_farewell_are_retained(protocol: str, broker: Broker, ear: Ear) -> None:
    with linked(at(broker, protocol=protocol)) as (link, told):
        assert until(lambda: ear.said("/status"))
        assert link.up
    assert until(lambda: len(ear.said("/status")) == 2)
    assert [m["s"] for m in ear.said("/status")] == ["online", "stopped"]
    late = Ear(broker.port)
    assert until(lambda: late.said("/status") and late.said("/info"))
    assert late.said("/status") == [{"s": "stopped"}]
    late.close()
    assert told == []


def test_when_the_process_dies_the_broker_says_offline(broker: Broker, ear: Ear) -> None:
    code = (
        "import os, time; from edgeagent.mqtt import *; from edgeagent.config import MqttConfig\n"
        'said = lambda state: b\'{"s": "%s"}\' % state.encode()\n'
        f"config = MqttConfig(host='127.0.0.1', port={broker.port}, tls=False)\n"
        f"link = MqttLink(config, Words({PREFIX!r}, 'abcd', said, lambda: b'{{}}'), print)\n"
        "link.start()\n"
        "while not link.up: time.sleep(.01)\n"
        "time.sleep(.3); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False, timeout=20)
    assert until(lambda: len(ear.said("/status")) == 2)
    assert [m["s"] for m in ear.said("/status")] == ["online", "offline"]


def test_what_is_published_is_acknowledged_by_its_token(broker: Broker, ear: Ear) -> None:
    with linked(at(broker)) as (link, _):
        assert until(lambda: link.up)
        assert link.publish("evt/yard", b'{"n": 7}', 41)
        assert link.publish("stat", b'{"n": 8}', None)
        assert [(ack.token, ack.taken) for ack in answers(link, 1)] == [(41, True)]
        assert until(lambda: ear.said("/stat") and ear.said("/evt/yard"))
    assert ear.said(f"{PREFIX}/evt/yard") == [{"n": 7}]


def test_no_broker_at_start_is_no_reason_to_give_up(tmp_path: Path, broker: Broker) -> None:
    broker.end()
    with linked(at(broker)) as (link, told):
        assert until(lambda: told)
        assert not link.up
        assert not link.publish("evt/yard", b"{}", 1)
        broker.start()
        assert until(lambda: link.up)
        assert until(lambda: len(told) == 2)
    assert [(n.part, n.what) for n in told] == [("link", "lost"), ("link", "back")]


def test_a_broker_that_is_killed_is_found_again(broker: Broker) -> None:
    with linked(at(broker)) as (link, told):
        assert until(lambda: link.up == 1)
        for number in (2, 3, 4):
            broker.kill()
            assert until(lambda: not link.up)
            broker.start()
            assert until(lambda n=number: link.up >= n)  # type: ignore[misc]
    assert [n.what for n in told] == ["lost", "back"] * 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_client_whose_thread_died_is_found_out_and_replaced(broker: Broker) -> None:
    deaths = iter([SystemExit] * 2)

    def die(order: object) -> None:
        # In paho's thread; what is no Exception gets out of every callback.
        for death in deaths:
            raise death

    told: list[Notice] = []
    link = MqttLink(at(broker), WORDS, told.append, draw=lambda *_: 0.1)
    link.listen(die)
    link.start()
    for number in (1, 2):
        assert until(lambda n=number: link.up == n)  # type: ignore[misc]
        publish.single(f"{PREFIX}/cmd/look", b"{}", qos=1, port=broker.port)
    assert until(lambda: link.up == 3)
    assert link.publish("evt/yard", b"{}", 41)
    assert [(ack.token, ack.taken) for ack in answers(link, 1)] == [(41, True)]
    assert until(lambda: len(told) == 4)
    link.stop()
    assert [n.what for n in told] == ["lost", "back"] * 2
    assert told[0].why == "the client library's thread died"


def test_no_more_messages_are_on_their_way_than_the_window_holds(broker: Broker) -> None:
    with linked(at(broker, inflight=3)) as (link, _):
        assert until(lambda: link.up)
        sent = sum(link.publish("evt/yard", b"{}", n) for n in range(500))
        assert 3 <= sent < 500
        assert len(answers(link, sent)) == sent
        assert link.publish("evt/yard", b"{}", 999)


PASSWORDS = "allow_anonymous false\npassword_file {folder}/passwords"


def with_password(broker: Broker) -> Broker:
    passwords = broker.folder / "passwords"
    program = ["mosquitto_passwd", "-b", "-c", str(passwords), "door", "hunter2"]
    subprocess.run(program, check=True)
    passwords.chmod(0o644)
    broker.start()
    return broker


def secret_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / f"password-{text}"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


def test_a_password_comes_from_its_file_and_a_wrong_one_is_told(
    brokers: Brokers, tmp_path: Path
) -> None:
    broker = with_password(brokers(PASSWORDS))
    right, wrong = secret_file(tmp_path, "hunter2"), secret_file(tmp_path, "sesame")
    with linked(at(broker, username="door", password_file=right)) as (link, told):
        assert until(lambda: link.up)
    with linked(at(broker, username="door", password_file=wrong)) as (link, told):
        assert until(lambda: told)
        assert "refused us: Not authorized" in told[0].why
        assert not link.up


def test_one_message_goes_out_with_the_same_credentials_and_a_refusal_is_told(
    brokers: Brokers, tmp_path: Path
) -> None:
    broker = with_password(brokers(PASSWORDS))
    right, wrong = secret_file(tmp_path, "hunter2"), secret_file(tmp_path, "sesame")
    publish_once(at(broker, username="door", password_file=right), "once", "bench", b"{}")
    with pytest.raises(LinkError, match=r"bench was not published: Not authorized"):
        publish_once(at(broker, username="door", password_file=wrong), "once", "bench", b"{}")


def test_a_message_the_broker_does_not_allow_is_not_taken(brokers: Brokers, tmp_path: Path) -> None:
    broker = brokers(PASSWORDS + "\nacl_file {folder}/acl")
    (broker.folder / "acl").write_text(f"user door\ntopic write {PREFIX}/status\n")
    with_password(broker)
    right = secret_file(tmp_path, "hunter2")
    with linked(at(broker, username="door", password_file=right)) as (link, _):
        assert until(lambda: link.up)
        link.publish("evt/yard", b"{}", 1)
        assert answers(link, 1) == [Ack(1, 135)]


def test_two_with_one_id_do_not_throw_each_other_out_for_ever(broker: Broker) -> None:
    # mosquitto 2.0.11 closes the older connection without a word, so only the back-off helps.
    told: list[Notice] = []
    links = [
        MqttLink(at(broker, backoff_max_s=60.0), WORDS, told.append, draw=lambda _, bound: bound)
        for _ in range(2)
    ]
    for link in links:
        link.start()
    time.sleep(5.0)
    for link in links:
        link.stop()
    log = (broker.folder / "mosquitto.log").read_text()
    assert 1 <= log.count("already connected, closing old connection") <= 5
    assert {n.what for n in told} <= {"lost", "back"}


def test_a_message_above_the_brokers_limit_is_refused_and_the_link_lives(
    brokers: Brokers,
) -> None:
    broker = brokers("allow_anonymous true\nmax_packet_size 300")
    broker.start()
    with linked(at(broker)) as (link, told):
        assert until(lambda: link.up)
        assert link.publish("evt/yard", b"x" * 400, 5)
        assert link.publish("evt/yard", b"x", 6)  # answered by 16: taken, nobody subscribed
        assert sorted(answers(link, 2)) == [
            Ack(5, 149),
            Ack(6, 16),
        ]  # 16: taken, nobody has subscribed
        assert told == []


def test_a_window_of_one_is_kept_from_the_birth_on(brokers: Brokers) -> None:
    broker = brokers("allow_anonymous true\nmax_inflight_messages 1")
    broker.start()
    with witnessed(broker) as proxy, linked(config_for(proxy)) as (link, _):
        assert until(lambda: link.up)
        tokens = iter(range(1, 30))
        assert until(lambda: link.publish("evt/yard", b"x", next(tokens)))
        link.announce()
        acks = answers(link, 1)
        assert until(lambda: link.acknowledged() or link.publish("evt/yard", b"x", 99))
        assert [ack.taken for ack in acks] == [True]
    topics = [sent.topic.removeprefix(f"{PREFIX}/") for sent in proxy.sent]
    assert topics[:2] == ["info", "status"]
    assert topics.count("info") == 2
    assert [visit.most_flying for visit in proxy.visits] == [1]


def test_what_changes_while_the_birth_is_said_is_said_after_it(broker: Broker, ear: Ear) -> None:
    said: list[int] = []
    links: list[MqttLink] = []

    def reported() -> bytes:
        said.append(len(said) + 1)
        if len(said) == 1:
            links[0].announce()
        return json.dumps({"n": said[-1]}).encode()

    words = Words(PREFIX, WORDS.client_id, WORDS.status, WORDS.info, reported)
    links.append(MqttLink(at(broker), words, print))
    links[0].start()
    try:
        assert until(lambda: {"n": 2} in ear.said("/cfg/reported"), 30)
    finally:
        links[0].stop()


def test_a_birth_and_a_stat_above_the_brokers_limit_do_not_cost_the_connection(
    brokers: Brokers,
) -> None:
    broker = brokers("allow_anonymous true\nmax_packet_size 300")
    broker.start()
    words = Words(PREFIX, WORDS.client_id, WORDS.status, lambda: b"x" * 400)
    with linked(at(broker), words) as (link, told):
        assert until(lambda: link.up)
        assert link.publish("stat", b"x" * 400, None)
        assert link.publish("evt/yard", b"x", 1)
        assert [ack.taken for ack in answers(link, 1)] == [True]
        assert told == []


def test_a_broker_that_retains_nothing_is_given_nothing_to_retain(brokers: Brokers) -> None:
    broker = brokers("allow_anonymous true\nretain_available false")
    broker.start()
    ear = Ear(broker.port)
    with linked(at(broker)) as (link, told):
        assert until(lambda: link.up)
        assert until(lambda: ear.said("/status") and ear.said("/info"))
    ear.close()
    assert [notice.why for notice in told if notice.what == "lost"] == [
        "the broker refused us: Retain not supported; nothing is retained from now on"
    ]


def test_a_broker_without_qos_1_is_told_as_what_it_is(brokers: Brokers) -> None:
    broker = brokers("allow_anonymous true\nmax_qos 0")
    broker.start()
    with linked(at(broker)) as (link, told):
        assert until(lambda: told)
        assert not link.up
        assert "QoS not supported; without QoS 1 nobody knows what has arrived" in told[0].why


def test_a_broker_of_before_mqtt_5_is_spoken_to_in_its_own(broker: Broker, ear: Ear) -> None:
    with witnessed(broker) as proxy:
        proxy.is_old = True
        with linked(config_for(proxy)) as (link, told):
            assert until(lambda: link.up)
            assert link.publish("evt/yard", b'{"n": 7}', 1)
            assert answers(link, 1) == [Ack(1, 0)]
    assert [visit.level for visit in proxy.visits] == [0, 4]
    assert told[0].why == (
        "the broker refused us: Unsupported protocol version; MQTT 3.1.1 is tried"
    )
    assert until(lambda: [m["s"] for m in ear.said("/status")] == ["online", "stopped"])


@contextmanager
def witnessed(broker: Broker) -> Iterator[Proxy]:
    proxy = Proxy("127.0.0.1", free_port(), broker.port)
    proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()


def config_for(proxy: Proxy) -> MqttConfig:
    return msgspec.structs.replace(CONFIG, port=proxy.port)


def test_why_there_is_no_connection_is_told() -> None:
    with linked(msgspec.structs.replace(CONFIG, port=free_port())) as (_, told):
        assert until(lambda: told)
        assert told[0].why == "no connection: [Errno 111] Connection refused"
    with linked(msgspec.structs.replace(CONFIG, host="nowhere.invalid")) as (_, told):
        assert until(lambda: told)
        assert told[0].why.startswith("no connection: no such name (")


def authority(folder: Path, host: str) -> None:
    """Make a CA, and a certificate for ``host``, with the openssl program."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    openssl("req", *new[:5], "-keyout", "key.pem", "-out", "csr.pem", "-subj", f"/CN={host}")
    (folder / "names").write_text(f"subjectAltName={host}")
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
    openssl("x509", "-req", "-in", "csr.pem", *signed, "-extfile", "names", "-out", "cert.pem")
    for name in ("key.pem", "cert.pem", "ca.pem"):
        (folder / name).chmod(0o644)


TLS = (
    "allow_anonymous true\ncafile {folder}/ca.pem\n"
    "certfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n"
)


# paho does not close the socket of a failed handshake; it goes with the client, a little later.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("host", "welcome"), [("IP:127.0.0.1", True), ("DNS:other.example", False)]
)
def test_tls_with_an_own_ca_verifies_the_brokers_name(
    host: str, welcome: bool, brokers: Brokers
) -> None:
    broker = brokers(TLS)
    authority(broker.folder, host)
    broker.start()
    with linked(at(broker, tls=True, ca_file=str(broker.folder / "ca.pem"))) as (link, told):
        assert until(lambda: link.up or told)
        assert bool(link.up) is welcome
    gc.collect()


def test_a_client_certificate_is_shown_to_a_broker_that_demands_one(brokers: Brokers) -> None:
    broker = brokers(TLS + "require_certificate true")
    folder = broker.folder
    authority(folder, "IP:127.0.0.1")
    broker.start()
    ca = str(folder / "ca.pem")
    with linked(at(broker, tls=True, ca_file=ca)) as (link, told):
        assert until(lambda: told)
        assert not link.up
    (folder / "key.pem").chmod(0o600)
    own = {"cert_file": str(folder / "cert.pem"), "key_file": str(folder / "key.pem")}
    with linked(at(broker, tls=True, ca_file=ca, **own)) as (link, told):
        assert until(lambda: link.up)


def test_a_missing_certificate_is_told_and_tried_again_when_it_is_there() -> None:
    config = msgspec.structs.replace(CONFIG, port=free_port(), tls=True, ca_file="/nowhere/ca.pem")
    with linked(config) as (_, told):
        assert until(lambda: told)
        assert (
            told[0].why
            == "/nowhere/ca.pem: no such file; mqtt.ca_file must name the broker's CA, PEM"
        )
