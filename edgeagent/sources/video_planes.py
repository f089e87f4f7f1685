"""A decoded frame as a `Picture`: the decoder's own memory, seen through numpy."""

from functools import cache

import numpy as np
from av import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace

from edgeagent.frame import BT601_FULL, Matrix, Picture, Plane, colour_matrix

PLANAR = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"})
"""Pixel formats whose three planes are used where they lie."""

SEMI_PLANAR = {"nv12": (0, 1), "nv21": (1, 0)}
"""Formats with U and V interleaved in one plane, and where in each pair they are."""

FULL_RANGE = 2
"""AVCOL_RANGE_JPEG of libavutil's pixfmt.h."""

WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC title 47
    5: (0.299, 0.114),  # BT.601, 625 lines; what JFIF uses
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
    10: (0.2627, 0.0593),
}
"""Weights of red and blue in luma by MatrixCoefficients, Rec. ITU-T H.273, table 4."""

HD_ROWS = 720
"""From so many rows on, a frame that does not name its matrix is taken for BT.709, the standard of
HDTV production; below for BT.601, that of standard definition: the scopes of the two themselves."""


def picture_of(frame: VideoFrame) -> Picture:
    """Return the planes of ``frame``; where the pixel format allows, without a copy.

    The planes keep the decoder's memory alive for as long as they live, and are not to be written
    to: the decoder predicts later frames from them. Packed, paletted, RGB and deeper than 8-bit
    formats are converted by swscale to 8-bit planes. A frame that says it is to be shown turned
    is turned, by quarters, which copies its planes.
    """
    # Counted against the clock, as numpy's own quarter turns are.
    turns = round(frame.rotation / 90) % 4
    return _turned(_upright(frame), turns) if turns else _upright(frame)


def _turned(picture: Picture, turns: int) -> Picture:
    def turn(plane: Plane) -> Plane:
        return np.ascontiguousarray(np.rot90(plane, turns))

    u = None if picture.u is None else turn(picture.u)
    v = None if picture.v is None else turn(picture.v)
    return Picture(turn(picture.y), u, v, picture.to_rgb)


def _upright(frame: VideoFrame) -> Picture:
    name = frame.format.name
    if name in PLANAR:
        return _planar(frame, _matrix_of(frame, name))
    if name in SEMI_PLANAR:
        return _semi_planar(frame, name)
    if name == "gray":
        return Picture(_view(frame.planes[0]), None, None, _matrix_of(frame, name))
    return _converted(frame)


def _planar(frame: VideoFrame, matrix: Matrix) -> Picture:
    y, u, v = frame.planes
    return Picture(_view(y), _view(u), _view(v), matrix)


def _semi_planar(frame: VideoFrame, name: str) -> Picture:
    first, second = SEMI_PLANAR[name]
    y, pairs = frame.planes
    both = _view(pairs, samples=2).reshape(pairs.height, pairs.width, 2)
    # Copied, a quarter of the picture each: a `Plane` has no gaps between its columns.
    u, v = (np.ascontiguousarray(both[:, :, at]) for at in (first, second))
    return Picture(_view(y), u, v, _matrix_of(frame, name))


def _converted(frame: VideoFrame) -> Picture:
    if frame.format.is_rgb or frame.format.has_palette:
        full = frame.reformat(
            format="yuv444p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG
        )
        return _planar(full, BT601_FULL)
    if frame.format.name.startswith(("gray", "ya", "mono")):
        grey = frame.reformat(format="gray", dst_color_range=ColorRange.JPEG)
        return Picture(_view(grey.planes[0]), None, None, BT601_FULL)
    return _planar(frame.reformat(format=_nearest(frame)), _matrix_of(frame, frame.format.name))


def _nearest(frame: VideoFrame) -> str:
    narrow = frame.format.chroma_width(frame.width) < frame.width
    low = frame.format.chroma_height(frame.height) < frame.height
    return "yuv420p" if low else "yuv422p" if narrow else "yuv444p"


def _view(plane: VideoPlane, samples: int = 1) -> Plane:
    # Positional, and without a memoryview or a read-only flag between: at 3 planes a frame those
    # would cost 1.5 % of decoding a small clip.
    shape = plane.height, plane.width * samples
    return np.ndarray(shape, np.uint8, plane, 0, (plane.line_size, 1))  # type: ignore[arg-type]


def _matrix_of(frame: VideoFrame, name: str) -> Matrix:
    marked = frame.color_range
    # Grey that says nothing of its range is full, as swscale also takes it.
    full = marked == FULL_RANGE or name.startswith("yuvj") or (name == "gray" and not marked)
    return _matrix(frame.colorspace, full, frame.height >= HD_ROWS)


@cache
def _matrix(colour_space: int, full: bool, high_definition: bool) -> Matrix:
    kr, kb = WEIGHTS.get(colour_space) or WEIGHTS[1 if high_definition else 5]
    return colour_matrix(kr, kb, full)
