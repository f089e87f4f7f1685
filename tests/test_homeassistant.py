"""What Home Assistant is told: one message of what there is, one a camera of how it stands."""

import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jsonschema import Draft202012Validator

from edgeagent import settings
from edgeagent.clock import ManualClock
from edgeagent.config import (
    CameraConfig,
    CommandsConfig,
    Config,
    EventsConfig,
    HealthConfig,
    HomeAssistantConfig,
    LineConfig,
    ModelConfig,
    PageConfig,
    ZoneConfig,
)
from edgeagent.conflicts import ENTITIES_MAX
from edgeagent.errors import ConfigError
from edgeagent.event import Event, MotionPart, Source, When
from edgeagent.homeassistant.discovery import (
    components,
    config_topic,
    discovery,
    encoded,
    page_url,
    stubs,
)
from edgeagent.homeassistant.standing import STATES, Standing
from edgeagent.identity import Identity
from edgeagent.wire.device import info_fields, state_fields, status_fields
from edgeagent.wire.json import encode, to_json
from tests.wires import validator

SCHEMA = json.loads((Path(__file__).parent / "home" / "discovery.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
CORNERS = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
DOOR = CameraConfig(
    name="door",
    zone=[
        ZoneConfig(name="mat", polygon=CORNERS),
        ZoneConfig(name="road", polygon=CORNERS, labels=["car"]),
        ZoneConfig(name="tree", polygon=CORNERS, kind="ignore"),
    ],
    line=[LineConfig(name="gate", start=(0.0, 0.0), end=(1.0, 1.0))],
)
CONFIG = Config(
    device="porch",
    camera=[DOOR, CameraConfig(name="yard")],
    homeassistant=HomeAssistantConfig(enabled=True, labels=["person", "teddy bear"]),
    commands=CommandsConfig(allow=["ping", "look", "pause", "resume", "restart"]),
)
WHEN = When(1, 1_700_000_000_000, True, "k")


def told(config: Config = CONFIG, **gone: str) -> dict[str, Any]:
    """Return the message as Home Assistant decodes it, when it would take it."""
    message: dict[str, Any] = json.loads(encoded(discovery(config, config.camera, "a Pi", gone)))
    VALIDATOR.validate(message)
    return message


def but(**changed: Any) -> Config:  # noqa: ANN401
    return msgspec.structs.replace(CONFIG, **changed)


def rendered(template: str, payload: bytes = b"null", **names: Any) -> str:  # noqa: ANN401
    """Return what a template makes of a message, in the same kind of sandbox."""
    made = ImmutableSandboxedEnvironment().from_string(template)
    return made.render(value_json=json.loads(payload), **names)


# --- what there is


def test_each_camera_has_what_it_sees_and_the_device_how_it_fares() -> None:
    assert list(told()["cmps"]) == [
        "problem", "cause", "temperature", "outbox", "engines", "restart",
        "door.motion", "door.person", "door.person.count", "door.teddy_bear",
        "door.teddy_bear.count", "door.zone.mat.person", "door.zone.mat.teddy_bear", "door.last",
        "door.state", "door.event", "door.pause", "door.resume", "door.look",
        "yard.motion", "yard.person", "yard.person.count", "yard.teddy_bear",
        "yard.teddy_bear.count", "yard.last", "yard.state", "yard.event",
        "yard.pause", "yard.resume", "yard.look",
    ]  # fmt: skip


def test_the_committed_schema_can_refuse() -> None:
    good = told()
    breaks: tuple[Callable[[Any], object], ...] = (
        lambda m: m.pop("o"),
        lambda m: m["cmps"]["door.motion"].pop("uniq_id"),
        lambda m: m["cmps"]["door.motion"].update(stat_t="edge/#"),
        lambda m: m["cmps"]["temperature"].update(dev_cla="enum"),
        lambda m: m["cmps"]["restart"].update(stat_t="edge"),
    )
    for break_it in breaks:
        bad = json.loads(json.dumps(good))
        break_it(bad)
        assert not VALIDATOR.is_valid(bad)


def test_no_two_entities_share_an_id_and_none_changes_with_what_is_added() -> None:
    before, after = told(but(camera=[DOOR])), told()
    ids = [one["uniq_id"] for one in after["cmps"].values()]
    assert len(set(ids)) == len(ids)
    assert before["cmps"].items() <= after["cmps"].items()
    assert encoded(discovery(CONFIG, CONFIG.camera, "a Pi", {})) == encoded(
        discovery(CONFIG, CONFIG.camera, "a Pi", {})
    )


def test_buttons_are_there_only_for_orders_that_are_allowed() -> None:
    allowed = told(but(commands=CommandsConfig(allow=["ping", "resume"])))["cmps"]
    assert [name for name, one in allowed.items() if one["p"] == "button"] == [
        "door.resume",
        "yard.resume",
    ]


def test_labels_that_are_never_said_have_no_entities() -> None:
    some = components(but(events=EventsConfig(labels=["person"])), CONFIG.camera)
    assert "door.person" in some
    assert "door.teddy_bear" not in some
    none = components(but(model=ModelConfig(name="")), CONFIG.camera)
    assert [name for name in none if name.startswith("yard.")] == [
        "yard.motion", "yard.state", "yard.pause", "yard.resume", "yard.look",
    ]  # fmt: skip


def test_a_zone_with_labels_of_its_own_counts_only_those() -> None:
    home = HomeAssistantConfig(enabled=True, labels=["car"])
    named = [n for n in components(but(homeassistant=home), [DOOR]) if ".zone." in n]
    assert named == ["door.zone.mat.car", "door.zone.road.car"]


def test_figures_that_are_never_said_have_no_entities() -> None:
    assert "problem" not in components(but(health=HealthConfig(stat_s=0)), [])


def test_two_sites_may_have_a_device_of_the_same_name() -> None:
    here, there = but(site="home"), but(site="cabin")
    assert config_topic(here) == "homeassistant/device/home/porch/config"
    assert config_topic(here) != config_topic(there)
    assert told(here)["dev"]["ids"] != told(there)["dev"]["ids"]


@pytest.mark.parametrize(
    ("page", "url"),
    [
        (PageConfig(enabled=True), ""),
        (PageConfig(enabled=False, address="192.0.2.7"), ""),
        (PageConfig(enabled=True, address="0.0.0.0"), ""),
        (PageConfig(enabled=True, address="192.0.2.7"), "http://192.0.2.7:8480/"),
        (
            PageConfig(enabled=True, address="::", hosts=["porch.lan"], cert_file="c"),
            "https://porch.lan:8480/",
        ),
        (PageConfig(enabled=True, address="2001:db8::7"), "http://[2001:db8::7]:8480/"),
    ],
)
def test_the_device_links_to_its_page_where_a_browser_elsewhere_finds_it(
    page: PageConfig, url: str
) -> None:
    assert page_url(but(page=page)) == url
    assert told(but(page=page))["dev"].get("cu", "") == url


def test_what_went_is_let_go_of_and_what_came_back_is_not() -> None:
    message = told(CONFIG, **{"cellar.motion": "binary_sensor", "door.motion": "binary_sensor"})
    assert message["cmps"]["cellar.motion"] == {"p": "binary_sensor"}
    assert "stat_t" in message["cmps"]["door.motion"]


def test_what_went_can_be_shown_once_more_to_be_let_go_of() -> None:
    gone = {n: n.partition("_")[2] for n in ("a_button", "b_event", "c_sensor", "d_binary_sensor")}
    message = told(CONFIG, **gone)
    message["cmps"] |= stubs(CONFIG, gone)
    VALIDATOR.validate(message)
    assert message["cmps"]["a_button"]["uniq_id"] == "edgeagent.home.porch.a_button"


# --- what the settings may not ask


def faults(table: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings.parse(table)
    return list(caught.value.faults)


def test_an_encoding_that_home_assistant_does_not_read_is_refused() -> None:
    on = {"homeassistant": {"enabled": True}}
    settings.parse(on)
    settings.parse({"mqtt": {"encoding": "cbor"}})
    for encoding in ("cbor", "cloudevents", "cloudevents-binary"):
        (fault,) = faults({**on, "mqtt": {"encoding": encoding}})
        assert f"homeassistant.enabled: Home Assistant reads no {encoding}" in fault
        assert 'encoding = "json"' in fault


def test_a_label_that_would_end_its_template_is_refused() -> None:
    for label in ("a}}b", "{{ x }}", 'a"b', "a\\b", "{% x %}", ""):
        assert faults({"homeassistant": {"labels": [label]}})


def crowded(name: str, zones: int, labels: int) -> dict[str, Any]:
    """Return settings with 32 or fewer letters in each name."""
    named = [{"name": f"{n:02}{name}"[:32], "polygon": CORNERS} for n in range(zones)]
    return {
        "device": name,
        "site": name,
        "camera": [{"name": f"{n}{name}"[:32], "address": "a", "zone": named} for n in range(2)],
        "homeassistant": {"enabled": True, "labels": [f"{n}{name}" for n in range(labels)]},
        "commands": {"allow": ["ping", "look", "pause", "resume", "restart"]},
    }


def test_the_most_entities_there_may_be_fit_into_one_message_and_more_are_refused() -> None:
    config = settings.parse(crowded("pavement", 6, 5))
    assert ENTITIES_MAX * 0.9 < len(components(config, config.camera)) <= ENTITIES_MAX + 6
    assert len(encoded(discovery(config, config.camera, "Raspberry Pi 4 Model B", {}))) < 65536
    (fault,) = faults(crowded("pavement", 6, 6))
    assert "labels for each camera and zone make some 110 entities; at most 100" in fault


def test_names_so_long_that_they_do_not_fit_are_said_with_the_cure() -> None:
    config = settings.parse(crowded("x" * 32, 6, 5))
    with pytest.raises(ValueError, match=r"at most; name fewer homeassistant.labels, or shorter"):
        encoded(discovery(config, config.camera, "Raspberry Pi 4 Model B", {}))


# --- how a camera stands


def source(name: str = "door") -> Source:
    return Source(name)


def moved(phase: str) -> Event:
    part = MotionPart(phase, 0.1, (0.5, 0.5), 0, 0.1, 1.0, bytes(48))
    return Event("motion", WHEN, source(), motion=part)


def seen(phase: str, track: int = 1, label: str = "person", **counts: int) -> Event:
    names, tracks = ((label, 0.8125),), ((track, phase),)
    box = ((0.0, 0.0, 1.0, 1.0),)
    return Event("object", WHEN, source(), names, box, tracks=tracks, counts=counts)


def visited(phase: str, track: int = 1, zone: str = "mat", label: str = "person") -> Event:
    names, tracks = ((label, 0.8125),), ((track, phase),)
    return Event("zone", WHEN, source(), names, tracks=tracks, zone=zone, durations_s=(1.0,))


def stands(*events: Event, zones: tuple[str, ...] = ("mat",)) -> dict[str, Any]:
    """Return how a camera stands after ``events``, as the wire says it and its schema allows."""
    standing = Standing()
    for event in events:
        standing.take(event)
    payload = encode("state", state_fields("porch", "door", standing.fields(zones), 1))
    fields: dict[str, Any] = json.loads(payload)
    validator("state").validate(fields)
    return fields


def test_motion_lasts_until_its_episode_is_over() -> None:
    assert stands(moved("in"))["mov"] is True
    assert stands(moved("in"), moved("on"))["mov"] is True
    assert stands(moved("in"), moved("out"))["mov"] is False


def test_counts_are_those_of_the_last_event_and_the_last_label_is_the_last_that_came() -> None:
    two = stands(seen("in", person=1), seen("in", 2, "dog", person=1, dog=1))
    assert (two["n"], two["last"]) == ({"person": 1, "dog": 1}, ["dog", 0.812])
    none = stands(seen("in", person=1), seen("out"))
    assert (none["n"], none["last"]) == ({}, ["person", 0.812])


def test_who_is_in_a_zone_is_counted_by_track() -> None:
    both = stands(visited("in", 1), visited("in", 2), visited("in", 2))
    assert both["zn"] == {"mat": {"person": 2}}
    assert stands(visited("in", 1), visited("out", 1))["zn"] == {"mat": {}}


def test_a_zone_that_is_no_more_is_forgotten_with_who_was_in_it() -> None:
    standing = Standing()
    standing.take(visited("in", 1))
    assert "zn" not in standing.fields([])
    assert standing.fields(["mat"])["zn"] == {"mat": {}}


def test_another_agent_knows_nothing_of_what_was_in_view() -> None:
    standing = Standing()
    for event in (moved("in"), seen("in", person=1), visited("in")):
        standing.take(event)
    standing.begin()
    told = standing.fields(["mat"])
    assert (told["mov"], told["n"], told["zn"]) == (False, {}, {"mat": {}})
    assert told["last"][0] == "person"


def test_what_says_nothing_of_the_present_is_of_no_account() -> None:
    looked = Event("look", WHEN, source(), counts={"person": 9})
    assert not Standing().take(looked)
    assert stands(looked)["n"] == {}


def test_the_states_of_the_code_the_schema_and_home_assistant_are_the_same() -> None:
    text = resources.files("edgeagent.wire").joinpath("state.schema.json").read_text()
    assert json.loads(text)["properties"]["s"]["enum"] == list(STATES)
    assert told()["cmps"]["door.state"]["ops"] == list(STATES)


# --- its templates, on messages of ours


@cache
def template(name: str, key: str = "val_tpl") -> str:
    found: str = told()["cmps"][name][key]
    return found


def state_of(*events: Event) -> bytes:
    return json.dumps(stands(*events)).encode()


@pytest.mark.parametrize(
    ("name", "events", "shown"),
    [
        ("door.motion", [moved("in")], "ON"),
        ("door.motion", [], "OFF"),
        ("door.person", [seen("in", person=1)], "ON"),
        ("door.person", [], "OFF"),
        ("door.person.count", [seen("in", person=3)], "3"),
        ("door.person.count", [], "0"),
        ("door.teddy_bear", [msgspec.structs.replace(seen("in"), counts={"teddy bear": 1})], "ON"),
        ("door.zone.mat.person", [visited("in")], "ON"),
        ("door.zone.mat.person", [visited("in"), visited("out")], "OFF"),
        ("door.last", [seen("in", label="dog", dog=1)], "dog"),
        ("door.last", [], "None"),
        ("door.state", [], "opening"),
    ],
)
def test_the_state_of_a_camera_is_read_as_it_is(name: str, events: list[Event], shown: str) -> None:
    assert rendered(template(name), state_of(*events)) == shown


def test_what_the_broker_kept_of_older_settings_is_read_too() -> None:
    old = b'{"s": "watched", "mov": false, "n": {}}'
    assert rendered(template("door.zone.mat.person"), old) == "OFF"
    assert rendered(template("door.zone.mat.person"), b'{"zn": {"lawn": {}}}') == "OFF"
    assert json.loads(rendered(template("door.last", "json_attr_tpl"), old)) == {"score": None}


def test_how_sure_it_was_of_the_last_label_stands_beside_it() -> None:
    attributes = rendered(template("door.last", "json_attr_tpl"), state_of(seen("in", person=1)))
    assert json.loads(attributes) == {"score": 0.812}


def on_the_wire(event: Event, hist: bool = False) -> bytes:
    return to_json(event, Identity("porch", "1-aaaaaaaa", 1, 0), ManualClock(), "k", hist)


def happened(event: Event, hist: bool = False) -> dict[str, Any]:
    text = rendered(template("door.event"), on_the_wire(event, hist))
    return json.loads(text) if text else {}


def test_who_comes_goes_enters_and_crosses_is_an_event() -> None:
    came = happened(seen("in", person=1))
    assert (came["event_type"], came["labels"]) == ("came", ["person"])
    assert happened(seen("out"))["event_type"] == "went"
    entered = happened(visited("in"))
    assert (entered["event_type"], entered["zone"]) == ("entered", "mat")
    assert happened(visited("out"))["event_type"] == "left"
    crossed = Event("cross", WHEN, source(), (("car", 0.5),), tracks=((1, "out"),), line="gate")
    assert happened(crossed)["event_type"] == "crossed_out"
    types = told()["cmps"]["door.event"]["evt_typ"]
    assert types == ["came", "went", "entered", "left", "crossed_in", "crossed_out"]
    assert told()["cmps"]["yard.event"]["evt_typ"] == ["came", "went"]


def test_what_came_and_what_went_in_one_frame_are_both_told() -> None:
    names, tracks = (("dog", 0.9), ("cat", 0.8), ("cow", 0.7)), ((1, "out"), (2, "in"), (3, "on"))
    both = happened(Event("label", WHEN, source(), names, tracks=tracks))
    assert (both["event_type"], both["labels"], both["others_went"]) == ("came", ["cat"], ["dog"])


def test_what_only_goes_on_or_is_old_or_is_motion_is_no_event() -> None:
    assert happened(seen("on", person=1)) == {}
    assert happened(seen("in", person=1), hist=True) == {}
    assert happened(moved("in")) == {}


@pytest.mark.parametrize(("state", "shown"), [("online", "online"), ("stopped", "offline")])
def test_a_device_that_stopped_is_not_available(state: str, shown: str) -> None:
    (device,) = told()["avty"]
    assert device["t"] == "edge/v1/home/porch/status"
    payload = encode("status", status_fields("porch", state, 1))
    assert rendered(device["val_tpl"], payload) == shown


def test_a_camera_that_nobody_looks_through_is_not_available() -> None:
    entity = told()["cmps"]["door.motion"]
    assert entity["avty_mode"] == "all"
    camera = entity["avty"][1]["val_tpl"]
    for state in STATES:
        payload = json.dumps({"s": state}).encode()
        assert rendered(camera, payload) == ("online" if state == "watched" else "offline")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"engines": ["cpu", "tpu"]}, "cpu, tpu"),
        ({}, "nothing"),
    ],
)
def test_what_it_runs_on_is_that_of_info(fields: dict[str, Any], shown: str) -> None:
    assert rendered(template("engines"), encode("info", info_fields(fields))) == shown


def test_figures_that_a_board_has_not_are_unknown_and_a_cause_is_named() -> None:
    stat = b'{"s": "fault", "g": {"outbox_depth": 7}, "f": {"disk": "full", "link": "x"}}'
    well = b'{"s": "ok", "g": {"soc_c": 41.2}, "f": {}}'
    assert rendered(template("temperature"), stat) == "None"
    assert rendered(template("temperature"), well) == "41.2"
    assert rendered(template("outbox"), stat) == "7"
    assert rendered(template("problem"), stat) == "ON"
    assert rendered(template("problem"), well) == "OFF"
    assert rendered(template("cause"), stat) == "disk: full"
    assert rendered(template("cause"), well) == "none"


def test_a_press_is_an_order_with_an_id_of_its_own_and_a_minute_to_be_done_in() -> None:
    class Now:
        def timestamp(self) -> float:
            return 1_700_000_000.5

    orders = [json.loads(rendered(template("door.pause", "cmd_tpl"), now=Now)) for _ in range(3)]
    assert len({order["id"] for order in orders}) == 3
    assert orders[0]["exp"] == 1_700_000_060_500
    assert orders[0]["camera"] == "door"
    restart = json.loads(rendered(template("restart", "cmd_tpl"), now=Now))
    assert set(restart) == {"id", "exp"}
    assert told()["cmps"]["door.pause"]["cmd_t"] == "edge/v1/home/porch/cmd/pause"
