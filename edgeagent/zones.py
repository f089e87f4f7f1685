"""Which part of the frame is looked at and spoken of: zones to ignore, and zones to keep to.

A thing is where it stands: at its foot point, the middle of its lower edge.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeagent.config import ZoneConfig
from edgeagent.findings import Box, Detection, Finding, Motion
from edgeagent.polygon import Point, Polygon, contains, edges

RASTER_ROWS, RASTER_COLUMNS = 120, 160
"""So finely the frame is divided to tell whether a region of motion lies wholly in a zone."""

GRID_ROWS, GRID_COLUMNS = 6, 8
"""Of `findings.Motion.grid`."""

Raster = NDArray[np.bool_]


def foot(box: Box) -> Point:
    """Return where a thing stands, within the frame even where its box reaches out of it."""
    x, y = (box.left + box.right) / 2, box.bottom
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)


def concerns(zone: ZoneConfig, thing: Detection) -> bool:
    """Return whether ``zone`` is about things of this label and size, wherever they are."""
    named = not zone.labels or thing.name in zone.labels
    return named and zone.min_size <= thing.box.height <= zone.max_size


def holds(zone: ZoneConfig, thing: Detection) -> bool:
    """Return whether ``thing`` stands in ``zone`` and is what it is about."""
    return concerns(zone, thing) and contains(zone.polygon, foot(thing.box))


class Mask:
    """What of one camera's frame is to be seen. Made anew when its zones change."""

    def __init__(self, zones: Sequence[ZoneConfig]) -> None:
        self._ignore = [zone for zone in zones if zone.kind == "ignore"]
        self._only = [zone for zone in zones if zone.kind == "only"]
        self._open = _open(self._ignore, self._only)
        self._sums = None if self._open is None else _sums(self._open)

    def motion(self, motion: Motion | None) -> Motion | None:
        """Return what of ``motion`` is worth a look, None where nothing is.

        A region goes only as a whole; one that reaches out of the mask by a cell is looked at.
        """
        if motion is None or self._open is None:
            return motion
        kept = tuple(region for region in motion.regions if self._reaches_out(region))
        if len(kept) == len(motion.regions):
            return motion
        return _rest(motion, kept, self._open) if kept else None

    def _reaches_out(self, region: Box) -> bool:
        assert self._sums is not None
        left, right = _cells(region.left, region.right, RASTER_COLUMNS)
        top, bottom = _cells(region.top, region.bottom, RASTER_ROWS)
        sums = self._sums
        return bool(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])

    def findings(self, findings: list[Finding]) -> list[Finding]:
        """Return those that may be spoken of; a label of the whole picture always may."""
        if not (self._ignore or self._only):
            return findings
        return [f for f in findings if not isinstance(f, Detection) or self._shows(f)]

    def _shows(self, thing: Detection) -> bool:
        if any(holds(zone, thing) for zone in self._ignore):
            return False
        only = [z for z in self._only if not z.labels or thing.name in z.labels]
        return not only or any(holds(zone, thing) for zone in only)


def _open(ignore: Sequence[ZoneConfig], only: Sequence[ZoneConfig]) -> Raster | None:
    """Return where motion can be of anything that may be spoken of; None: everywhere.

    What has no label yet may be any: only zones for all labels and sizes say where nothing is.
    """
    closed = [z for z in ignore if not z.labels and z.min_size == 0.0 and z.max_size == 1.0]
    confined = any(not zone.labels for zone in only)
    if not (closed or confined):
        return None
    open_ = np.full((RASTER_ROWS, RASTER_COLUMNS), not confined)
    for zone in only if confined else ():
        open_ |= raster(zone.polygon)
    for zone in closed:
        open_ &= ~raster(zone.polygon)
    return open_


def raster(polygon: Polygon, rows: int = RASTER_ROWS, columns: int = RASTER_COLUMNS) -> Raster:
    """Return for each cell of the frame whether its middle lies in ``polygon``."""
    y = (np.arange(rows) + 0.5)[:, None] / rows
    x = (np.arange(columns) + 0.5)[None, :] / columns
    inside = np.zeros((rows, columns), np.bool_)
    for (ax, ay), (bx, by) in edges(polygon):
        spans = (ay > y) != (by > y)
        inside ^= spans & (x < ax + (y - ay) * ((bx - ax) / ((by - ay) or 1.0)))
    return inside


def _sums(open_: Raster) -> NDArray[np.int64]:
    """Return how many cells left of and above each corner are open."""
    sums = np.zeros((RASTER_ROWS + 1, RASTER_COLUMNS + 1), np.int64)
    sums[1:, 1:] = open_.cumsum(0).cumsum(1)
    return sums


def _cells(low: float, high: float, cells: int) -> tuple[int, int]:
    """Return the cells whose middles lie within a span; at least one."""
    first = min(max(int(low * cells + 0.5), 0), cells - 1)
    return first, max(min(int(high * cells + 0.5), cells), first + 1)


def _rest(motion: Motion, kept: tuple[Box, ...], open_: Raster) -> Motion:
    """Return ``motion`` as if only ``kept`` had moved, as near as its sums can tell."""
    weights = [box.area for box in kept]
    whole, rest = sum(box.area for box in motion.regions), sum(weights)
    x = sum(box.centre[0] * weight for box, weight in zip(kept, weights, strict=True)) / rest
    y = sum(box.centre[1] * weight for box, weight in zip(kept, weights, strict=True)) / rest
    shape = GRID_ROWS, RASTER_ROWS // GRID_ROWS, GRID_COLUMNS, RASTER_COLUMNS // GRID_COLUMNS
    seen = open_.reshape(shape).any(axis=(1, 3)).reshape(-1).tolist()
    grid = bytes(level if is_seen else 0 for level, is_seen in zip(motion.grid, seen, strict=True))
    return replace(
        motion, area=motion.area * rest / whole, centroid=(x, y), grid=grid, regions=kept
    )
