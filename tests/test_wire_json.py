import base64
import json
import os
from typing import Any

import pytest
from msgspec.structs import replace

from edgeagent import event
from edgeagent.bulletin import Bulletin, State
from edgeagent.clock import ManualClock
from edgeagent.event import Event, MotionPart, Source, VectorPart, When
from edgeagent.findings import (
    Box,
    Counts,
    Crossing,
    Detection,
    Notice,
    Phase,
    Told,
    Visit,
)
from edgeagent.identity import Identity
from edgeagent.wire.bounds import PAYLOAD_MAX_BYTES
from edgeagent.wire.device import (
    answer_fields,
    info_fields,
    seen_fields,
    stat_fields,
    status_fields,
)
from edgeagent.wire.fields import event_fields
from edgeagent.wire.json import encode, to_json
from tests.wires import everywhere, validator

KERNEL = "5f3a9c01"
CLOCK = ManualClock(mono_s=1000.0, wall_ms=1_700_000_000_000)
THEN = When(999_688, 1_699_999_999_688, True, KERNEL)
IDENTITY = Identity("porch-pi", "12-1a2b3c4d", 123_456, 123_450)
CAMERA = Source("front", "1a2b3c4d", "cpu", 23_456)
ONE = Event(
    "object",
    THEN,
    CAMERA,
    names=(("person", 0.8731),),
    boxes=((0.12345, 0.23456, 0.34567, 1.00001),),
    tracks=((17, "in"),),
    counts={"person": 1},
)


EVENT = validator("event")


def sent(told: Event, hist: bool = False, kernel: str = KERNEL, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    stored = event.decode(event.encode(told))
    clock = changes.get("clock", CLOCK)
    identity = changes.get("identity", IDENTITY)
    payload = to_json(stored, identity, clock, kernel, hist)
    fields = everywhere("event", event_fields(stored, identity, clock, kernel, hist))
    assert fields == json.loads(payload)
    assert b" " not in payload or "why" in fields
    return fields


def test_a_look_that_was_asked_for_says_who_asked_and_that_nothing_is_there() -> None:
    nothing = sent(event.from_glance("a1", [], CAMERA, THEN))
    assert (nothing["k"], nothing["name"], nothing["n"]) == ("look", "a1", {})
    assert "cls" not in nothing
    cat = Detection("cat", 0.81234, Box(-0.1, 0.2, 0.3, 0.4))
    seen = sent(event.from_glance("a1", [cat, cat], CAMERA, THEN))
    assert (seen["n"], seen["cls"][0], seen["box"][0]) == (
        {"cat": 2},
        ["cat", 0.812],
        [0.0, 0.2, 0.3, 0.4],
    )


def test_an_answer_is_bounded_whatever_is_in_view() -> None:
    crowd = seen_fields([Detection("p" * 99, 0.5, Box(0, 0, 1, 2))] * 99)
    saw = {f"camera-{n}": crowd for n in range(16)}
    answer = answer_fields("pi", "look", "i" * 64, {"ok": True, "saw": saw}, 1)
    assert len(encode("answer", answer)) < 65536
    everywhere("answer", answer)
    everywhere("answer", answer_fields("pi", "look", "a1", {"ok": False, "why": "x" * 999}, 1))


@pytest.mark.parametrize("later_ms", [-40, 0, 1000])
def test_a_look_at_the_main_stream_tells_how_much_later_it_was(later_ms: int) -> None:
    source = replace(CAMERA, later_ms=later_ms)
    assert sent(replace(ONE, source=source))["crop"] == later_ms
    assert "crop" not in sent(ONE)


def test_one_detection_says_all_and_stays_small() -> None:
    payload = to_json(ONE, IDENTITY, CLOCK, KERNEL)
    assert len(payload) <= 275
    assert sent(ONE) == {
        "v": 1,
        "ts": 1_699_999_999_688,
        "tsq": 1,
        "age": 312,
        "seq": 123_456,
        "low": 123_450,
        "boot": "12-1a2b3c4d",
        "dev": "porch-pi",
        "k": "object",
        "cam": "front",
        "model": "1a2b3c4d",
        "eng": "cpu",
        "inf": 235,
        "cls": [["person", 0.873]],
        "box": [[0.1235, 0.2346, 0.3457, 1.0]],
        "trk": [[17, "in"]],
        "n": {"person": 1},
    }


def test_five_detections_stay_under_the_first_sketch() -> None:
    five = Event(
        "object",
        THEN,
        CAMERA,
        names=ONE.names * 5,
        boxes=ONE.boxes * 5,
        tracks=ONE.tracks * 5,
        counts={"person": 5},
    )
    sent(five)
    assert len(to_json(five, IDENTITY, CLOCK, KERNEL)) <= 560


def test_what_is_not_set_is_not_sent() -> None:
    assert set(sent(Event("link_back", THEN))) == {
        "v", "ts", "tsq", "age", "seq", "low", "boot", "dev", "k",
    }  # fmt: skip
    assert "hist" not in sent(ONE)
    assert sent(ONE, hist=True)["hist"] is True
    assert sent(Event("label", THEN, CAMERA, hard=True))["hard"] is True


def test_low_is_never_above_the_event_itself() -> None:
    assert sent(ONE, identity=Identity("d", "1-00000000", 5, 9))["low"] == 5


def test_motion_goes_as_numbers_and_a_grid() -> None:
    grid = bytes(range(48))
    part = MotionPart("on", 0.0312, (0.5, 0.25), 90, 0.123, 4.5, grid)
    motion = sent(Event("motion", THEN, Source("front"), motion=part))["mot"]
    assert base64.b64decode(motion.pop("grid")) == grid
    assert motion == {
        "ph": "on", "area": 0.0312, "c": [0.5, 0.25], "dir": 90, "v": 0.123, "dur": 4.5,
    }  # fmt: skip


def test_crossings_visits_and_counts_name_their_places() -> None:
    cat = Detection("cat", 0.87654, Box(0.1, 0.1, 0.2, 0.2))
    told = Told(
        (Crossing("gate", Phase.OUT, 3, cat),),
        (Visit("yard", Phase.IN, 3, cat, 0.0), Visit("yard", Phase.OUT, 2, cat, 12.345)),
        Counts(60.0, {"cat": 2}, {"yard": {"cat": 1}}, {"gate": {"cat": 4}}, {"gate": {"dog": 1}}),
    )
    crossed, visited, counted = (sent(e) for e in event.from_told(told, Source("front"), THEN))
    assert [part["k"] for part in (crossed, visited, counted)] == ["cross", "zone", "count"]
    assert (crossed["line"], crossed["cls"], crossed["trk"]) == (
        "gate",
        [["cat", 0.877]],
        [[3, "out"]],
    )
    assert (visited["zone"], visited["trk"], visited["dur"]) == (
        "yard",
        [[3, "in"], [2, "out"]],
        [0.0, 12.3],
    )
    assert (counted["per"], counted["n"], counted["zn"], counted["ln"]) == (
        60.0,
        {"cat": 2},
        {"yard": {"cat": 1}},
        {"gate": {"cat": [4, 0], "dog": [0, 1]}},
    )


def test_many_crossings_are_told_in_portions_and_none_is_left_out() -> None:
    cat = Detection("cat", 0.9, Box(0.1, 0.1, 0.2, 0.2))
    told = Told(tuple(Crossing("gate", Phase.IN, n, cat) for n in range(250)))
    parts = [sent(e) for e in event.from_told(told, Source("front"), THEN)]
    assert [track for part in parts for track, _ in part["trk"]] == list(range(250))


def test_the_largest_count_there_can_be_fits_a_broker() -> None:
    places = {f"{n:02d}" + "z" * 30: {f"{m:02d}" + "ü" * 90: 10**6 for m in range(40)}
              for n in range(40)}  # fmt: skip
    labels = {f"{n:03d}" + "ü" * 90: 10**6 for n in range(200)}
    told = Told(counts=Counts(1e6, labels, places, places, places))
    (huge,) = event.from_told(told, Source("front"), THEN)
    fields = sent(huge)
    assert len(fields["zn"]) == len(fields["ln"]) == 16
    assert len(to_json(huge, IDENTITY, CLOCK, KERNEL)) < PAYLOAD_MAX_BYTES


@pytest.mark.parametrize(
    ("dtype", "short", "bytes_each"), [("uint8", "u8", 1), ("int8", "s8", 1), ("float32", "f32", 4)]
)
def test_a_vector_goes_as_the_model_gave_it(dtype: str, short: str, bytes_each: int) -> None:
    values = os.urandom(2048 * bytes_each)
    told = Event("vector", THEN, CAMERA, vector=VectorPart(values, dtype, 0.0123, -7))
    fields = sent(told)
    assert base64.b64decode(fields["vec"]) == values
    assert fields["vt"] == short
    assert ("scale" in fields) == (dtype != "float32")
    if dtype != "float32":
        assert (fields["scale"], fields["zp"]) == (0.0123, -7)


def test_a_vector_of_more_values_than_allowed_is_refused() -> None:
    told = Event("vector", THEN, CAMERA, vector=VectorPart(bytes(2049), "uint8", 1.0, 0))
    with pytest.raises(ValueError, match="2049 values is over the 2048"):
        to_json(told, IDENTITY, CLOCK, KERNEL)


def test_an_untrusted_time_is_sent_as_such_with_what_mends_it() -> None:
    clock = ManualClock(mono_s=60.0, wall_ms=60_000)
    clock.is_trusted = False
    fields = sent(Event("start", When(50_000, 50_000, False, KERNEL), previous=("", -1, "none")),
                  clock=clock)  # fmt: skip
    assert (fields["ts"], fields["tsq"], fields["age"]) == (50_000, 0, 10_000)
    assert (fields["mono"], fields["kb"]) == (50_000, KERNEL)


def test_an_untrusted_time_is_corrected_once_the_clock_is_set() -> None:
    clock = ManualClock(mono_s=60.0, wall_ms=1_700_000_060_000)
    fields = sent(Event("label", When(50_000, 7, False, KERNEL), CAMERA), clock=clock)
    assert (fields["ts"], fields["tsq"]) == (1_700_000_050_000, 2)
    assert "mono" not in fields


def test_a_time_of_another_kernel_boot_cannot_be_corrected() -> None:
    clock = ManualClock(mono_s=60.0, wall_ms=1_700_000_060_000)
    fields = sent(Event("label", When(50_000, 7, False, "00000000"), CAMERA), clock=clock)
    assert (fields["ts"], fields["tsq"], fields["kb"]) == (7, 0, "00000000")
    assert "age" not in fields


def test_the_age_of_a_trusted_time_spans_kernel_boots() -> None:
    then = When(5, 1_699_999_000_000, True, "00000000")
    assert sent(Event("label", then, CAMERA))["age"] == 1_000_000


def test_start_gap_and_notices_name_their_cause() -> None:
    start = sent(Event("start", THEN, previous=("11-00000000", 99, "killed")))
    assert start["prev"] == ["11-00000000", 99, "killed"]
    own = Event("gap", THEN, why="full", name="12-1a2b3c4d", first=3, last=9)
    assert "of" not in sent(own)
    other = sent(Event("gap", THEN, why="damaged", name="11-00000000", first=0, last=0))
    assert (other["from"], other["to"], other["why"], other["of"]) == (
        0,
        0,
        "damaged",
        "11-00000000",
    )
    lost = sent(event.from_notice(Notice("camera", "lost", "w" * 500, "front"), THEN))
    assert (lost["cam"], len(lost["why"])) == ("front", 200)
    assert (
        sent(event.from_notice(Notice("engine", "lost", "gone", "apex_0"), THEN))["name"]
        == "apex_0"
    )


@pytest.mark.parametrize("what", ["lost", "back", "slow", "well"])
def test_what_happens_to_an_edge_tpu_names_it_and_its_cause(what: str) -> None:
    told = sent(event.from_notice(Notice("tpu", what, "hang: " + "w" * 500, "usb:0"), THEN))
    assert (told["k"], told["name"], told["why"][:5]) == (f"tpu_{what}", "usb:0", "hang:")


@pytest.mark.parametrize("engine", ["cpu", "tpu", "sim", "scripted"])
def test_an_event_says_what_answered(engine: str) -> None:
    assert sent(replace(ONE, source=replace(CAMERA, engine=engine)))["eng"] == engine


def test_the_largest_event_there_can_be_fits_a_broker() -> None:
    names = tuple((f"{n:03d}" + "ü" * 90, 0.123456) for n in range(300))
    huge = Event(
        "object",
        When(1, 1, False, KERNEL),
        CAMERA,
        names=names,
        boxes=((-0.5, 0.33333, 0.66666, 1.5),) * 300,
        tracks=((2**40, "out"),) * 300,
        counts={name: 10**6 for name, _ in names},
        why="x" * 200,
    )
    fields = sent(huge, clock=ManualClock(mono_s=1.0, wall_ms=1))
    assert len(fields["cls"]) == len(fields["box"]) == len(fields["trk"]) == len(fields["n"]) == 100
    assert fields["box"][0] == [0.0, 0.3333, 0.6667, 1.0]
    assert len(to_json(huge, IDENTITY, CLOCK, KERNEL)) < PAYLOAD_MAX_BYTES / 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"picture": "AAAA"},
        {"vec": "A" * 20000, "vt": "f32"},
        {"vec": "A" * 4000, "vt": "u8", "scale": 1.0, "zp": 0},
        {"why": "x" * 201},
        {"box": [[0, 0, 1, 1.2]]},
        {"tsq": 0},
        {"from": 1, "to": 2},
        {"zone": "z" * 65},
        {"dur": [-1]},
        {"ln": {"gate": {"cat": [1]}}},
        {"k": "zone"},
        {"k": "cross"},
        {"k": "count"},
    ],
)
def test_the_schema_bounds_every_field(wrong: dict[str, Any]) -> None:
    fields = sent(ONE)
    assert EVENT.is_valid(fields)
    assert not EVENT.is_valid(fields | wrong)


def test_status_info_and_stat_keep_to_their_schemas() -> None:
    status = everywhere("status", status_fields("porch-pi", "online", 1_700_000_000_000))
    assert status == {"v": 1, "ts": 1_700_000_000_000, "dev": "porch-pi", "s": "online"}
    states = {"disk": State(), "engine.a": State("fault", "none", "y" * 300, "mend it", 61.7)}
    bulletin = Bulletin(
        "porch-pi", "0.1", 9.0, states, {"frames_total.front": 7}, {"outbox_depth": 1 / 3}
    )
    stat = everywhere("stat", stat_fields(bulletin, 5))
    assert stat["c"] == {"frames_total.front": 7}
    assert stat["g"] == {"outbox_depth": 0.333}
    assert (stat["s"], stat["h"]) == ("fault", {"disk": 0, "engine.a": 2})
    assert (len(stat["f"]["engine.a"]), stat["e"]) == (200, {"engine.a": ["none", 62]})
    facts = {"ts": 5, "dev": "porch-pi", "boot": "1-00000000", "agent": "0.1", "cameras": ["front"]}
    everywhere("info", info_fields(facts))


def test_a_payload_no_broker_would_take_is_refused() -> None:
    with pytest.raises(ValueError, match="over the 65536"):
        encode("info", info_fields({"dev": "x" * 70000}))
