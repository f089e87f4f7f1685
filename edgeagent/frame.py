"""The picture, as it enters the agent. It never leaves it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
"""``(rows, columns)`` of 8-bit samples; rows may be padded (strided), columns never are."""

Matrix = NDArray[np.float32]
"""``(3, 4)``: R, G, B = matrix @ (Y, U, V, 1), samples 0 to 255."""


def colour_matrix(kr: float, kb: float, full_range: bool) -> Matrix:
    """Return the matrix from 8-bit Y'CbCr to RGB.

    Args:
        kr: weight of red in luma; ITU-R BT.601 has .299, BT.709 .2126, BT.2020 .2627.
        kb: weight of blue in luma; BT.601 .114, BT.709 .0722, BT.2020 .0593.
        full_range: samples span 0 to 255 (JPEG) instead of 16 to 235 and 16 to 240 (video).
    """
    kg = 1.0 - kr - kb
    rows = np.array(
        [
            [1.0, 0.0, 2 * (1 - kr)],
            [1.0, -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg],
            [1.0, 2 * (1 - kb), 0.0],
        ]
    )
    luma, chroma, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    rows *= (luma, chroma, chroma)
    offset = -rows @ (black, 128.0, 128.0)
    return np.column_stack([rows, offset]).astype(np.float32)


BT601 = colour_matrix(0.299, 0.114, full_range=False)
BT601_FULL = colour_matrix(0.299, 0.114, full_range=True)
BT709 = colour_matrix(0.2126, 0.0722, full_range=False)
BT709_FULL = colour_matrix(0.2126, 0.0722, full_range=True)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Y, U and V as the decoder left them, each plane at its own size (4:2:0, 4:2:2, 4:4:4)."""

    y: Plane
    u: Plane | None
    """None, together with ``v``, for a grey picture."""
    v: Plane | None
    to_rgb: Matrix

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the luma plane."""
        return self.y.shape[1], self.y.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """A picture of the same view, taken near a frame's moment by a larger stream."""

    picture: Picture
    later_s: float
    """How much later than the frame it was taken; negative: earlier."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and when it was taken.

    The arrays belong to the source and are valid until its next frame is taken; whoever wants
    them longer copies.
    """

    luma: Plane
    """What motion looks at; may be smaller than the picture, of the same shape and view."""
    picture: Picture
    """In colour; what the model is given pieces of, unless there is a `detail`."""
    seq: int
    """Counts up by one per frame the camera gave; a gap is a frame dropped."""
    mono_s: float
    """When the frame was taken, on the monotonic clock (`clock.Clock.mono_s`)."""
    wall_ms: int
    """The same instant as unix milliseconds, as right as the wall clock was then."""
    detail: Callable[[], Detail | None] | None = None
    """Decodes the view's larger stream up to this moment, for whoever looks; None: there is none.
    What it returns is None while that stream is away."""
