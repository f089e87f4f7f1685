"""Messages of the v2 protocol: there and back, and what is no such message is said."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeagent.findings import Box, Detection, Embedding, Finding, Label
from edgeagent.heads import Task
from edgeagent.serving.protocol import MalformedError, Message, Named, array_of, pack, unpack
from edgeagent.serving.terms import heard, said


def head(**more: object) -> bytes:
    one = {"name": "image", "datatype": "UINT8", "shape": [2, 2]} | more
    return json.dumps({"inputs": [one]}).encode()


def answer(tensors: list[Named]) -> Message:
    """What a client hears where a server sends ``tensors``."""
    body, head_bytes = pack(Message(tensors))
    turned = body[:head_bytes].replace(b'"inputs"', b'"outputs"')
    return unpack(turned + body[head_bytes:], len(turned), "outputs")


def test_a_request_comes_through_with_all_its_tensors() -> None:
    tensors = [
        Named("a", np.arange(6, dtype=np.uint8).reshape(1, 2, 3)),
        Named("b", np.array([[-1.5]], np.float32), {"scale": 0.5}),
        Named("c", np.array(["one", "zwölf", ""], dtype=object)),
        Named("d", np.zeros((0, 4), np.float32)),
    ]
    body, head_bytes = pack(Message(tensors, {"threshold": 0.3}, ["heat"]))
    read = unpack(body, head_bytes, "inputs")
    assert [one.name for one in read.tensors] == ["a", "b", "c", "d"]
    for sent, got in zip(tensors, read.tensors, strict=True):
        assert got.array.shape == sent.array.shape
        assert got.array.tolist() == sent.array.tolist()
        assert (got.datatype, got.parameters) == (sent.datatype, sent.parameters)
    assert read.parameters == {"threshold": 0.3, "binary_data_output": True}
    assert read.wanted == ("heat",)


@pytest.mark.parametrize(
    ("task", "found"),
    [
        ("detect", [Detection("é", 0.5, Box(0.25, 0.5, 1, 1)), Detection("b", 1, Box(0, 0, 1, 1))]),
        ("detect", []),
        ("classify", [Label("cat", 0.5), Label("dog", 0.25)]),
        ("embed", [Embedding(bytes(range(88)), "uint8", 0.125, 124)]),
        ("embed", [Embedding(np.ones(3, np.float32).tobytes(), "float32", 0.0, 0)]),
    ],
)
def test_findings_are_the_same_after_the_way_over_the_wire(
    task: Task, found: list[Finding]
) -> None:
    assert heard(answer(said(found, task)), task) == found


@pytest.mark.parametrize(
    ("body", "head_bytes", "told"),
    [
        (b"", 0, "0 is not 2 to 0"),
        (head(data=[1, 2, 3, 4]), 10_000, "10000 is not 2 to"),
        (b"[]", 2, "Expected `object`, got `array`"),
        (b'{"inputs": [{"name": 1}]}', 25, r"inputs\[0\].name"),
        (b'{"inputs": [\xff]}', 0, "is no message"),
        (b'{"inputs": [{"data": ' + b"[" * 100_000, 0, "is no message"),
        (head(), len(head()), r"inputs\[0\]: neither has data nor a binary_data_size within the 0"),
        (head(parameters={"binary_data_size": -1}), 0, "neither has data"),
        (head(parameters={"binary_data_size": 5}), 0, "neither has data"),
        (head(data=[1, 2, 3]), 0, r"has 3 values, its shape \[2, 2\] 4"),
        (head(data=[1, 2, 3, 256]), 0, "is not of UINT8"),
        (head(data=[1, 2, 3, 0.5]), 0, "is not of UINT8"),
        (head(data=[1, [2], 3, 4]), 0, "is not of UINT8"),
        (head(data=["1", "2", "3", "4"]), 0, "is not of UINT8"),
        (head(data=[10**40, 2, 3, 4]), 0, "is not of UINT8"),
        (head(datatype="FP64", data=[1]), 0, "'FP64' is none of"),
        (head(shape=[-2, -2]), 0, "`int` >= 0"),
    ],
)
def test_what_is_no_message_is_said_with_its_place(body: bytes, head_bytes: int, told: str) -> None:
    with pytest.raises(MalformedError, match=told):
        unpack(body, head_bytes or len(body), "inputs")


def test_a_shape_that_multiplies_beyond_all_bounds_is_refused_before_it_is_made() -> None:
    body = head(shape=[1 << 30] * 8, data=[1, 2, 3, 4])
    with pytest.raises(MalformedError, match="has 4 values"):
        unpack(body, len(body), "inputs")


def test_a_text_that_goes_beyond_the_end_is_refused() -> None:
    for data in (b"\x09\x00\x00\x00abc", b"\x01", b"\x01\x00\x00\x00\xff"):
        with pytest.raises(MalformedError, match="is not of BYTES"):
            array_of("labels", "BYTES", [1], data)


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ([], "'labels': no such tensor; there are: none"),
        ([Named("labels", np.array(["a"], dtype=object))], "'scores': no such tensor"),
        (
            [
                Named("labels", np.array(["a"], dtype=object)),
                Named("scores", np.zeros(1, np.float32)),
                Named("boxes", np.zeros((1, 3), np.float32)),
            ],
            r"1 labels, but scores and boxes of \[1, 1, 3\]",
        ),
    ],
)
def test_an_answer_that_is_not_of_a_detector_is_said(tensors: list[Named], told: str) -> None:
    with pytest.raises(MalformedError, match=told):
        heard(answer(tensors), "detect")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(-5, 220))
def test_no_bytes_at_all_do_more_than_be_refused(body: bytes, head_bytes: int) -> None:
    with pytest.raises(MalformedError):
        unpack(b'{"inputs":[{"name":' + body, head_bytes, "inputs")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["image", "luma"]),
                "datatype": st.sampled_from(["UINT8", "FP32", "BYTES", "INT8", "X"]),
                "shape": st.lists(st.integers(0, 3), max_size=3),
                "data": st.recursive(
                    st.none() | st.integers() | st.floats() | st.text(max_size=3),
                    lambda inner: st.lists(inner, max_size=3),
                    max_leaves=6,
                ),
            }
        ),
        max_size=3,
    )
)
def test_any_json_is_read_or_refused(rows: list[dict[str, Any]]) -> None:
    body = json.dumps({"inputs": rows}).encode()
    try:
        read = unpack(body, len(body), "inputs")
    except MalformedError:
        return
    assert [one.name for one in read.tensors] == [row["name"] for row in rows]
