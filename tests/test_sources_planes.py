"""Colours of known patches, whatever format a decoder left them in."""

import av
import numpy as np
import pytest

from edgeagent.frame import BT601, BT601_FULL, BT709, BT709_FULL, Picture
from edgeagent.sources.video_planes import picture_of

PATCHES = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (20, 200, 90), (240, 230, 20)]
GREYS = [(0, 0, 0), (60, 60, 60), (128, 128, 128), (255, 255, 255)]
PLANAR = ["yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuva420p", "nv12", "nv21"]
PACKED = ["yuyv422", "uyvy422"]
DEEP = ["yuv420p10le", "yuv422p10le", "yuv444p12le", "p010le"]
RGB = ["rgb24", "bgr24", "rgba", "bgr0", "gbrp", "rgb48le"]
BT_709, BT_470BG = 1, 5
VIDEO, FULL = 1, 2


def patch(rgb: tuple[int, int, int], width: int = 64, height: int = 48) -> av.VideoFrame:
    pixels = np.tile(np.array(rgb, np.uint8), (height, width, 1))
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")


def rgb_of(picture: Picture, row: int = 10, column: int = 10) -> list[float]:
    height, width = picture.y.shape
    sample = [float(picture.y[row, column]), 128.0, 128.0, 1.0]
    if picture.u is not None and picture.v is not None:
        at = row * picture.u.shape[0] // height, column * picture.u.shape[1] // width
        sample[1:3] = float(picture.u[at]), float(picture.v[at])
    colour = picture.to_rgb @ np.array(sample, np.float32)
    return [float(value) for value in np.clip(colour, 0, 255)]


@pytest.mark.parametrize(
    "name",
    [
        "yuv420p",
        "yuv422p",
        "yuv444p",
        "nv12",
        "nv21",
        "yuv411p",
        "yuyv422",
        "uyvy422",
        "yuva420p",
        "yuv420p10le",
        "yuv422p10le",
        "yuv444p12le",
        "p010le",
        "rgb24",
        "bgr24",
        "rgba",
        "bgr0",
        "gbrp",
        "rgb48le",
    ],
)
@pytest.mark.parametrize("rgb", PATCHES)
def test_a_patch_keeps_its_colour(name: str, rgb: tuple[int, int, int]) -> None:
    frame = patch(rgb).reformat(format=name)
    assert rgb_of(picture_of(frame)) == pytest.approx(rgb, abs=3)


@pytest.mark.parametrize("name", ["yuv420p", "yuv444p", "nv12", "yuyv422", "yuv420p10le"])
@pytest.mark.parametrize("space", [BT_709, BT_470BG])
@pytest.mark.parametrize("extent", [VIDEO, FULL])
@pytest.mark.parametrize("rgb", PATCHES)
def test_a_frame_that_names_its_matrix_and_range_is_believed(
    name: str, space: int, extent: int, rgb: tuple[int, int, int]
) -> None:
    frame = patch(rgb).reformat(format=name, dst_colorspace=space, dst_color_range=extent)
    # Packed formats go through swscale once more, in here and out there.
    assert rgb_of(picture_of(frame)) == pytest.approx(rgb, abs=3 if name[:4] != "yuyv" else 4)


@pytest.mark.parametrize("name", ["gray", "gray10le", "ya8"])
@pytest.mark.parametrize("rgb", GREYS)
def test_grey_has_no_chroma_planes(name: str, rgb: tuple[int, int, int]) -> None:
    picture = picture_of(patch(rgb).reformat(format=name))
    assert picture.u is None
    assert picture.v is None
    assert rgb_of(picture) == pytest.approx(rgb, abs=3)


def test_a_j_format_is_full_range() -> None:
    assert (picture_of(av.VideoFrame(64, 48, "yuvj420p")).to_rgb == BT601_FULL).all()
    assert (picture_of(av.VideoFrame(64, 720, "yuvj420p")).to_rgb == BT709_FULL).all()


def test_a_frame_that_names_no_matrix_is_hd_from_720_rows_on() -> None:
    assert (picture_of(av.VideoFrame(1280, 719, "yuv420p")).to_rgb == BT601).all()
    assert (picture_of(av.VideoFrame(1280, 720, "yuv420p")).to_rgb == BT709).all()


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p", "nv12", "gray", "bgr24"])
def test_odd_sizes_keep_their_last_row_and_column(name: str) -> None:
    picture = picture_of(patch((20, 200, 90), 321, 241).reformat(format=name))
    assert picture.size_px == (321, 241)
    if picture.u is not None and picture.v is not None:
        assert picture.u.shape == picture.v.shape
        assert picture.u.shape[0] in {121, 241}
        assert picture.u.shape[1] in {161, 321}
        assert rgb_of(picture, 240, 320) == pytest.approx((20, 200, 90), abs=3)


def test_luma_is_the_decoders_own_memory_not_a_copy() -> None:
    frame = av.VideoFrame(64, 48, "yuv420p")
    picture = picture_of(frame)
    np.frombuffer(frame.planes[0], np.uint8)[0] = 77  # type: ignore[call-overload]
    assert picture.y[0, 0] == 77
    assert picture.y.strides == (frame.planes[0].line_size, 1)


def test_planes_outlive_the_frame_they_came_from() -> None:
    picture = picture_of(patch((20, 200, 90)).reformat(format="yuv420p"))
    others = [patch((255, 0, 0)).reformat(format="yuv420p") for _ in range(20)]
    assert rgb_of(picture) == pytest.approx((20, 200, 90), abs=3)
    assert len(others) == 20
