"""From a luma plane to the mean of each cell, and from cells back to fractions of the frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.findings import Box
from edgeagent.frame import Plane

Cells = NDArray[np.float32]
"""``(rows, columns)``: one value for each cell, in luma levels unless said otherwise."""

Mask = NDArray[np.bool_]
"""``(rows, columns)``: one answer for each cell."""

Indices = NDArray[np.intp]
"""Places in the flattened grid."""

Shape = tuple[int, int]
"""Rows and columns."""

SMALL_CELL_PX = 8
"""Size of a cell that nobody chose, in planes that are not large."""

MOST_CELLS = 25_000
"""A plane with more of the small ones gets cells twice as large, or four times: 1600x1000 is the
largest without."""

ACTIVITY_COLUMNS, ACTIVITY_ROWS = 8, 6
"""Parts of the frame in `findings.Motion.grid`."""


class CellGrid:
    """Cells of a plane of one size.

    A plane is halved by 2x2 means until a sample is a cell: OpenCV has a vector path for exactly
    that, which makes the whole chain about as dear as copying the plane once. What is left over
    at the right and lower edge, less than a cell, is not looked at; the last cells stand for it.

    A large plane is no longer in the cache when it has been decoded, and to fetch it is most of
    the cost: in cells made twice as large for its sake only each fourth row is read, and a mean
    is still of as many samples as in a small cell.
    """

    def __init__(self, size_px: Shape, cell_px: int) -> None:
        """Prepare for planes of ``size_px`` (rows, columns) and square cells of ``cell_px``.

        ``cell_px`` is a power of two; a plane smaller than a cell gets smaller cells. 0: as the
        plane's size asks.
        """
        larger = 1 if cell_px else _times_larger(size_px)
        wanted_px, step = cell_px or SMALL_CELL_PX * larger, larger * larger
        halvings = min(wanted_px.bit_length(), min(size_px).bit_length()) - 1
        self.cell_px = 1 << halvings
        self.shape: Shape = size_px[0] // self.cell_px, size_px[1] // self.cell_px
        self._size_px = size_px
        rows, columns = (n * self.cell_px for n in self.shape)
        self._used = np.s_[:rows:step, :columns]
        rows //= step
        sizes = [(columns >> n, rows >> n) for n in range(1, (self.cell_px // step).bit_length())]
        if step > 1:
            sizes.append((self.shape[1], self.shape[0]))
        self._halves = [(size, np.empty(size[::-1], np.uint8)) for size in sizes]
        self._means = np.zeros(self.shape, np.float32)

    def measure(self, luma: Plane) -> Cells:
        """Return the mean of each cell, valid until the next call; rows may be padded."""
        part = luma[self._used]
        for size, half in self._halves:
            cv2.resize(part, size, dst=half, interpolation=cv2.INTER_AREA)
            part = half
        np.copyto(self._means, part)
        return self._means

    def box(self, left: int, top: int, right: int, bottom: int) -> Box:
        """Return a range of cells, right and bottom exclusive, as fractions of the frame."""
        return Box(
            self._edge(left, 1), self._edge(top, 0), self._edge(right, 1), self._edge(bottom, 0)
        )

    def _edge(self, cells: int, axis: int) -> float:
        if cells == self.shape[axis]:
            return 1.0
        return cells * self.cell_px / self._size_px[axis]

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return a place given in cells, 0 the middle of the first, as fractions of the frame."""
        rows, columns = self._size_px
        return (x + 0.5) * self.cell_px / columns, (y + 0.5) * self.cell_px / rows

    def activity(self, moved: Mask) -> bytes:
        """Return 48 bytes: the share of each part of the frame that ``moved``, 0 to 255."""
        size = ACTIVITY_COLUMNS, ACTIVITY_ROWS
        shares = cv2.resize(moved.view(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
        return shares.tobytes()


def _times_larger(size_px: Shape) -> int:
    """Return 1, 2 or 4: how much larger than small the cells of such a plane are."""
    small_cells = size_px[0] * size_px[1] / SMALL_CELL_PX**2
    return 1 if small_cells <= MOST_CELLS else 2 if small_cells <= 4 * MOST_CELLS else 4
