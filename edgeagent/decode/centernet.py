"""Decodes CenterNet heads: a heat map of object centres, and four distances at each cell.

The scheme is that of "Objects as Points" (Zhou, Wang, Kraehenbuehl 2019, arXiv 1904.07850): a
cell that is the greatest of its 3x3 neighbours is an object. Here the distances run to the four
edges. All is done on the raw integers until the few peaks are known: of 102,400 values a handful
are ever dequantised.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.decode.boxes import Boxes, area, nms
from edgeagent.findings import Box, Detection
from edgeagent.heads import Params
from edgeagent.model import ModelFile
from edgeagent.tensor import Tensor, TensorSpec

MOST_PEAKS = 100
"""Most objects in one look; what 100 boxes do not say, more will not."""

Cells = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""Row, column and class of each."""


def decode(
    file: ModelFile,
    outputs: Mapping[str, Tensor],
    labels: Sequence[str],
    params: Params,
    threshold: float,
) -> list[Detection]:
    """Return every object with a score of at least ``threshold``.

    Role ``heat``: ``[1, rows, columns, classes]``, scores. Role ``box``: ``[1, rows, columns, 4]``,
    distances in input pixels from the point (column x stride, row x stride) to the left, top,
    right and bottom edge.
    """
    heat, specs = outputs["heat"][0], file.outputs
    rows, columns, classes = cells = _peaks(heat, specs["heat"].least(threshold))
    scores = specs["heat"].dequantise(heat[cells])
    edges = _edges(outputs["box"][0], specs["box"], rows, columns, params.stride)
    solid = np.flatnonzero(area(edges) > 0)
    kept = solid[nms(edges[solid], classes[solid], params.nms_iou)]
    _, height, width, _ = file.input.shape
    fractions = edges[kept] / np.array([width, height, width, height], np.float32)
    return [
        Detection(labels[c], float(s), Box(*box))
        for c, s, box in zip(classes[kept], scores[kept], fractions.tolist(), strict=True)
    ]


def _peaks(heat: NDArray[Any], least: float) -> Cells:
    """Return the cells of at least ``least`` that no neighbour exceeds, best first."""
    rows, columns, classes = heat.shape
    flat = np.flatnonzero(heat >= least)
    cells, c = np.divmod(flat, classes)
    y, x = np.divmod(cells, columns)
    value = heat[y, x, c]
    peak = np.ones(len(flat), bool)
    for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        beside = np.clip(y + dy, 0, rows - 1), np.clip(x + dx, 0, columns - 1)
        peak &= value >= heat[(*beside, c)]
    found = np.flatnonzero(peak)
    # Widened: the negative of a byte is another byte.
    order = np.argsort(-value[found].astype(np.float32), kind="stable")[:MOST_PEAKS]
    best = found[order]
    return y[best], x[best], c[best]


def _edges(
    box: Tensor, spec: TensorSpec, rows: NDArray[np.intp], columns: NDArray[np.intp], stride: int
) -> Boxes:
    """Return left, top, right, bottom of each peak in input pixels."""
    distances = spec.dequantise(box[rows, columns])
    points = np.stack([columns, rows], axis=1).astype(np.float32) * np.float32(stride)
    return np.concatenate([points - distances[:, :2], points + distances[:, 2:]], axis=1)
