"""The encodings beside JSON: sizes, that nothing is lost, and what strangers can do with one."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from cddl_verifier import Validator
from cddl_verifier.cbor import decode
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.event import Event, MotionPart, VectorPart
from edgeagent.wire import cbor, cloudevents
from edgeagent.wire import json as plain
from edgeagent.wire.encodings import encoder
from edgeagent.wire.fields import Fields, event_fields
from edgeagent.wire.reading import read
from scripts.benches.wire import Make, makers, payload_bytes
from scripts.cddl import cddl
from tests.test_wire_json import CAMERA, CLOCK, IDENTITY, KERNEL, ONE, THEN
from tests.wires import ENCODINGS, SOURCE, everywhere

CDDL = Path(cbor.__file__).with_name("messages.cddl")
NUMBERS = st.floats(0, 1e7).map(lambda x: round(x, 3)) | st.integers(0, 2**53)
TREES = st.recursive(
    NUMBERS | st.booleans() | st.text(max_size=9) | st.binary(max_size=9) | st.none(),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=3), part),
    max_leaves=20,
)


def fields_of(told: Event) -> Fields:
    return event_fields(told, IDENTITY, CLOCK, KERNEL)


def vector(dtype: str, values: bytes) -> Fields:
    part = VectorPart(values, dtype, struct.unpack("f", struct.pack("f", 0.0123))[0], 3)
    return fields_of(Event("vector", THEN, CAMERA, tracks=((17, "in"),), vector=part))


def test_the_cddl_that_ships_is_that_of_the_schemas() -> None:
    assert CDDL.read_text() == cddl(), "scripts/cddl makes it anew"


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        (0, 2),
        (9, cbor2.CBORTag(69, bytes(808))),
        (9, cbor2.CBORTag(64, bytes(8))),
        (10, cbor2.CBORTag(64, bytes(2049))),
        (10, bytes(16)),
        (7, {0: "in"}),
        (8, [["x" * 257, 0.5]]),
        (13, 3),
        (20, "x" * 801),
        (38, "AAAA"),
        ("picture", b"\xff\xd8\xff"),
    ],
)
def test_the_cddl_bounds_every_field(wrong: int | str, value: object) -> None:
    rules = Validator(CDDL.read_text())
    said = cbor2.loads(cbor.encode("event", fields_of(ONE)))
    assert rules.validate(cbor2.dumps(said), "event").valid
    assert not rules.validate(cbor2.dumps(said | {wrong: value}), "event").valid


@pytest.mark.parametrize(
    ("dtype", "tag", "size"), [("uint8", 64, 2048), ("int8", 72, 2048), ("float32", 85, 8192)]
)
def test_a_vector_is_a_typed_array_and_the_models_own_bytes(
    dtype: str, tag: int, size: int
) -> None:
    values = os.urandom(size)
    fields = vector(dtype, values)
    everywhere("event", fields)
    sent = cbor2.loads(cbor.encode("event", fields))
    assert sent[10] == cbor2.CBORTag(tag, values)
    assert sent.get(11) == fields.get("scale")


def test_a_grid_and_boxes_are_typed_arrays_too() -> None:
    motion = MotionPart("on", 0.0312, (0.5, 0.25), 90, 0.123, 4.5, bytes(range(48)))
    sent = cbor2.loads(
        cbor.encode("event", fields_of(Event("motion", THEN, CAMERA, motion=motion)))
    )
    assert sent[7][6] == cbor2.CBORTag(64, bytes(range(48)))
    boxes = cbor2.loads(cbor.encode("event", fields_of(ONE)))[9]
    assert boxes.tag == 69
    assert struct.unpack("<4H", boxes.value) == (8094, 15375, 22655, 65535)


@given(NUMBERS)
def test_a_number_comes_back_as_it_was(number: float) -> None:
    status = {"v": 1, "ts": 5, "dev": "pi", "s": "online", "g": {"one": number}}
    assert read(cbor.encode("stat", status)) == status


MOST_BYTES = {
    "one label": (217, 108, 388),
    "one box": (273, 132, 445),
    "five boxes": (501, 229, 673),
    "motion": (287, 153, 459),
    "count": (211, 113, 382),
    "vector, 128 u8": (420, 237, 592),
    "vector, 1280 u8": (1956, 1390, 2128),
    "vector, 1280 f32": (7041, 5222, 7213),
    "notice": (160, 97, 317),
    "gap": (149, 73, 300),
    "status": (56, 33, 172),
    "info": (199, 146, 311),
    "stat": (358, 273, 470),
    "bench": (180, 122, 294),
    "answer": (155, 110, 279),
    "reported": (140, 96, 260),
}
"""Bytes of the payload in JSON, CBOR and structured CloudEvents, as docs/messages.md has them."""


@pytest.mark.parametrize(("kind", "make"), makers().items())
def test_no_message_is_larger_than_it_was_measured(kind: str, make: Make) -> None:
    what, _, fields = make()
    everywhere(what, fields)
    most = dict(zip(ENCODINGS, (*MOST_BYTES[kind], MOST_BYTES[kind][0]), strict=True))
    sizes = {name: payload_bytes(name, make) for name in ENCODINGS}
    assert all(sizes[name] <= most[name] for name in ENCODINGS), sizes


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_says_what_it_is(name: str) -> None:
    payload = encoder(name, SOURCE)("event", fields_of(ONE))
    assert (
        payload.content_type
        == {
            "json": "application/json",
            "cbor": "application/cbor",
            "cloudevents": "application/cloudevents+json",
            "cloudevents-binary": "application/json",
        }[name]
    )
    assert bool(payload.attributes) == (name == "cloudevents-binary")


def test_an_event_keeps_its_identity_as_a_cloud_event() -> None:
    whole = json.loads(cloudevents.structured(SOURCE, "event", fields_of(ONE)))
    assert json.loads(plain.encode("event", fields_of(ONE))) == whole.pop("data")
    assert whole == {
        "specversion": "1.0",
        "id": "12-1a2b3c4d/123456",
        "source": SOURCE,
        "type": "edgeagent.event.object",
        "subject": "front",
        "time": "2023-11-14T22:13:19.688Z",
    }


def test_binary_mode_becomes_structured_where_there_is_no_room_beside() -> None:
    payload = cloudevents.binary(SOURCE, "event", fields_of(ONE))
    assert cloudevents.whole(payload) == cloudevents.structured(SOURCE, "event", fields_of(ONE))


def test_a_time_that_nobody_knows_is_none_of_a_cloud_event() -> None:
    fields = fields_of(ONE) | {"tsq": 0}
    assert "time" not in json.loads(cloudevents.structured(SOURCE, "event", fields))


def test_another_seq_is_another_id_and_the_same_is_the_same() -> None:
    def ident(what: str, **changes: object) -> str:
        sent = cloudevents.structured(SOURCE, what, {**fields_of(ONE), **changes})
        return str(json.loads(sent)["id"])

    assert ident("event") == ident("event")
    assert ident("event") != ident("event", seq=7)
    assert ident("answer", id="a") != ident("answer", id="b")


HOSTILE = {
    "a regular expression": cbor2.dumps({"v": cbor2.CBORTag(35, "(a+)+$")}),
    "a shared value": cbor2.dumps({"v": cbor2.CBORTag(28, [cbor2.CBORTag(29, 0)])}),
    "a number of a gigabyte": cbor2.dumps({"v": cbor2.CBORTag(5, [10**9, 1])}),
    "a bignum": cbor2.dumps({"v": 1 << 70}),
    "a depth of a thousand": b"\xa1\x00" + b"\x81" * 1000 + b"\x00",
    "four thousand million members": b"\xba\xff\xff\xff\xff",
    "a text that is not there": b"\xa1\x00\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "no end": b"\xbf\x00\x01\xff",
    "a vector of texts": cbor2.dumps({10: ["a"]}),
    "boxes of another kind": cbor2.dumps({9: cbor2.CBORTag(64, b"12345678")}),
    "a date": cbor2.dumps({1: cbor2.CBORTag(0, "2026-01-01T00:00:00Z")}),
    "nothing": cbor2.dumps({1: None}),
    "nothing at all": b"",
    "a list": b"[1]",
    "a deep list": b"[" * 60000,
    "a cloud event without data": b'{"specversion": "1.0"}',
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_message_is_refused_and_costs_nothing(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(payload)


@given(st.binary(max_size=200) | TREES.map(lambda tree: cbor2.dumps({10: tree, "mot": tree})))
def test_whatever_arrives_is_read_or_refused(payload: bytes) -> None:
    try:
        told = read(payload)
    except ValueError:
        return
    assert isinstance(told, dict)
    json.dumps(told)


def test_a_strangers_reader_agrees_with_ours() -> None:
    payload = cbor.encode("event", fields_of(ONE))
    assert {cbor.KEYS[name] for name in read(payload)} == set(decode(payload))


def test_the_lines_of_the_docs_read_a_message() -> None:
    page = (Path(__file__).parents[1] / "docs" / "messages.md").read_text()
    lines = page.split("```python\n")[1].split("```")[0]
    boxed: dict[str, Any] = {
        "payload": cbor.encode("event", fields_of(ONE) | {"vec": b"\1\2", "vt": "u8"})
    }
    exec(lines, boxed)
    assert np.round(boxed["boxes"], 4).tolist() == [[0.1235, 0.2346, 0.3457, 1.0]]
    assert list(boxed["vector"]) == [1, 2]
