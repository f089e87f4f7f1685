"""A camera's buffer as planes: its own memory, seen with the stride that libcamera chose."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgeagent.frame import BT601, BT601_FULL, BT709, Matrix, Plane

Stream = Mapping[str, Any]
"""One stream of ``camera_configuration()``: its format, size and stride as libcamera set them."""

Planes = tuple[Plane, Plane, Plane]
"""Y, U and V."""

MATRICES: Mapping[str, Matrix] = {"sYCC": BT601_FULL, "SMPTE170M": BT601, "Rec709": BT709}
"""By the names of libcamera's ColorSpace, whose text is ``<libcamera.ColorSpace 'Rec709'>``."""


def planes(array: Plane, stream: Stream) -> Planes:
    """Return Y, U and V of a mapped buffer, none of them writeable.

    Args:
        array: what ``picamera2.MappedArray`` holds: ``(rows * 3 / 2, stride)`` with the padding
            in it, or without it for NV12.
        stream: the stream that the buffer belongs to, of a format in `LAYOUTS`.
    """
    # Marked first, so that the views made of it cannot be written through either.
    array.flags.writeable = False
    return LAYOUTS[stream["format"]](array, stream)


def luma(array: Plane, stream: Stream) -> Plane:
    """Return Y alone, which lies first in every format of `LAYOUTS`; see `planes`."""
    width, height = stream["size"]
    array.flags.writeable = False
    return array[:height, :width]


def matrix(colour_space: object, rows: int) -> Matrix:
    """Return how to make RGB of a picture; one of unknown colour space goes by its ``rows``."""
    name = re.sub("^<.* '|'>$", "", str(colour_space))
    return MATRICES.get(name, BT709 if rows >= 720 else BT601)


def _planar(array: Plane, stream: Stream) -> Planes:
    """The chroma rows follow at half the stride each."""
    (width, height), stride = stream["size"], stream["stride"]
    chroma = array[height:].reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    return array[:height, :width], chroma[0], chroma[1]


def _semi_planar(array: Plane, stream: Stream) -> Planes:
    width, height = stream["size"]
    pairs = array[height:, :width].reshape(height // 2, width // 2, 2)
    # Copied, a quarter of the picture each: a `Plane` has no gaps between its columns.
    u, v = (np.ascontiguousarray(pairs[:, :, at]) for at in (0, 1))
    return array[:height, :width], u, v


LAYOUTS: Mapping[str, Callable[[Plane, Stream], Planes]] = {
    "YUV420": _planar,
    "NV12": _semi_planar,
}
"""By picamera2's name of the format. The Pi gives the YUV420 that is asked for; NV12 is what
libcamera puts in its place for a camera that cannot."""
