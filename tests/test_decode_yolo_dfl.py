"""YOLO whose boxes are distributions: beside the slow way, and at the edges."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeagent.decode.yolo_dfl import decode
from edgeagent.findings import Detection
from edgeagent.heads import PLAIN, Params
from edgeagent.model import ModelFile
from edgeagent.tensor import Tensor, TensorSpec

SIZE, CELLS, BINS = 64, 84, 16
LABELS = ("person", "bicycle", "car")
TAKEN = TensorSpec("image", (1, SIZE, SIZE, 3), "uint8")
BOXES = TensorSpec("boxes", (1, CELLS, 4 * BINS), "int8", 0.1, 20)
SCORES = TensorSpec("scores", (1, CELLS, 3), "int8", 0.05, 40)
Raw = NDArray[np.int8] | NDArray[np.float32]


def found(
    boxes: Raw, scores: Raw, threshold: float = 0.4, params: Params = PLAIN
) -> list[Detection]:
    specs = {"boxes": BOXES, "scores": SCORES}
    if boxes.dtype == np.float32:
        specs = {role: TensorSpec(role, spec.shape, "float32") for role, spec in specs.items()}
    file = ModelFile(Path("model.tflite"), 1, "0" * 64, TAKEN, specs)
    outputs: dict[str, Tensor] = {"boxes": boxes[None], "scores": scores[None]}
    return decode(file, outputs, LABELS, params, threshold)


def quiet() -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return boxes of 2 strides each way and no score."""
    boxes = np.full((CELLS, 4, BINS), -128, np.int8)
    boxes[:, :, 1] = 127
    return boxes.reshape(CELLS, -1), np.full((CELLS, 3), -128, np.int8)


def test_an_edge_is_as_many_strides_away_as_the_mean_of_its_distribution() -> None:
    boxes, scores = quiet()
    # The third row of the second grid, its first column: 16 pixels to a cell.
    scores[64 + 8, 2] = 60
    sharp = boxes.reshape(CELLS, 4, BINS)
    sharp[64 + 8] = -128
    for edge, near in enumerate((0, 1, 2, 0)):
        sharp[64 + 8, edge, near : near + 2] = 127
    (one,) = found(boxes, scores)
    assert one.name == "car"
    assert one.score == pytest.approx(1 / (1 + math.exp(-1)))
    got = np.array([one.box.left, one.box.top, one.box.right, one.box.bottom]) * SIZE
    # The centre is at (8, 40); the means are 0.5, 1.5, 2.5 and 0.5 strides.
    np.testing.assert_allclose(got, [8 - 8, 40 - 24, 8 + 40, 40 + 8], atol=1e-3)


def slow(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float
) -> list[tuple[str, float, list[float]]]:
    """Read cell by cell, without suppression."""
    told, cell = [], 0
    for stride in (8, 16, 32):
        for row in range(SIZE // stride):
            for column in range(SIZE // stride):
                best = int(scores[cell].argmax())
                score = 1 / (1 + math.exp(-float(scores[cell, best])))
                edges = boxes[cell].astype(np.float64).reshape(4, BINS)
                weights = np.exp(edges) / np.exp(edges).sum(axis=1, keepdims=True)
                far = (weights * np.arange(BINS)).sum(axis=1) * stride
                x, y = (column + 0.5) * stride, (row + 0.5) * stride
                box = [x - far[0], y - far[1], x + far[2], y + far[3]]
                if score >= threshold:
                    told.append((LABELS[best], score, [edge / SIZE for edge in box]))
                cell += 1
    return sorted(told, key=lambda one: -one[1])


@given(seed=st.integers(0, 2**32 - 1), threshold=st.sampled_from([0.1, 0.25, 0.4, 0.9]))
def test_it_reads_what_the_slow_way_reads(seed: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    boxes = random.integers(-128, 128, (CELLS, 4 * BINS)).astype(np.int8)
    scores = random.integers(-128, 128, (CELLS, 3)).astype(np.int8)
    real = BOXES.dequantise(boxes), SCORES.dequantise(scores)
    wanted = slow(*real, threshold - 1e-6)
    everything = Params(nms_iou=1.0)
    for got in (
        found(boxes, scores, threshold, everything),
        found(*real, threshold - 1e-6, everything),
    ):
        assert [one.name for one in got] == [name for name, _, _ in wanted]
        np.testing.assert_allclose([one.score for one in got], [s for _, s, _ in wanted], atol=1e-5)
        edges = [[b.left, b.top, b.right, b.bottom] for b in (one.box for one in got)]
        np.testing.assert_allclose(
            np.array(edges).reshape(-1, 4),
            np.array([box for _, _, box in wanted]).reshape(-1, 4),
            atol=1e-4,
        )


def test_of_two_alike_the_better_stays_unless_it_is_another_thing() -> None:
    boxes, scores = quiet()
    far = boxes.reshape(CELLS, 4, BINS)
    far[0:3] = -128
    far[0:3, :, 6] = 127
    scores[0, 0], scores[1, 0], scores[2, 1] = 90, 80, 70
    assert [one.name for one in found(boxes, scores)] == ["person", "bicycle"]


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_thresholds_that_have_no_logit_are_taken_as_near_ones(threshold: float) -> None:
    boxes, scores = quiet()
    assert bool(found(boxes, scores, threshold, Params(nms_iou=1.0))) == (threshold == 0)


wild = st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, -1.0, 0.0, 2.0, 9.0])


@given(values=st.lists(wild, min_size=3, max_size=40))
def test_whatever_floats_come_what_goes_out_is_sane(values: list[float]) -> None:
    held = np.array(values, np.float32)
    got = found(np.resize(held, (CELLS, 4 * BINS)), np.resize(held, (CELLS, 3)))
    assert all(one.box.area > 0 and abs(one.box.left) <= 16 for one in got)
    assert all(0.4 <= one.score <= 1 for one in got)
