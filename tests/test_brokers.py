"""What follows from the name of a broker, and what goes against it."""

import re
import tomllib
from typing import Any

import pytest
from msgspec import inspect

from edgeagent.brokers import PROFILES, personal
from edgeagent.brokers.known import ANY
from edgeagent.config import Config, MqttConfig
from edgeagent.errors import ConfigError
from edgeagent.mqtt.terms import terms_of
from edgeagent.settings import flat, parse

CERTIFICATE = {"cert_file": "door.pem", "key_file": "door.key"}
PASSWORD = {"username": "door", "password_file": "password"}
CLOUDS = ("aws-iot", "azure-event-grid", "emqx-serverless", "hivemq-cloud")
GOOD: dict[str, dict[str, Any]] = {
    "any": {},
    "mosquitto": {},
    "aws-iot": CERTIFICATE,
    "azure-event-grid": CERTIFICATE,
    "emqx": {},
    "emqx-serverless": PASSWORD,
    "hivemq": {},
    "hivemq-cloud": PASSWORD,
}


def mqtt(profile: str, **settings: object) -> dict[str, Any]:
    return {"profile": profile, "host": "broker.example", **GOOD[profile], **settings}


def read(profile: str, **settings: object) -> Config:
    camera = {"name": "yard", "address": "clip.mp4"}
    return parse({"device": "door", "camera": [camera], "mqtt": mqtt(profile, **settings)})


def faults(profile: str, **settings: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(profile, **settings)
    return [fault.removeprefix("settings: ") for fault in caught.value.faults]


def test_the_names_in_the_settings_are_those_that_are_known() -> None:
    (kind,) = (f.type for f in inspect.type_info(MqttConfig).fields if f.name == "profile")  # type: ignore[attr-defined]
    assert re.sub(r"[\^()$]", "", kind.type.pattern).split("|") == list(PROFILES)
    assert set(GOOD) == set(PROFILES)


def test_a_file_that_names_no_broker_is_read_as_it_stands() -> None:
    assert parse({}) == Config()
    assert Config().mqtt.profile == ANY


@pytest.mark.parametrize("profile", PROFILES)
def test_few_lines_are_enough_for_each_broker(profile: str) -> None:
    config = read(profile)
    assert config.mqtt.tls
    assert 0 < terms_of(config.mqtt).window <= 20


@pytest.mark.parametrize(
    ("profile", "settings", "follows"),
    [
        ("aws-iot", {}, {"port": 8883, "alpn": "", "client_id": "{device}", "backlog_per_s": 50}),
        ("aws-iot", {"port": 443}, {"port": 443, "alpn": "x-amzn-mqtt-ca"}),
        (
            "aws-iot",
            {"cert_file": "", "key_file": "", **PASSWORD},
            {"port": 443, "alpn": "mqtt"},
        ),
        ("aws-iot", {"websocket": "/mqtt"}, {"port": 443, "alpn": ""}),
        ("aws-iot", {"backlog_per_s": 20.0}, {"backlog_per_s": 20.0}),
        ("azure-event-grid", {}, {"port": 8883, "username": "{device}", "client_id": "{device}"}),
        ("azure-event-grid", {"websocket": "/mqtt"}, {"port": 443}),
        ("emqx", {}, {"port": 0, "client_id": "", "backlog_per_s": 200}),
        ("emqx-serverless", {}, {"port": 8883, "backlog_per_s": 5}),
        ("hivemq", {}, {"port": 0, "inflight": 10}),
        ("hivemq-cloud", {"websocket": "/mqtt"}, {"port": 8884, "inflight": 10}),
    ],
)
def test_what_the_file_leaves_out_is_as_the_broker_wants_it(
    profile: str, settings: dict[str, object], follows: dict[str, object]
) -> None:
    effective = dict(flat(read(profile, **settings)))
    assert {key: effective[f"mqtt.{key}"] for key in follows} == follows


def test_the_devices_name_is_filled_in() -> None:
    filled = personal(read("azure-event-grid"))
    assert (filled.client_id, filled.username) == ("door", "door")
    assert filled.prefix == "edge/v1/home/door"
    assert personal(read("any")).client_id == ""


@pytest.mark.parametrize(
    ("profile", "settings", "told"),
    [
        ("aws-iot", {"tls": False}, "mqtt.tls: AWS IoT Core takes nothing unencrypted; leave tls"),
        ("aws-iot", {"port": 1883}, "mqtt.port: AWS IoT Core listens on 443 or 8883; leave port"),
        ("aws-iot", {"host": "10.0.0.1"}, "mqtt.host: 10.0.0.1 is an address; AWS IoT Core knows"),
        (
            "aws-iot",
            {"port": 443, "alpn": "mqtt"},
            "mqtt.alpn: on port 443 AWS IoT Core wants 'x-amzn-mqtt-ca' with a certificate and "
            "'mqtt' with a password; leave alpn out",
        ),
        (
            "aws-iot",
            {"cert_file": "", "key_file": ""},
            "mqtt.cert_file: AWS IoT Core lets no stranger in; give cert_file and key_file or "
            "username and password_file",
        ),
        (
            "aws-iot",
            {"prefix": "a/b/c/d/e/f"},
            "mqtt.prefix: 'a/b/c/d/e/f' has more than 4 slashes; AWS IoT Core takes 7 in a topic",
        ),
        (
            "aws-iot",
            {"prefix": "{device}" * 16, "device": "d" * 32},
            "mqtt.prefix: makes topics of 549 bytes; AWS IoT Core takes 256 bytes; shorten it",
        ),
        ("aws-iot", {"inflight": 101}, "mqtt.inflight: 101 is too many; AWS IoT Core takes 100"),
        ("aws-iot", {"keepalive_s": 20}, "mqtt.keepalive_s: 20 s is out of bounds; AWS IoT Core"),
        (
            "aws-iot",
            {"backlog_per_s": 101},
            "mqtt.backlog_per_s: 101 is too fast; AWS IoT Core takes 100 messages a second",
        ),
        ("azure-event-grid", {"keepalive_s": 1200}, "mqtt.keepalive_s: 1200 s is out of bounds; "),
        ("azure-event-grid", {"protocol": "3.1.1"}, "mqtt.retain: Azure Event Grid hangs up on"),
        ("azure-event-grid", {"port": 1883}, "mqtt.port: Azure Event Grid listens on 443 or 8883"),
        ("emqx", {"port": 443}, "mqtt.port: EMQX listens on 1883 or 8083 or 8084 or 8883; leave"),
        ("emqx-serverless", {"password_file": ""}, "mqtt.username: EMQX Serverless lets no"),
        ("emqx-serverless", {"backlog_per_s": 200}, "mqtt.backlog_per_s: 200 is too fast; EMQX"),
        ("hivemq-cloud", {"tls": False}, "mqtt.tls: HiveMQ Cloud takes nothing unencrypted"),
        ("any", {"client_id": "{site}"}, "mqtt.client_id: {site} is not {device}"),
    ],
)
def test_what_the_broker_would_refuse_is_told_with_its_cure(
    profile: str, settings: dict[str, Any], told: str
) -> None:
    device = settings.pop("device", "door")
    with pytest.raises(ConfigError) as caught:
        parse({"device": device, "mqtt": mqtt(profile, **settings)})
    (fault,) = caught.value.faults
    assert fault.removeprefix("settings: ").startswith(told)


def test_all_that_is_wrong_is_told_at_once_and_where() -> None:
    text = """\
[mqtt]
profile = "aws-iot"
host = "192.0.2.1"
tls = false
port = 1883
inflight = 500
"""
    with pytest.raises(ConfigError) as caught:
        parse(tomllib.loads(text), "edge.toml", text)
    told = [fault.split(": ")[:2] for fault in caught.value.faults]
    assert told == [
        ["edge.toml:4", "mqtt.tls"],
        ["edge.toml:5", "mqtt.port"],
        ["edge.toml:3", "mqtt.host"],
        ["edge.toml", "mqtt.cert_file"],
        ["edge.toml:6", "mqtt.inflight"],
    ]


def test_a_port_of_the_owners_own_and_a_deep_topic_are_let_through() -> None:
    assert read("aws-iot", port=18883).mqtt.port == 18883
    assert read("azure-event-grid", prefix="a/b/c/d/e/f").mqtt.prefix == "a/b/c/d/e/f"
    assert read("aws-iot", host="").mqtt.host == ""


@pytest.mark.parametrize("profile", CLOUDS)
def test_a_cloud_is_never_spoken_to_by_a_stranger_or_in_clear(profile: str) -> None:
    nobody = dict.fromkeys((*CERTIFICATE, *PASSWORD), "")
    told = [fault.split(": ")[0] for fault in faults(profile, tls=False, **nobody)]
    assert told[0] == "mqtt.tls"
    assert told[1] in {"mqtt.cert_file", "mqtt.username"}
