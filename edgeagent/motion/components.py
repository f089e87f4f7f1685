"""From single cells to things: connected groups with proof, seen for long enough."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.motion.grid import Indices, Mask, Shape

NEIGHBOURS = np.ones((3, 3), np.uint8)
"""A group is near one of an earlier frame when they touch or overlap."""

LONGEST_TRAIL = 255
"""Frames after which a trail is no longer counted."""

NOWHERE: Indices = np.empty(0, np.intp)

Labels = NDArray[np.uint16]


class Group(NamedTuple):
    """One connected group of cells; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int
    cells: int
    x: float
    """Mean column of its cells."""
    y: float
    """Mean row."""


class Components:
    """Groups of the latest frame, and the trail that groups of earlier frames left."""

    def __init__(self, shape: Shape) -> None:
        self.groups: Indices = NOWHERE
        """Cells of every group of the latest frame, confirmed or not."""
        self.confirmed: Mask = np.zeros(shape, np.bool_)
        """After `find`: cells of the confirmed groups."""
        self._trail: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self._longer: NDArray[np.uint8] = np.zeros(shape, np.uint8)

    @property
    def known(self) -> Mask:
        """Cells in or next to a group of the frame before."""
        return self._trail > 0

    def new(self, where: Indices) -> int:
        """Return how many cells of ``where`` are not `known`."""
        return where.size - int(np.count_nonzero(self._trail.take(where)))

    def forget(self) -> None:
        """Say that the latest frame has no group."""
        self.groups = NOWHERE
        self._trail.fill(0)

    def find(
        self, moved: Mask, where: Indices, proof: Mask, min_cells: int, frames: int
    ) -> list[Group]:
        """Return the confirmed groups of ``moved``, largest first.

        Args:
            moved: cells that may belong to a group.
            where: the same as indices.
            proof: for each of ``where``, whether it proves a group.
            min_cells: fewest cells of a group.
            frames: a confirmed group is near one that has been there for so many frames.
        """
        count, labels, stats, centres = cv2.connectedComponentsWithStats(
            moved.view(np.uint8), connectivity=8, ltype=cv2.CV_16U
        )
        numbers = np.asarray(labels, np.uint16).take(where)
        kept = np.bincount(numbers[proof], minlength=count) > 0
        kept &= stats[:, cv2.CC_STAT_AREA] >= min_cells
        shown = kept & self._seen(where, numbers, count, frames)
        self.groups = where[kept[numbers]]
        self._lengthen()
        self.confirmed.fill(False)
        self.confirmed.put(where, shown[numbers])
        return _listed(np.asarray(stats, np.int32), np.asarray(centres, np.float64), shown)

    def _seen(self, where: Indices, numbers: Labels, count: int, frames: int) -> Mask:
        """Return for each number whether such a group has been there for ``frames``."""
        old = self._trail.take(where) >= min(frames, LONGEST_TRAIL)
        return np.asarray(np.bincount(numbers[old], minlength=count) > 0, np.bool_)

    def _lengthen(self) -> None:
        self._longer.fill(0)
        lengths = np.minimum(self._trail.take(self.groups), LONGEST_TRAIL - 1)
        self._longer.put(self.groups, lengths + 1)
        cv2.dilate(self._longer, NEIGHBOURS, self._trail)


def _listed(stats: NDArray[np.int32], centres: NDArray[np.float64], shown: Mask) -> list[Group]:
    groups = []
    for number in np.flatnonzero(shown).tolist():
        left, top, width, height, cells = stats[number].tolist()
        groups.append(
            Group(left, top, left + width, top + height, cells, *centres[number].tolist())
        )
    if len(groups) > 1:
        groups.sort(key=lambda group: -group.cells)
    return groups
