"""Pictures for the detector's bench: the clip by day, in the dark and in fog, and stills."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgeagent.frame import BT601, Picture
from scripts.benches.vtest import FIRST, LAST, pictures

EVERY = 7
"""Frames of the clip."""

COCKATOO_EVERY = 20

LIGHT, NOISE = 1 / 3, 3.0
CONTRAST = 1 / 4

Lighting = Callable[[Picture, np.random.Generator], Picture]


def as_it_is(picture: Picture, _: np.random.Generator) -> Picture:
    """Return it."""
    return picture


def dark(picture: Picture, draw: np.random.Generator) -> Picture:
    """Return it in a third of the light, with what a sensor adds."""
    noise = draw.normal(0, NOISE, picture.y.shape)
    y = np.clip(16 + (picture.y.astype(np.float32) - 16) * LIGHT + noise, 16, 235)
    return _with(picture, y, LIGHT)


def flat(picture: Picture, _: np.random.Generator) -> Picture:
    """Return it as fog leaves it: a quarter of the contrast, around grey."""
    return _with(picture, 126 + (picture.y.astype(np.float32) - 126) * CONTRAST, CONTRAST)


def _with(picture: Picture, y: Any, colour: float) -> Picture:  # noqa: ANN401
    assert picture.u is not None
    assert picture.v is not None
    u, v = (128 + (plane.astype(np.float32) - 128) * colour for plane in (picture.u, picture.v))
    y, u, v = (np.round(plane).astype(np.uint8) for plane in (y, u, v))
    return Picture(y, u, v, BT601)


LIGHTINGS: Mapping[str, Lighting] = {"vtest": as_it_is, "dark": dark, "low contrast": flat}


def clip(footage: Path, lighting: Lighting) -> Iterator[tuple[int, Picture]]:
    """Yield frames of the clip with their numbers."""
    draw = np.random.default_rng(0)
    frames = enumerate(pictures(footage / "vtest.avi", FIRST, LAST), FIRST)
    for number, picture in islice(frames, 0, None, EVERY):
        yield number, lighting(picture, draw)


def stills(root: Path) -> Iterator[tuple[int, Picture]]:
    """Yield the pictures in ``images/`` and a frame of each second of cockatoo.mp4, in views."""
    images = [cv2.imread(str(path)) for path in sorted((root / "images").iterdir())]
    video, number = cv2.VideoCapture(str(root / "footage" / "cockatoo.mp4")), 0
    while video.grab():
        if number % COCKATOO_EVERY == 0:
            images.append(video.retrieve()[1])
        number += 1
    views = (view for image in images for view in _views(image))
    yield from enumerate(_from_bgr(view) for view in views)


def _views(image: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield a still as it is, mirrored, and three parts of it that overlap."""
    height, width = image.shape[:2]
    yield image
    yield image[:, ::-1]
    yield image[: height * 3 // 4, : width * 3 // 4]
    yield image[height // 4 :, width // 4 :]
    yield image[height // 8 : height * 7 // 8, width // 8 : width * 7 // 8]


def _from_bgr(image: Any) -> Picture:  # noqa: ANN401
    height, width = (side // 2 * 2 for side in image.shape[:2])
    planes = cv2.cvtColor(image[:height, :width], cv2.COLOR_BGR2YUV_I420)
    colour = planes[height:].reshape(2, height // 2, width // 2)
    luma = np.ascontiguousarray(planes[:height], np.uint8)
    return Picture(luma, colour[0], colour[1], BT601)
