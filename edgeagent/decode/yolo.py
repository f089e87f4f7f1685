"""Decodes YOLO models with one output, in which every box is a row or a column.

Two layouts are in use (`heads.layout_of` tells them apart): YOLOv5's ``[1, boxes, 5 + classes]``
with an objectness, and that of YOLOv8, v9 and v11 ``[1, 4 + classes, boxes]`` without. Exporters
for the Edge TPU give boxes as fractions of the input, because boxes in pixels and scores in one
tensor of bytes leave the scores no precision (ultralytics pull requests 1695 and 7372, yolov5
1127). All is done on the raw integers until the few candidates are known.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.decode.boxes import Boxes, nms, sound
from edgeagent.decode.candidates import detections, strongest
from edgeagent.findings import Detection
from edgeagent.heads import Params, cells_of, layout_of
from edgeagent.model import ModelFile
from edgeagent.tensor import Tensor, TensorSpec

Candidates = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]
"""Centre x and y, width and height ``[n, 4]``; score; class; best first."""


def decode(
    file: ModelFile,
    outputs: Mapping[str, Tensor],
    labels: Sequence[str],
    params: Params,
    threshold: float,
) -> list[Detection]:
    """Return every object with a score of at least ``threshold``, each box of its best class.

    Role ``rows``: centre x and y, width and height in ``params.coordinates``, then the scores,
    0 to 1.
    """
    spec, rows = file.outputs["rows"], outputs["rows"][0]
    layout = layout_of(spec.shape, len(labels), cells_of(file.input, params.strides))
    choose = _choose_v5 if layout == "v5" else _choose_v8
    centred, scores, classes = choose(rows, spec, threshold)
    boxes = _edges(centred)
    if params.coordinates == "pixels":
        _, height, width, _ = file.input.shape
        boxes /= np.array([width, height, width, height], np.float32)
    solid = np.flatnonzero(sound(boxes))
    kept = solid[nms(boxes[solid], classes[solid], params.nms_iou)]
    return detections(boxes[kept], scores[kept], classes[kept], labels)


def _choose_v8(rows: NDArray[Any], spec: TensorSpec, threshold: float) -> Candidates:
    """Choose columns of ``[4 + classes, boxes]`` by their best class."""
    best = rows[4:].max(axis=0)
    found = strongest(best, spec.least(threshold))
    classes = rows[4:, found].argmax(axis=0)
    return spec.dequantise(rows[:4, found]).T, spec.dequantise(best[found]), classes


def _choose_v5(rows: NDArray[Any], spec: TensorSpec, threshold: float) -> Candidates:
    """Choose rows of ``[boxes, 5 + classes]`` by objectness times best class."""
    # A class score is at most 1: a box whose objectness is too low needs no further look.
    likely = np.flatnonzero(rows[:, 4] >= spec.least(threshold))
    known = rows[likely, 5:]
    classes = known.argmax(axis=1)
    best = known[np.arange(len(likely)), classes]
    scores = _share(spec, rows[likely, 4]) * _share(spec, best)
    found = strongest(scores, threshold)
    return spec.dequantise(rows[likely[found], :4]), scores[found], classes[found]


def _share(spec: TensorSpec, raw: NDArray[Any]) -> NDArray[np.float32]:
    """Return the real values, those above 1 by rounding as 1."""
    return np.minimum(spec.dequantise(raw), np.float32(1))


def _edges(centred: NDArray[np.float32]) -> Boxes:
    """Return left, top, right, bottom of boxes given by centre and size."""
    middle, half = centred[:, :2], centred[:, 2:] / 2
    with np.errstate(all="ignore"):
        return np.concatenate([middle - half, middle + half], axis=1)
