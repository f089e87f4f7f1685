"""Devices as they show themselves, and strangers who are no devices."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeagent.terminal import clean
from edgeagent.watch.fleet import MAX_DEVICES, MAX_EVENTS, Device, Fleet, Told
from edgeagent.watch.spark import BUCKET_S, Rate, sparkline
from edgeagent.watch.words import event_words

PREFIX = "edge/v1/{site}/{device}"
NOW_MS = 1_800_000_000_000


class Station:
    """Says things to a fleet as a device would."""

    def __init__(self, prefix: str = PREFIX) -> None:
        self.fleet = Fleet(prefix)
        self.now_s = 1000.0

    def say(
        self,
        rest: str,
        device: str = "door",
        site: str = "home",
        **message: Any,  # noqa: ANN401
    ) -> list[Told]:
        payload = json.dumps({"v": 1, "dev": device, **message}).encode()
        return self.fleet.hear(f"edge/v1/{site}/{device}/{rest}", payload, self.now_s, NOW_MS)

    def event(self, seq: int, device: str = "door", **message: Any) -> list[Told]:  # noqa: ANN401
        told = {"boot": "1-a", "seq": seq, "low": seq, "ts": NOW_MS, "tsq": 1, "k": "object"}
        return self.say("evt/front", device, **{**told, "cam": "front", **message})

    @property
    def device(self) -> Device:
        (device,) = self.fleet.devices.values()
        return device


@pytest.fixture
def station() -> Station:
    return Station()


def test_a_device_is_what_its_info_says(station: Station) -> None:
    station.say("info", agent="0.1.0", board="Raspberry Pi 5", engines=["tpu"],
                models={"coco16-320": "c5805c0d"}, cameras=["front", "yard"])  # fmt: skip
    device = station.device
    assert (device.where, device.version, device.engines) == ("home/door", "0.1.0", ["tpu"])
    assert list(device.cameras) == ["front", "yard"]


def test_birth_and_will_are_news_but_for_what_was_so_when_we_came(station: Station) -> None:
    assert station.say("status", s="online") == []
    assert station.say("status", s="online") == []
    (told,) = station.say("status", s="offline")
    assert (told.kind, told.words, told.news) == ("offline", "the broker lost it", True)
    assert station.device.link == "offline"


def test_faults_are_news_when_they_come_and_when_they_go(station: Station) -> None:
    (told,) = station.say("stat", c={}, g={"outbox_depth": 12}, f={"disk": "full"})
    assert (told.kind, told.words) == ("fault", "disk: full")
    assert station.say("stat", c={}, g={}, f={"disk": "full"}) == []
    (told,) = station.say("stat", c={}, g={}, f={})
    assert (told.kind, told.words) == ("well", "disk is well again")
    assert station.device.pending == 12


def test_what_is_lost_is_news(station: Station) -> None:
    station.event(0)
    (event, lost) = station.event(5)
    assert event.kind == "object"
    assert (lost.kind, lost.words) == ("lost", "4 events never came, and no gap names them")
    assert station.device.ledger.lost == 4


def test_a_gap_that_names_them_is_no_loss(station: Station) -> None:
    station.event(0)
    named: dict[str, Any] = {"from": 1, "to": 4}
    station.say("sys", k="gap", boot="1-a", seq=5, low=1, ts=NOW_MS, tsq=1, why="full", **named)
    assert [told.kind for told in station.event(6)] == ["object"]


def test_an_event_without_a_set_clock_has_the_time_of_its_arrival(station: Station) -> None:
    (told,) = station.event(0, ts=5, tsq=0)
    assert told.at_ms == NOW_MS


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("edge/v1/home/door/evt/front", b"no json"),
        ("edge/v1/home/door/evt/front", b"[1, 2]"),
        ("edge/v1/home/door/evt/front", b'{"seq": -1, "low": 0, "k": "x", "boot": "a"}'),
        ("edge/v1/home/door/evt/front", b'{"seq": true, "low": 0, "k": "x", "boot": "a"}'),
        ("edge/v1/home/door/evt/front", b'{"seq": 1' + b"0" * 5000 + b"}"),
        ("edge/v1/home/door/evt/front", b"[" * 60000),
        ("edge/v1/home/door/evt/front", b"x" * 70000),
        ("somewhere/else", b"{}"),
    ],
)
def test_what_is_no_message_of_ours_is_passed_over(
    station: Station, topic: str, payload: bytes
) -> None:
    assert station.fleet.hear(topic, payload, 0.0, NOW_MS) == []
    assert station.fleet.events == 0


def test_a_prefix_without_names_takes_the_device_from_the_message() -> None:
    fleet = Fleet("plant")
    fleet.hear("plant/status", b'{"dev": "pi", "s": "online"}', 0.0, NOW_MS)
    assert [device.where for device in fleet.devices.values()] == ["pi"]


def test_a_flood_of_names_is_bounded(station: Station) -> None:
    for number in range(MAX_DEVICES + 50):
        station.event(0, f"device{number}")
    assert len(station.fleet.devices) == MAX_DEVICES
    assert len(station.fleet.told) == MAX_EVENTS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = (
    "k cam boot seq low ts tsq cls box trk n mot vec why name from to of prev dur zone line per "
    "s agent engines models cameras g f hist dev"
)
MESSAGES = st.dictionaries(st.sampled_from(KEYS.split()), JSON, max_size=10)
KINDS = st.sampled_from(["gap", "start", "count", "zone", "cross", "look", "object", "\x1b[2J"])
TOPICS = st.sampled_from(["info", "stat", "status", "sys", "evt/a"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MESSAGES, KINDS, TOPICS)
def test_whatever_a_stranger_says_is_harmless(
    message: dict[str, Any], kind: str, rest: str
) -> None:
    station = Station()
    whole = {**message, "boot": "1-a", "seq": 3, "low": 3, "k": kind}
    station.say(rest, **message)
    for told in station.say("evt/a", **{name: whole[name] for name in whole if name != "dev"}):
        text = "".join((told.device, told.camera, told.kind, told.words))
        assert clean(text) == text


# --- an event in words


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            {"k": "object", "cls": [["person", 0.823]], "trk": [[3, "in"]]},
            "in person #3 0.82",
        ),
        ({"k": "motion", "mot": {"ph": "in", "area": 0.175, "dir": 92, "dur": 1.2}},
         "in  ↓ 17.5 % of the frame, for 1 s"),
        ({"k": "vector", "vec": "AAAA", "trk": [[3, "in"]], "cls": [["person", 0.8]]},
         "a vector of in person #3 0.80"),
        ({"k": "cross", "line": "gate", "cls": [["car", 0.5]], "trk": [[1, "out"]]},
         "out car #1 0.50 across gate"),
        ({"k": "zone", "zone": "path", "cls": [["car", 0.5]], "trk": [[1, "out"]], "dur": [4.7]},
         "out car #1 0.50 path after 5 s"),
        ({"k": "count", "n": {"person": 24, "car": 1}, "per": 60.0},
         "24 person, 1 car new within 60 s"),
        ({"k": "gap", "from": 3, "to": 9, "why": "full"}, "3 to 9 were dropped: full"),
        ({"k": "start", "prev": ["1-a", 9, "power"]}, "the run before lost power"),
        ({"k": "start", "prev": ["", -1, "none"]}, "for the first time"),
        ({"k": "link_lost", "why": "no answer"}, "no answer"),
        ({"k": "look", "n": {}, "cls": []}, "nothing"),
        ({"k": "object", "cls": [["a", 0.1]] * 6}, "a 0.10, a 0.10, a 0.10, a 0.10, and 2 more"),
    ],
)  # fmt: skip
def test_an_event_is_told_in_words(message: dict[str, Any], words: str) -> None:
    assert event_words(message) == words


# --- rates


def test_a_rate_forgets_after_five_minutes() -> None:
    rate = Rate()
    for _ in range(6):
        rate.count(100.0)
    assert rate.per_minute(130.0) == 6
    assert rate.per_minute(190.0) == 0
    assert sum(rate.lately(390.0)) == 6
    assert sum(rate.lately(500.0)) == 0


def test_a_sparkline_has_a_bar_for_what_there_is_and_none_for_nothing() -> None:
    assert sparkline([0, 1, 4, 8], 4) == " ▁▄█"
    assert sparkline([0, 1, 4, 8], 2) == "▁█"
    assert sparkline([], 4) == ""
    rate = Rate()
    rate.count(1000 * BUCKET_S)
    assert sparkline(rate.lately(1000 * BUCKET_S), 20) == " " * 19 + "▅"
