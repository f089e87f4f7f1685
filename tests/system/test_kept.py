"""What a real broker is to keep for the device, and what the device follows there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt import publish

from edgeagent.config import MqttConfig
from edgeagent.mqtt import MqttLink, Words

from .conftest import Broker, Brokers, Ear, until
from .test_link import PASSWORDS, PREFIX, at, secret_file, with_password

WORDS = Words(PREFIX, "0123456789abcdef", lambda s: json.dumps({"s": s}).encode(), lambda: b"{}")
TOPIC = "homeassistant/device/home/door/config"
PATIENT_S = 40.0


@contextmanager
def started(link: MqttLink) -> Iterator[MqttLink]:
    link.start()
    try:
        yield link
    finally:
        link.stop()


def made(config: MqttConfig) -> MqttLink:
    return MqttLink(config, WORDS, lambda _: None, draw=lambda *_: 0.1)


def pumped(link: MqttLink) -> bool:
    """Do what the publisher does all the time; always false, for `until`."""
    link.acknowledged()
    return False


def keeps(broker: Broker, end: str) -> list[dict[str, str]]:
    """Return what somebody who comes now is told on topics that end so, up to ``status``."""
    late = Ear(broker.port)
    assert until(lambda: late.said("/status"), PATIENT_S)
    found = late.said(end)
    late.close()
    return found


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_is_kept_is_said_before_online_and_anew_to_a_broker_that_forgot(
    protocol: str, brokers: Brokers
) -> None:
    broker = brokers("allow_anonymous true")
    broker.start()
    link, order = made(at(broker, protocol=protocol)), list[str]()
    link.follow(TOPIC, lambda _payload, _retained: order.append("config"))
    link.follow(f"{PREFIX}/status", lambda _payload, _retained: order.append("status"))
    link.keep(TOPIC, b'{"n": "old"}')
    link.keep(TOPIC, b'{"n": "new"}')
    with started(link):
        assert until(lambda: order == ["config", "status"], PATIENT_S)
        broker.kill()
        for saved in broker.folder.glob("*.db"):
            saved.unlink()
        assert until(lambda: not link.up, PATIENT_S)
        broker.start()
        assert until(lambda: order[2:] == ["config", "status"], PATIENT_S)
        assert keeps(broker, "/config") == [{"n": "new"}]


def test_what_is_let_go_of_is_forgotten_when_the_broker_has_done_so(broker: Broker) -> None:
    link = made(at(broker))
    link.keep(TOPIC, b'{"n": "new"}')
    with started(link):
        assert until(lambda: link.up, PATIENT_S)
        link.keep(TOPIC, b"")
        assert link.kept() == {TOPIC: b""}
        assert until(lambda: pumped(link) or not link.kept(), PATIENT_S)
        assert keeps(broker, "/config") == []


def test_what_is_followed_is_heard_with_whether_it_was_retained(broker: Broker) -> None:
    heard = list[tuple[bytes, bool]]()
    publish.single("homeassistant/status", b"offline", 1, retain=True, port=broker.port)
    link = made(at(broker))
    link.follow("homeassistant/status", lambda *told: heard.append(told))
    with started(link):
        assert until(lambda: heard == [(b"offline", True)], PATIENT_S)
        publish.single("homeassistant/status", b"online", 1, port=broker.port)
        assert until(lambda: heard[1:] == [(b"online", False)], PATIENT_S)


def test_greeting_says_all_again_and_one_that_listens_badly_ends_nothing(
    broker: Broker, ear: Ear
) -> None:
    def fail(_payload: bytes, _retained: bool) -> None:
        raise ZeroDivisionError

    link = made(at(broker))
    link.keep(TOPIC, b'{"n": "new"}')
    link.follow("homeassistant/status", fail)
    with started(link):
        assert until(lambda: link.up, PATIENT_S)
        publish.single("homeassistant/status", b"online", 1, port=broker.port)
        link.greet()
        assert until(lambda: pumped(link) or len(ear.said(f"{PREFIX}/status")) == 2, PATIENT_S)
        assert len(ear.said("/config")) == len(ear.said("/info")) == 2
        assert link.up == 1


def test_a_refusal_is_told_once_and_kept_for_the_next_connection(
    brokers: Brokers, caplog: pytest.LogCaptureFixture
) -> None:
    broker = brokers("allow_anonymous true\nacl_file {folder}/acl")
    (broker.folder / "acl").write_text(f"topic write {PREFIX}/#\n")
    broker.start()
    link = made(at(broker))
    link.keep(TOPIC, b"")
    with started(link):
        assert until(lambda: link.up, PATIENT_S)
        link.keep(TOPIC, b"")
        assert until(lambda: pumped(link) or "mend its ACL" in caplog.text, PATIENT_S)
        assert link.kept() == {TOPIC: b""}
    assert caplog.text.count(f"does not take {TOPIC} from us") == 1


def test_the_acl_of_the_docs_lets_a_device_tell_of_itself_and_of_no_other(
    brokers: Brokers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = brokers(PASSWORDS + "\nacl_file {folder}/acl")
    docs = Path(__file__).parents[2] / "docs"
    pages = [(docs / name).read_text() for name in ("commands.md", "homeassistant.md")]
    rules = [page[page.index("\npattern ") :].split("```")[0] for page in pages]
    (broker.folder / "acl").write_text("".join(rules))
    with_password(broker)
    account = {"username": "door", "password_file": secret_file(tmp_path, "hunter2")}
    link = made(at(broker, **account))
    link.follow("homeassistant/status", lambda _payload, _retained: None)
    for topic in (TOPIC, f"{PREFIX}/state/yard", "homeassistant/device/home/yard/config"):
        link.keep(topic, b"")
    with started(link):
        assert until(lambda: pumped(link) or len(link.kept()) == 1, PATIENT_S)
        assert until(lambda: pumped(link) or "mend its ACL" in caplog.text, PATIENT_S)
    assert list(link.kept()) == ["homeassistant/device/home/yard/config"]
    assert "does not let us read" not in caplog.text
