"""From many candidates to few detections."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.decode.boxes import sound
from edgeagent.decode.candidates import MOST_CANDIDATES, MOST_OBJECTS, detections, strongest
from edgeagent.findings import Box
from edgeagent.tensor import TensorSpec


@given(values=st.lists(st.integers(-128, 127), max_size=60), least=st.integers(-140, 140))
def test_the_strongest_are_those_that_a_stable_sort_puts_first(
    values: list[int], least: int
) -> None:
    wanted = [i for i in sorted(range(len(values)), key=lambda i: -values[i]) if values[i] >= least]
    for dtype in (np.int8, np.float32):
        assert strongest(np.array(values, dtype), least).tolist() == wanted


def test_a_flood_is_cut_to_its_best() -> None:
    values = np.arange(30000, dtype=np.float32)
    assert strongest(values, 0).tolist() == list(range(29999, 29999 - MOST_CANDIDATES, -1))


def test_what_is_no_number_is_not_strong() -> None:
    assert strongest(np.array([np.nan, 1, np.nan], np.float32), 0.5).tolist() == [1]


def test_only_so_many_objects_are_told() -> None:
    many = np.tile(np.array([[0, 0, 1, 1]], np.float32), (150, 1))
    got = detections(many, np.full(150, 1.5, np.float32), np.zeros(150, np.intp), ["cat"])
    assert len(got) == MOST_OBJECTS
    assert (got[0].name, got[0].score, got[0].box) == ("cat", 1.0, Box(0, 0, 1, 1))


@pytest.mark.parametrize(
    ("box", "good"),
    [
        ((0, 0, 1, 1), True),
        ((-1, -1, 2, 2), True),
        ((0, 0, 17, 1), False),
        ((0, 1, 1, 1), False),
        ((1, 0, 0, 1), False),
        ((0, 0, np.inf, 1), False),
        ((np.nan, 0, 1, 1), False),
    ],
)
def test_a_sound_box_has_an_area_and_is_in_reach(box: tuple[float, ...], good: bool) -> None:
    assert sound(np.array([box], np.float32)).tolist() == [good]


@pytest.mark.parametrize("value", [0.0, 0.25, 0.4, 0.999, 1.0])
def test_the_least_raw_value_is_the_first_that_stands_for_as_much(value: float) -> None:
    spec = TensorSpec("scores", (1,), "int8", 1 / 256, -128)
    least = int(spec.least(value))
    assert (least + 128) / 256 >= value > (least + 127) / 256
    assert TensorSpec("scores", (1,), "float32").least(value) == value
