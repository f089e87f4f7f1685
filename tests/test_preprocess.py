"""Fitting regions into a model's input, and mapping boxes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeagent.findings import WHOLE, Box, Detection, Label
from edgeagent.frame import BT601, BT601_FULL, BT709, Matrix, Picture
from edgeagent.preprocess import Unfit, fit
from edgeagent.tensor import Tensor, TensorSpec

SPEC = TensorSpec("image", (1, 160, 160, 3), "uint8", 1.0, 0)


def flat(width: int, height: int, yuv: tuple[int, int, int], to_rgb: Matrix = BT601) -> Picture:
    """A 4:2:0 picture of one colour, its rows padded as a decoder pads them."""
    half = -(-height // 2), -(-width // 2)

    def plane(rows: int, columns: int, value: int) -> NDArray[np.uint8]:
        return np.full((rows, columns + 32), value, np.uint8)[:, :columns]

    return Picture(plane(height, width, yuv[0]), plane(*half, yuv[1]), plane(*half, yuv[2]), to_rgb)


def fitted(picture: Picture, region: Box, spec: TensorSpec) -> tuple[Tensor, Unfit]:
    into: Tensor = np.full(spec.shape, 77, spec.dtype)
    return into, fit(picture, region, into, spec)


@pytest.mark.parametrize("matrix", [BT601, BT601_FULL, BT709])
@pytest.mark.parametrize("yuv", [(81, 90, 240), (145, 54, 34), (41, 240, 110), (180, 128, 128)])
def test_colours_are_those_of_the_pictures_matrix(
    matrix: Matrix, yuv: tuple[int, int, int]
) -> None:
    into, _ = fitted(flat(320, 320, yuv, matrix), WHOLE, SPEC)
    wanted = np.clip(np.rint(matrix @ np.array([*yuv, 1])), 0, 255)
    assert np.abs(into[0].astype(int) - wanted).max() <= 1


def test_pure_red_in_bt601_comes_out_red() -> None:
    into, _ = fitted(flat(320, 320, (81, 90, 240)), WHOLE, SPEC)
    assert np.abs(into[0, 80, 80].astype(int) - (254, 0, 0)).max() <= 2


def test_a_grey_picture_is_grey_and_its_white_is_white() -> None:
    picture = Picture(np.full((320, 320), 235, np.uint8), None, None, BT601)
    into, _ = fitted(picture, WHOLE, SPEC)
    assert into.min() >= 254
    black = Picture(np.full((320, 320), 16, np.uint8), None, None, BT601)
    assert fitted(black, WHOLE, SPEC)[0].max() <= 1


def test_a_wide_picture_lies_between_black_bars() -> None:
    into, unfit = fitted(flat(640, 480, (235, 128, 128)), WHOLE, SPEC)
    assert unfit.used == Box(0, 20 / 160, 1, 140 / 160)
    assert not into[0, :20].any()
    assert not into[0, 140:].any()
    assert into[0, 20:140].min() >= 253


def test_a_tall_region_lies_between_black_bars() -> None:
    into, unfit = fitted(flat(640, 480, (235, 128, 128)), Box(0.25, 0, 0.5, 1), SPEC)
    assert unfit.region == Box(0.25, 0, 0.5, 1)
    assert unfit.used == Box(53 / 160, 0, 106 / 160, 1)
    assert not into[0, :, :53].any()
    assert not into[0, :, 106:].any()
    assert into[0, :, 53:106].min() >= 253


def test_bars_left_by_the_frame_before_are_blackened_again() -> None:
    into, _ = fitted(flat(320, 320, (235, 128, 128)), WHOLE, SPEC)
    fit(flat(640, 480, (235, 128, 128)), WHOLE, into, SPEC)
    assert not into[0, :20].any()


def test_an_int8_model_takes_bytes_less_128() -> None:
    picture = flat(640, 480, (120, 90, 200))
    as_bytes, _ = fitted(picture, WHOLE, SPEC)
    into, _ = fitted(picture, WHOLE, TensorSpec("image", SPEC.shape, "int8", 1.0, -128))
    assert into.dtype == np.int8
    assert (into.astype(int) == as_bytes.astype(int) - 128).all()


def test_a_float_model_takes_bytes_or_what_its_scale_makes_of_them() -> None:
    picture = flat(640, 480, (120, 90, 200))
    as_bytes, _ = fitted(picture, WHOLE, SPEC)
    plain, _ = fitted(picture, WHOLE, TensorSpec("image", SPEC.shape, "float32"))
    assert (plain == as_bytes).all()
    scaled, _ = fitted(picture, WHOLE, TensorSpec("image", SPEC.shape, "float32", 1 / 128, 128))
    wanted = (as_bytes.astype(np.float32) - 128) / 128
    assert np.abs(scaled.astype(np.float32) - wanted).max() <= 1e-6


def test_shrinking_keeps_the_mean_of_fine_stripes() -> None:
    y = np.zeros((640, 640), np.uint8)
    y[:, ::2] = 200
    into, _ = fitted(Picture(y, None, None, BT601_FULL), WHOLE, SPEC)
    assert np.abs(into.astype(int) - 100).max() <= 1


sizes = st.tuples(st.integers(64, 400), st.integers(64, 400))
spans = st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda s: abs(s[0] - s[1]) >= 0.3)


@settings(max_examples=150, deadline=None)
@given(size=sizes, across=spans, down=spans, inner=st.tuples(*[st.floats(0.15, 0.4)] * 4))
def test_a_bright_box_comes_back_within_a_pixel_of_the_input(
    size: tuple[int, int],
    across: tuple[float, float],
    down: tuple[float, float],
    inner: tuple[float, float, float, float],
) -> None:
    width, height = size
    region = Box(min(across), min(down), max(across), max(down))
    left = round((region.left + inner[0] * region.width) * width)
    right = round((region.right - inner[2] * region.width) * width)
    top = round((region.top + inner[1] * region.height) * height)
    bottom = round((region.bottom - inner[3] * region.height) * height)
    y = np.zeros((height, width), np.uint8)
    y[top:bottom, left:right] = 255
    into, unfit = fitted(Picture(y, None, None, BT601_FULL), region, SPEC)
    bright = into[0, :, :, 0].astype(int) > 127
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    seen = Box(columns[0] / 160, rows[0] / 160, (columns[-1] + 1) / 160, (rows[-1] + 1) / 160)
    back = unfit.back(seen)
    # One pixel of the input, or of the frame where the region was enlarged.
    step_x = 1.01 * max(unfit.region.width / unfit.used.width / 160, 1 / width)
    step_y = 1.01 * max(unfit.region.height / unfit.used.height / 160, 1 / height)
    assert abs(back.left - left / width) <= step_x
    assert abs(back.right - right / width) <= step_x
    assert abs(back.top - top / height) <= step_y
    assert abs(back.bottom - bottom / height) <= step_y


def test_what_lies_in_the_black_alone_is_dropped_and_the_rest_is_clipped() -> None:
    unfit = Unfit(Box(0.5, 0.5, 1, 1), Box(0, 0.25, 1, 0.75))
    there = Detection("cat", 0.9, Box(-0.1, 0.0, 0.5, 0.5))
    black = Detection("dog", 0.9, Box(0.1, 0.8, 0.5, 0.9))
    label = Label("cat", 0.5)
    assert unfit.findings([there, black, label]) == [
        Detection("cat", 0.9, Box(0.5, 0.5, 0.75, 0.75)),
        label,
    ]


@given(start=st.floats(0, 1), size=st.tuples(st.integers(32, 700), st.integers(32, 700)))
def test_a_region_of_no_size_still_gives_the_model_something(
    start: float, size: tuple[int, int]
) -> None:
    into, unfit = fitted(flat(*size, (235, 128, 128)), Box(start, start, start, start), SPEC)
    assert unfit.region.area > 0
    assert into.max() >= 253
