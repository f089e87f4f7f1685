"""Decodes YOLO models whose boxes are still distributions, beside class scores as logits.

Such models are cut before the last steps, so that boxes and scores are quantised apart from each
other; Frigate runs YOLOv9 on Corals that way (frigate pull request 21124). Each edge of a box is
a distribution over whole strides, and its mean is the edge's distance from the cell's centre
("Generalized Focal Loss", Li et al. 2020, arXiv 2006.04388). Only the few boxes whose raw score
counts are worked out.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgeagent.decode.boxes import Boxes, nms, sound
from edgeagent.decode.candidates import detections, strongest
from edgeagent.findings import Detection
from edgeagent.heads import Params
from edgeagent.model import ModelFile
from edgeagent.tensor import Tensor, TensorSpec

_FAINTEST = 1e-6
"""A threshold below this, or this near to 1, is taken as this: 0 and 1 have no logit."""


def decode(
    file: ModelFile,
    outputs: Mapping[str, Tensor],
    labels: Sequence[str],
    params: Params,
    threshold: float,
) -> list[Detection]:
    """Return every object with a score of at least ``threshold``, each box of its best class.

    Role ``scores``: ``[1, cells, classes]``, logits. Role ``boxes``: ``[1, cells, 4 x bins]``,
    logits of the distance in strides to the left, top, right and bottom edge. Cells are in order
    of ``params.strides``, row by row.
    """
    specs, logits = file.outputs, outputs["scores"][0]
    best = logits.max(axis=1)
    found = strongest(best, specs["scores"].least(_logit(threshold)))
    classes = logits[found].argmax(axis=1)
    scores = 1 / (1 + np.exp(-specs["scores"].dequantise(best[found])))
    distances = _means(specs["boxes"].dequantise(outputs["boxes"][0, found]))
    boxes = _edges(distances, found, file.input, params.strides)
    solid = np.flatnonzero(sound(boxes))
    kept = solid[nms(boxes[solid], classes[solid], params.nms_iou)]
    return detections(boxes[kept], scores[kept], classes[kept], labels)


def _logit(share: float) -> float:
    sure = min(max(share, _FAINTEST), 1 - _FAINTEST)
    return math.log(sure / (1 - sure))


def _means(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each of 4 distributions ``[n, 4 x bins]``, in bins."""
    apart = logits.reshape(len(logits), 4, logits.shape[1] // 4)
    with np.errstate(all="ignore"):
        weights = np.exp(apart - apart.max(axis=2, keepdims=True))
        bins = np.arange(apart.shape[2], dtype=np.float32)
        return np.asarray(weights @ bins / weights.sum(axis=2), np.float32)


def _edges(
    distances: NDArray[np.float32],
    cells: NDArray[np.intp],
    taken: TensorSpec,
    strides: tuple[int, ...],
) -> Boxes:
    """Return left, top, right, bottom in fractions of the input."""
    _, height, width, _ = taken.shape
    points, steps = _grid(height, width, strides)
    reach: Boxes = distances * steps[cells]
    low, high = points[cells] - reach[:, :2], points[cells] + reach[:, 2:]
    corners = np.concatenate([low, high], axis=1)
    return np.asarray(corners / np.array([width, height] * 2, np.float32), np.float32)


@lru_cache(maxsize=8)
def _grid(
    height: int, width: int, strides: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the centre of each cell in pixels ``[n, 2]``, x first, and its stride ``[n, 1]``."""
    points, steps = [], []
    for stride in strides:
        y, x = np.mgrid[: height // stride, : width // stride]
        points.append((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride)
        steps.append(np.full((x.size, 1), stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(steps).astype(np.float32)
