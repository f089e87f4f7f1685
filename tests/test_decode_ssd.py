"""``TFLite_Detection_PostProcess``: what it says, and what is left in its memory."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeagent.decode.ssd import decode
from edgeagent.findings import Detection
from edgeagent.model import load_bundle
from edgeagent.tensor import Tensor

CPU = load_bundle(Path(__file__).parent / "models" / "squares-ssd").files["cpu"]
LABELS = ("person", "bicycle", "car")
Row = tuple[float, float, float, float, float, float]
"""Top, left, bottom, right, class, score."""


def found(rows: list[Row], threshold: float = 0.4, count: float | None = None) -> list[Detection]:
    held: NDArray[np.float32] = np.zeros((20, 6), np.float32)
    held[: len(rows)] = np.array(rows, np.float32).reshape(-1, 6)
    outputs: dict[str, Tensor] = {
        "boxes": held[None, :, :4],
        "classes": held[None, :, 4],
        "scores": held[None, :, 5],
        "count": np.array([len(rows) if count is None else count], np.float32),
    }
    return decode(CPU, outputs, LABELS, threshold)


def test_a_box_is_turned_from_top_left_first_to_left_top_first() -> None:
    (car,) = found([(0.1, 0.2, 0.5, 0.4, 2, 0.75)])
    assert (car.name, car.score) == ("car", 0.75)
    box = car.box.left, car.box.top, car.box.right, car.box.bottom
    assert box == pytest.approx((0.2, 0.1, 0.4, 0.5))


def test_the_best_goes_first_and_a_score_equal_to_the_threshold_counts() -> None:
    scores = (0.25, 0.5, 0.2)
    rows: list[Row] = [(0, 0, 1, 1, kind, score) for kind, score in enumerate(scores)]
    assert [one.name for one in found(rows, 0.25)] == ["bicycle", "person"]


def test_a_box_may_reach_beyond_the_input() -> None:
    (one,) = found([(-0.25, -0.5, 1.25, 1.5, 0, 0.75)])
    assert (one.box.left, one.box.bottom) == (-0.5, 1.25)


GOOD: Row = (0.1, 0.2, 0.5, 0.4, 0, 0.75)


@pytest.mark.parametrize(
    ("count", "many"), [(0, 0), (-3, 0), (math.nan, 0), (1, 1), (1.9, 1), (99, 2), (math.inf, 2)]
)
def test_no_more_than_count_are_read_and_no_more_than_there_are(count: float, many: int) -> None:
    assert len(found([GOOD, GOOD], count=count)) == many


@pytest.mark.parametrize(
    "row",
    [
        (math.nan, 0.2, 0.5, 0.4, 0, 0.75),
        (0.1, -math.inf, 0.5, 0.4, 0, 0.75),
        (0.1, 0.2, 3e38, 0.4, 0, 0.75),
        (0.5, 0.2, 0.1, 0.4, 0, 0.75),
        (0.1, 0.2, 0.1, 0.4, 0, 0.75),
        (0.1, 0.2, 0.5, 0.4, -1, 0.75),
        (0.1, 0.2, 0.5, 0.4, 3, 0.75),
        (0.1, 0.2, 0.5, 0.4, math.nan, 0.75),
        (0.1, 0.2, 0.5, 0.4, -math.inf, 0.75),
        (0.1, 0.2, 0.5, 0.4, 3e38, 0.75),
        (0.1, 0.2, 0.5, 0.4, 0, math.nan),
    ],
)
def test_what_cannot_be_is_dropped_and_the_rest_stays(row: Row) -> None:
    assert found([row, GOOD]) == found([GOOD])


def test_a_score_above_one_is_one() -> None:
    assert [one.score for one in found([(0.1, 0.2, 0.5, 0.4, 0, math.inf)])] == [1.0]


number = st.floats(width=32)
row = st.tuples(number, number, number, number, number, number)


@given(rows=st.lists(row, max_size=20), count=number, threshold=st.floats(0.01, 1))
def test_whatever_is_in_memory_what_comes_out_is_sane(
    rows: list[Row], count: float, threshold: float
) -> None:
    got = found(rows, threshold, count)
    assert all(one.name in LABELS and one.box.area > 0 for one in got)
    scores = [one.score for one in got]
    assert scores == sorted(scores, reverse=True)
    assert all(np.float32(threshold) <= np.float32(score) <= 1 for score in scores)
