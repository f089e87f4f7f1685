"""Arithmetic on boxes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.decode.boxes import area, iou, nms

TWO = np.array([[0, 0, 2, 2], [1, 1, 3, 3]], np.float32)


def test_overlap_is_shared_over_joint_area() -> None:
    np.testing.assert_allclose(iou(TWO, TWO), [[1, 1 / 7], [1 / 7, 1]], rtol=1e-6)
    assert iou(TWO, np.zeros((0, 4), np.float32)).shape == (2, 0)


def test_an_inverted_box_has_no_area_and_overlaps_nothing() -> None:
    inside_out = np.array([[2, 2, 0, 0]], np.float32)
    assert area(inside_out)[0] == 0
    assert iou(inside_out, TWO).max() == 0


def test_nothing_and_one_stay_as_they_are() -> None:
    none = np.zeros((0, 4), np.float32)
    assert nms(none, np.zeros(0, np.intp), 0.5).tolist() == []
    assert nms(TWO[:1], np.zeros(1, np.intp), 0.5).tolist() == [0]


def test_what_a_dropped_box_would_have_dropped_stays() -> None:
    chain = np.array([[0, 0, 10, 1], [3, 0, 13, 1], [6, 0, 16, 1]], np.float32)
    assert nms(chain, np.zeros(3, np.intp), 0.5).tolist() == [0, 2]


corner = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))


@given(
    raw=st.lists(st.tuples(corner, st.integers(0, 2)), max_size=25), most_iou=st.floats(0.1, 0.9)
)
def test_no_two_that_stay_are_rivals_and_each_that_went_has_one(
    raw: list[tuple[tuple[int, int, int, int], int]], most_iou: float
) -> None:
    boxes = np.array([(x, y, x + w, y + h) for (x, y, w, h), _ in raw], np.float32).reshape(-1, 4)
    classes = np.array([kind for _, kind in raw], np.intp)
    kept = nms(boxes, classes, most_iou).tolist()
    rivals = (iou(boxes, boxes) > most_iou) & (classes[:, None] == classes[None])
    assert not any(rivals[i, j] for i in kept for j in kept if i != j)
    for gone in set(range(len(raw))) - set(kept):
        assert any(rivals[gone, better] for better in kept if better < gone)
