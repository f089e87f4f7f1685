"""A camera's picture for the eyes of who stands at the device: in a terminal, or as one still.

Outside the daemon's import closure: nothing that `edgeagent run` imports can make a picture.
"""

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from edgeagent.config import CameraConfig
from edgeagent.findings import WHOLE, Box
from edgeagent.frame import Picture
from edgeagent.polygon import Point
from edgeagent.preprocess import fit
from edgeagent.tensor import Tensor, TensorSpec

Pixels = NDArray[np.uint8]
"""``(rows, columns, 3)`` RGB."""

TICKS = 10
"""The ruler's marks: every tenth of the frame."""
Colour = tuple[int, int, int]
RULER: Colour = (255, 200, 0)
ZONES: Mapping[str, Colour] = {
    "count": (0, 220, 0),
    "ignore": (255, 110, 60),
    "only": (0, 160, 255),
}
LINE: Colour = (255, 0, 255)
MOVED: Colour = (255, 0, 0)
STILL_MODE = 0o600
"""Only its owner may read a picture."""


def scaled(picture: Picture, width: int, height: int) -> Pixels:
    """Return ``picture`` in RGB, ``width`` by ``height``, which should be of its own shape."""
    spec = TensorSpec("look", (1, height, width, 3), "uint8", 1.0, 0)
    into: Tensor = np.zeros(spec.shape, np.uint8)
    used = fit(picture, WHOLE, into, spec).used
    rows = slice(round(used.top * height), round(used.bottom * height))
    columns = slice(round(used.left * width), round(used.right * width))
    return np.asarray(into[0, rows, columns], np.uint8)


def fitting(picture: Picture, columns: int, lines: int) -> tuple[int, int]:
    """Return width and height in pixels for a terminal, two pixels a line, in the frame's shape."""
    width, height = picture.size_px
    scale = min(columns / width, 2 * lines / height)
    return max(int(width * scale), 2), max(int(height * scale) // 2 * 2, 2)


def half_blocks(pixels: Pixels) -> str:
    """Return ``pixels`` as text: each character shows two pixels, one above the other.

    24-bit colour escapes; rows beyond an even number are left out. Along the edges stand the
    frame fractions, .1 to .9, in which zones and lines are given.
    """
    rows = pixels.shape[0] // 2 * 2
    lines = [_ruler(pixels.shape[1])]
    for row in range(0, rows, 2):
        upper, lower = pixels[row].tolist(), pixels[row + 1].tolist()
        cells = "".join(map(_cell, upper, lower))
        lines.append(f"{_mark(row, rows)} {cells}\x1b[0m")
    return "\n".join(lines)


def _cell(upper: Sequence[int], lower: Sequence[int]) -> str:
    r, g, b = upper
    return f"\x1b[38;2;{r};{g};{b};48;2;{lower[0]};{lower[1]};{lower[2]}m\u2580"


def _ruler(columns: int) -> str:
    marks = [" "] * columns
    for tick in range(1, TICKS):
        at = round(tick * columns / TICKS)
        marks[at : at + 2] = f".{tick}"
    return "   " + "".join(marks[:columns])


def _mark(row: int, rows: int) -> str:
    """Return the fraction that falls on this line, two characters."""
    for tick in range(1, TICKS):
        if row <= tick * rows / TICKS < row + 2:
            return f".{tick}"
    return "  "


def ruled(pixels: Pixels) -> Pixels:
    """Return a copy with a line at every tenth of the frame, for reading coordinates off it."""
    drawn = pixels.copy()
    rows, columns = drawn.shape[:2]
    for tick in range(1, TICKS):
        drawn[round(tick * rows / TICKS)] = RULER
        drawn[:, round(tick * columns / TICKS)] = RULER
    return drawn


def celled(pixels: Pixels, cell_px: int, luma_px: tuple[int, int]) -> Pixels:
    """Return a copy with the motion cells' edges darkened.

    Args:
        pixels: the picture, in any size.
        cell_px: size of a cell in pixels of the luma plane.
        luma_px: width and height of that plane.
    """
    drawn = pixels.copy()
    for axis, length in ((1, luma_px[0]), (0, luma_px[1])):
        scale = drawn.shape[axis] / length
        at = (np.arange(cell_px, length, cell_px) * scale).astype(int)
        edge = (slice(None), at) if axis else (at,)
        drawn[edge] //= 2
    return drawn


def lined(pixels: Pixels, points: Sequence[Point], colour: Colour) -> Pixels:
    """Return a copy with straight lines from each of ``points`` (frame fractions) to the next."""
    drawn = pixels.copy()
    rows, columns = drawn.shape[:2]
    for (ax, ay), (bx, by) in pairwise(points):
        steps = max(rows, columns) + 1
        x = (np.linspace(ax, bx, steps) * columns).astype(int).clip(0, columns - 1)
        y = (np.linspace(ay, by, steps) * rows).astype(int).clip(0, rows - 1)
        drawn[y, x] = colour
    return drawn


def placed(pixels: Pixels, camera: CameraConfig) -> Pixels:
    """Return a copy with the zones and lines of ``camera`` drawn in the colours of their kind."""
    for zone in camera.zone:
        pixels = lined(pixels, [*zone.polygon, zone.polygon[0]], ZONES[zone.kind])
    for line in camera.line:
        pixels = lined(pixels, [line.start, line.end], LINE)
    return pixels


def outlined(pixels: Pixels, boxes: Sequence[Box], colour: Colour) -> Pixels:
    """Return a copy with the outlines of ``boxes`` drawn on it."""
    drawn = pixels.copy()
    rows, columns = drawn.shape[:2]
    for box in boxes:
        left, right = _at(box.left, columns), _at(box.right, columns)
        top, bottom = _at(box.top, rows), _at(box.bottom, rows)
        drawn[top, left : right + 1] = drawn[bottom, left : right + 1] = colour
        drawn[top : bottom + 1, left] = drawn[top : bottom + 1, right] = colour
    return drawn


def _at(share: float, length: int) -> int:
    return min(max(int(share * length), 0), length - 1)


def save_still(pixels: Pixels, path: Path) -> None:
    """Write ``pixels`` as a PNG that only its owner can read.

    Raises:
        OSError: the file is there already, or cannot be written.
    """
    codec = av.CodecContext.create("png", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = pixels.shape[1], pixels.shape[0], "rgb24"
    codec.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    data = b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])
    # Made anew and private from its first byte: never for a moment readable by others.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, STILL_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
