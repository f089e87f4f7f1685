"""YOLO with one output, both layouts: beside the slow way, and at the edges."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeagent.decode.boxes import iou
from edgeagent.decode.yolo import decode
from edgeagent.findings import Detection
from edgeagent.heads import PLAIN, Params
from edgeagent.model import ModelFile
from edgeagent.tensor import TensorSpec

SIZE, CELLS = 64, 84
LABELS = ("person", "bicycle", "car")
Real = NDArray[np.float32]
Raw = NDArray[np.int8] | NDArray[np.uint8] | Real


def model(rows: TensorSpec) -> ModelFile:
    taken = TensorSpec("image", (1, SIZE, SIZE, 3), "uint8")
    return ModelFile(Path("model.tflite"), 1, "0" * 64, taken, {"rows": rows})


def spec(raw: Raw, scale: float = 1 / 255, zero_point: int = -128) -> TensorSpec:
    shape = (1, *raw.shape)
    if raw.dtype == np.float32:
        return TensorSpec("rows", shape, "float32")
    return TensorSpec("rows", shape, raw.dtype.name, scale, zero_point)


def found(
    raw: Raw, threshold: float = 0.4, params: Params = PLAIN, of: TensorSpec | None = None
) -> list[Detection]:
    return decode(model(of or spec(raw)), {"rows": raw[None]}, LABELS, params, threshold)


Plain = tuple[float, int, Real]
"""Score, class, and left, top, right, bottom in fractions."""


def slow(real: Real, v5: bool, threshold: float, most_iou: float) -> list[Plain]:
    """Read ``[boxes, ...]`` of real values box by box, as the papers say."""
    counted = []
    for row in real:
        scores = row[5:] * row[4] if v5 else row[4:]
        kind = int(scores.argmax())
        x, y, w, h = row[:4]
        edges = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2], np.float32)
        if scores[kind] >= threshold and edges[2] > edges[0] and edges[3] > edges[1]:
            counted.append((float(scores[kind]), kind, edges))
    kept: list[Plain] = []
    for one in sorted(counted, key=lambda one: -one[0]):
        rivals = [other for other in kept if other[1] == one[1]]
        if all(iou(one[2][None], other[2][None])[0, 0] <= most_iou for other in rivals):
            kept.append(one)
    return kept


def assert_alike(got: Sequence[Detection], wanted: Sequence[Plain]) -> None:
    assert [one.name for one in got] == [LABELS[kind] for _, kind, _ in wanted]
    assert [one.score for one in got] == pytest.approx([score for score, _, _ in wanted], abs=1e-6)
    for one, (_, _, edges) in zip(got, wanted, strict=True):
        box = one.box.left, one.box.top, one.box.right, one.box.bottom
        assert box == pytest.approx(edges.tolist(), abs=1e-6)


def made(seed: int, width: int, boxes: int, busy: int) -> NDArray[np.int8]:
    """Return ``[boxes, width]`` as a model's int8 output is: most scores are next to nothing."""
    random = np.random.default_rng(seed)
    raw = random.integers(-128, -90, (boxes, width))
    raw[:, :4] = random.integers(-100, 100, (boxes, 4))
    for row in random.choice(boxes, busy, replace=False):
        raw[row, 4:] = random.integers(-128, 128, width - 4)
    return raw.astype(np.int8)


seeds = st.integers(0, 2**32 - 1)
thresholds = st.sampled_from([0.1, 0.25, 0.4, 0.73])


@given(seed=seeds, busy=st.integers(0, 60), threshold=thresholds, most_iou=st.floats(0.2, 0.8))
def test_v8_is_read_as_the_slow_way_reads_it(
    seed: int, busy: int, threshold: float, most_iou: float
) -> None:
    raw = made(seed, 7, CELLS, busy)
    real = spec(raw).dequantise(raw)
    wanted = slow(real, False, threshold - 1e-6, most_iou)
    params = Params(nms_iou=most_iou)
    assert_alike(found(np.ascontiguousarray(raw.T), threshold, params), wanted)
    assert_alike(found(np.ascontiguousarray(real.T), threshold - 1e-6, params), wanted)


@given(seed=seeds, busy=st.integers(0, 60), threshold=thresholds, most_iou=st.floats(0.2, 0.8))
def test_v5_is_read_as_the_slow_way_reads_it(
    seed: int, busy: int, threshold: float, most_iou: float
) -> None:
    raw = made(seed, 8, 3 * CELLS, busy)
    real = spec(raw).dequantise(raw)
    params = Params(nms_iou=most_iou)
    assert_alike(found(raw, threshold, params), slow(real, True, threshold, most_iou))
    assert_alike(found(real, threshold, params), slow(real, True, threshold, most_iou))


def silence() -> NDArray[np.int8]:
    """Return a v8 tensor in which every box is small, central and of no class."""
    raw = np.full((7, CELLS), -128, np.int8)
    raw[:2], raw[2:4] = 0, -100
    return raw


def test_silence_is_nothing_and_one_column_is_one_object() -> None:
    raw = silence()
    assert found(raw) == []
    raw[:, 5] = (-1, 50, -77, -103, -128, 127, 0)
    (one,) = found(raw)
    assert (one.name, one.score) == ("bicycle", 1.0)
    assert one.box.centre == pytest.approx((127 / 255, 178 / 255))
    assert (one.box.width, one.box.height) == pytest.approx((51 / 255, 25 / 255))


def test_uint8_is_read_as_int8_is() -> None:
    raw = np.ascontiguousarray(made(3, 7, CELLS, 20).T)
    lifted = (raw.astype(np.int16) + 128).astype(np.uint8)
    assert found(lifted, of=spec(lifted, zero_point=0)) == found(raw) != []


@pytest.mark.parametrize(("value", "counts"), [(-27, 0), (-26, 1)])
def test_the_threshold_is_a_step_of_the_quantised_score(value: int, counts: int) -> None:
    raw = silence()
    raw[4, 0] = value
    assert len(found(raw, 0.4)) == counts


def test_pixels_are_turned_into_fractions_of_each_side() -> None:
    row = np.array([32, 16, 16, 8, 0.9, 0, 0], np.float32)
    raw = np.zeros((7, CELLS // 2), np.float32)
    raw[:, 3] = row
    wide = replace(model(spec(raw)), input=TensorSpec("image", (1, SIZE // 2, SIZE, 3), "uint8"))
    params = Params(coordinates="pixels")
    (one,) = decode(wide, {"rows": raw[None]}, LABELS, params, 0.4)
    assert (one.box.left, one.box.top) == (0.375, 0.375)
    assert (one.box.right, one.box.bottom) == (0.625, 0.625)


def test_of_two_alike_the_better_stays_unless_it_is_another_thing() -> None:
    raw = silence()
    raw[4, :2] = 100, 90
    raw[5, 2] = 80
    assert [one.name for one in found(raw)] == ["person", "bicycle"]


def test_a_box_without_a_size_is_dropped() -> None:
    raw = silence()
    raw[4, 0], raw[2, 0] = 100, -128
    assert found(raw) == []


@pytest.mark.parametrize("shape", [(7, CELLS), (CELLS, 8)])
def test_uproar_is_bounded(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(2)
    uproar = random.integers(100, 128, shape).astype(np.int8)
    edges = uproar[:4] if shape[0] == 7 else uproar[:, :4].T
    edges[...] = random.integers(-128, 128, edges.shape)
    assert 1 <= len(found(uproar)) <= CELLS


wild = st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, 0.2, 0.5, 0.9, 1.0, 20.0])


@given(
    values=st.lists(wild, min_size=8, max_size=24),
    v5=st.booleans(),
    params=st.sampled_from([PLAIN, Params(coordinates="pixels")]),
)
def test_whatever_floats_come_what_goes_out_is_sane(
    values: list[float], v5: bool, params: Params
) -> None:
    shape = (CELLS, 8) if v5 else (7, CELLS)
    got = found(np.resize(np.array(values, np.float32), shape), params=params)
    assert all(one.box.area > 0 and abs(one.box.left) <= 16 for one in got)
    scores = [one.score for one in got]
    assert scores == sorted(scores, reverse=True)
    assert all(0.4 <= score <= 1 for score in scores)
