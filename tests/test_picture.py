"""A camera's picture for who stands at the device."""

import re
from pathlib import Path

import av
import numpy as np
import pytest

from edgeagent import picture
from edgeagent.config import CameraConfig, LineConfig, ZoneConfig
from edgeagent.findings import Box
from edgeagent.frame import BT601, Picture

RED = (81, 90, 240)
"""Y, U and V of pure red (ITU-R BT.601, video range)."""


def red(width: int = 160, height: int = 90) -> Picture:
    half = height // 2, width // 2
    y, u, v = (np.full(shape, level, np.uint8) for shape, level in zip(
        ((height, width), half, half), RED, strict=True
    ))  # fmt: skip
    return Picture(y, u, v, BT601)


def test_the_picture_fills_the_terminal_in_its_own_shape() -> None:
    assert picture.fitting(red(160, 90), 80, 40) == (80, 44)
    assert picture.fitting(red(160, 90), 200, 10) == (35, 20)
    assert picture.scaled(red(), 80, 45).shape == (45, 80, 3)


def test_red_is_red() -> None:
    middle = picture.scaled(red(), 80, 44)[20, 40]
    assert middle == pytest.approx((255, 0, 0), abs=3)


def test_each_character_shows_two_pixels_and_the_edges_say_where() -> None:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[0::2] = (1, 2, 3)
    lines = picture.half_blocks(pixels).splitlines()
    assert len(lines) == 11
    assert lines[1].count("\x1b[38;2;1;2;3;48;2;0;0;0m\u2580") == 40
    assert lines[0].index(".5") == 3 + 20
    assert [line[:2] for line in lines[1:]].count(".5") == 1
    assert re.sub(r"\x1b\[[0-9;]*m", "", lines[6])[:2] == ".5"


def test_what_moved_is_outlined() -> None:
    drawn = picture.outlined(np.zeros((10, 10, 3), np.uint8), [Box(0.2, 0.2, 0.8, 1.0)], (9, 9, 9))
    assert drawn[2, 2:9].min() == 9
    assert drawn[9, 2:9].min() == 9
    assert drawn[5, 5].max() == 0


def test_zones_and_lines_are_drawn_where_they_are() -> None:
    camera = CameraConfig(
        zone=[ZoneConfig(kind="ignore", polygon=[(0.1, 0.1), (0.5, 0.1), (0.5, 0.5)])],
        line=[LineConfig(start=(0.0, 0.9), end=(1.0, 0.9))],
    )
    drawn = picture.placed(np.zeros((100, 200, 3), np.uint8), camera)
    assert tuple(drawn[10, 60]) == picture.ZONES["ignore"]
    assert tuple(drawn[30, 60]) == picture.ZONES["ignore"]
    assert tuple(drawn[90, 150]) == picture.LINE
    assert tuple(drawn[50, 150]) == (0, 0, 0)


def test_motion_cells_are_drawn_in_the_scale_of_the_luma_plane() -> None:
    drawn = picture.celled(np.full((96, 160, 3), 200, np.uint8), 8, (80, 48))
    assert drawn[5, 16].max() == 100
    assert drawn[16, 5].max() == 100
    assert drawn[5, 8].max() == 200


def test_a_still_is_readable_by_its_owner_alone_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    pixels = picture.ruled(picture.scaled(red(), 160, 90))
    picture.save_still(pixels, path)
    assert path.stat().st_mode & 0o777 == 0o600
    with av.open(str(path)) as container:
        (frame,) = container.decode(video=0)
    seen = frame.to_ndarray(format="rgb24")
    assert seen.shape == (90, 160, 3)
    assert tuple(seen[9, 5]) == picture.RULER
    assert seen[4, 5] == pytest.approx((255, 0, 0), abs=3)
    with pytest.raises(FileExistsError):
        picture.save_still(pixels, path)
