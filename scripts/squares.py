"""The net of the small test models, and the four heads it is given.

It is designed, not trained: it finds red and blue squares of about 24, 48 and 96 pixels by the
difference of two box filters, and where in its window one lies by the difference of the window's
halves. So its answers are known, it weighs some kilobytes, and it is our own work.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

SIZE = 96
STRIDES = (8, 16, 32)
FINE = 4
"""Pixels to a side of what the filters run on."""
LABELS = ("red", "blue")
BINS = 16


@dataclass(frozen=True)
class Grid:
    """What the net says at one stride, on a grid of ``SIZE / stride``."""

    stride: int
    found: tf.Tensor
    """``[1, rows, columns, 2]``, how red, how blue a square is here; 0.75 is a perfect one."""
    shift: tf.Tensor
    """``[1, rows, columns, 2]``, from the cell's centre to the square's, x and y, in strides."""

    @property
    def side(self) -> int:
        """Pixels to a side of the squares that this grid is for."""
        return 3 * self.stride

    @property
    def centres(self) -> NDArray[np.float32]:
        """Centres of the cells in strides, ``[1, rows, columns, 2]``, x first."""
        cells = SIZE // self.stride
        y, x = np.mgrid[:cells, :cells] + 0.5
        return np.asarray(np.stack([x, y], axis=2)[None], np.float32)

    def flat(self, grid: tf.Tensor) -> tf.Tensor:
        """Return ``[1, rows, columns, n]`` as ``[1, cells, n]``."""
        return tf.reshape(grid, (1, -1, grid.shape[-1]))


def colours(image: tf.Tensor) -> tf.Tensor:
    """Return how red and how blue, 0 to 1, on a grid of `FINE` pixels; zeros around it."""
    kernel = np.array([[1.4, -0.7], [-0.7, -0.7], [-0.7, 1.4]], np.float32)[None, None]
    seen = tf.clip_by_value(tf.nn.conv2d(image, kernel, 1, "SAME"), 0.0, 1.0)
    fine = tf.nn.avg_pool2d(seen, FINE, FINE, "VALID")
    edge = SIZE // FINE
    return tf.pad(fine, ((0, 0), (edge, edge), (edge, edge), (0, 0)))


def window(fine: tf.Tensor, stride: int, height: int, width: int) -> tf.Tensor:
    """Return the mean over ``height`` x ``width`` pixels around the centre of each cell."""
    cells, step, edge = SIZE // stride, stride // FINE, SIZE // FINE
    high, wide = height // FINE, width // FINE
    top, left = edge + step // 2 - high // 2, edge + step // 2 - wide // 2
    part = fine[:, top : top + (cells - 1) * step + high, left : left + (cells - 1) * step + wide]
    return tf.nn.avg_pool2d(part, (high, wide), step, "VALID")


def contrast(fine: tf.Tensor, stride: int, height: int, width: int) -> tf.Tensor:
    """Return how much more there is in a window than in one twice its size."""
    ring = window(fine, stride, 2 * height, 2 * width)
    return window(fine, stride, height, width) - ring


def shift(fine: tf.Tensor, stride: int) -> tf.Tensor:
    """Return by how many strides what is in the window is right of and below its centre."""
    side, cells, step = 3 * stride // FINE, SIZE // stride, stride // FINE
    halves = np.where(np.arange(side) < side // 2, -1, 1).astype(np.float32) * 3 / side**2
    x = np.broadcast_to(halves, (side, side))
    kernel = np.broadcast_to(np.stack([x, x.T], axis=2)[:, :, None], (side, side, 2, 2))
    first = SIZE // FINE + step // 2 - side // 2
    last = first + (cells - 1) * step + side
    return tf.nn.conv2d(fine[:, first:last, first:last], kernel, step, "VALID")


def grids(image: tf.Tensor) -> list[Grid]:
    """Return what the net says of ``[1, 96, 96, 3]``, 0 to 1."""
    fine = colours(image)
    return [
        Grid(stride, contrast(fine, stride, 3 * stride, 3 * stride), shift(fine, stride))
        for stride in STRIDES
    ]


def logits(found: tf.Tensor) -> tf.Tensor:
    """Return the logit of a contrast: one half at 0.5: a larger square's corner has 0.44."""
    return 24 * (found - 0.5)


def centred(grid: Grid) -> tf.Tensor:
    """Return centre and size of each box in fractions, ``[1, cells, 4]``."""
    middle = (grid.shift + grid.centres) * (grid.stride / SIZE)
    size = np.full(grid.centres.shape, grid.side / SIZE, np.float32)
    return grid.flat(tf.concat([middle, size], axis=3))


def v8(image: tf.Tensor) -> Mapping[str, tf.Tensor]:
    """One output, ``[1, 4 + classes, boxes]``."""
    rows = [
        tf.concat([centred(one), one.flat(tf.sigmoid(logits(one.found)))], axis=2)
        for one in grids(image)
    ]
    return {"rows": tf.transpose(tf.concat(rows, axis=1), (0, 2, 1))}


def v5(image: tf.Tensor) -> Mapping[str, tf.Tensor]:
    """One output, ``[1, boxes, 5 + classes]``, a square, a tall and a wide box to a cell."""
    fine = colours(image)
    rows = []
    for grid in grids(image):
        for height, width in ((2, 2), (2, 1), (1, 2)):
            size = (height * grid.side // 2, width * grid.side // 2)
            # Half a square is a poor square: without this it would be nearly as good.
            worth = 1.0 if height == width else 0.7
            rows.append(_v5_rows(grid, worth * contrast(fine, grid.stride, *size), size))
    return {"rows": tf.concat(rows, axis=1)}


def _v5_rows(grid: Grid, found: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    stretch = np.array([1, 1, size[1] / grid.side, size[0] / grid.side], np.float32)
    sure = tf.sigmoid(logits(tf.reduce_max(found, axis=3, keepdims=True)))
    # Of two classes the greater contrast, not how great.
    sign = np.array([[1, -1], [-1, 1]], np.float32)[None, None]
    kind = tf.sigmoid(20 * tf.nn.conv2d(found, sign, 1, "VALID"))
    return tf.concat([centred(grid) * stretch, grid.flat(sure), grid.flat(kind)], axis=2)


def dfl(image: tf.Tensor) -> Mapping[str, tf.Tensor]:
    """Two outputs, logits: scores, and for each edge a bell of `BINS` around its distance."""
    boxes, scores = [], []
    bins = np.arange(BINS, dtype=np.float32)
    for one in grids(image):
        away = tf.concat([1.5 - one.shift, 1.5 + one.shift], axis=3)
        kernel = np.kron(np.eye(4), 2 * bins).astype(np.float32)[None, None]
        bell = tf.nn.conv2d(away, kernel, 1, "VALID") - np.tile(bins**2, 4)
        boxes.append(one.flat(tf.maximum(bell, -16.0)))
        scores.append(one.flat(tf.clip_by_value(logits(one.found), -8.0, 8.0)))
    return {"boxes": tf.concat(boxes, axis=1), "scores": tf.concat(scores, axis=1)}


SSD = {"max_detections": 20, "max_classes_per_detection": 1, "detections_per_class": 100}
SSD_SCALES = {"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}


def _post_process_signature() -> str:
    """Return how the converter is told to put its own operator for a function."""
    whole = {**SSD, "num_classes": len(LABELS)}
    real = {**SSD_SCALES, "nms_score_threshold": 0.05, "nms_iou_threshold": 0.5}
    attrs = [f'attr {{ key: "{key}" value {{ i: {value} }} }}' for key, value in whole.items()]
    attrs += [f'attr {{ key: "{key}" value {{ f: {value} }} }}' for key, value in real.items()]
    attrs.append('attr { key: "use_regular_nms" value { b: false } }')
    return " ".join(['name: "TFLite_Detection_PostProcess"', *attrs])


def _outputs(_boxes: tf.Tensor, _scores: tf.Tensor, _anchors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    n = SSD["max_detections"]
    return tf.zeros((1, n, 4)), tf.zeros((1, n)), tf.zeros((1, n)), tf.zeros((1,))


post_process = tf.function(_outputs, experimental_implements=_post_process_signature())


def ssd(image: tf.Tensor) -> Mapping[str, tf.Tensor]:
    """Four outputs of ``TFLite_Detection_PostProcess``, whose background class comes first."""
    boxes, scores, anchors = [], [], []
    for one in grids(image):
        flip = np.array([[0, 1, 0, 0], [1, 0, 0, 0]], np.float32)[None, None]
        by_side = SSD_SCALES["y_scale"] / 3
        boxes.append(one.flat(tf.nn.conv2d(one.shift * by_side, flip, 1, "VALID")))
        kinds = one.flat(tf.sigmoid(logits(one.found)))
        scores.append(tf.concat([tf.zeros_like(kinds[:, :, :1]), kinds], axis=2))
        middle = one.centres.reshape(-1, 2)[:, ::-1] * one.stride / SIZE
        anchors.append(np.hstack([middle, np.full(middle.shape, one.side / SIZE)]))
    known = np.vstack(anchors).astype(np.float32)
    given = post_process(tf.concat(boxes, axis=1), tf.concat(scores, axis=1), known)
    return dict(zip(("boxes", "classes", "scores", "count"), given, strict=True))
