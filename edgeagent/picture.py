"""A camera's picture for the eyes of who stands at the device: in a terminal, or as one still.

Outside the daemon's import closure: nothing that `edgeagent run` imports can make a picture.
"""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from edgeagent.findings import WHOLE, Box
from edgeagent.frame import Picture
from edgeagent.preprocess import fit
from edgeagent.tensor import Tensor, TensorSpec

Pixels = NDArray[np.uint8]
"""``(rows, columns, 3)`` RGB."""

TICKS = 10
"""The ruler's marks: every tenth of the frame."""
RULER = (255, 200, 0)
MOVED = (255, 0, 0)
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


def outlined(pixels: Pixels, boxes: Sequence[Box], colour: tuple[int, int, int]) -> Pixels:
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
