"""Arithmetic on arrays of boxes: ``[n, 4]`` float32 as left, top, right, bottom, in any unit."""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]

FARTHEST = 16.0
"""A box that reaches farther than this many inputs is no box, but a number gone wrong."""


def sound(boxes: Boxes) -> NDArray[np.bool_]:
    """Say of each box in fractions whether it is made of numbers, has an area and is in reach."""
    near = (np.abs(boxes) <= FARTHEST).all(axis=1)
    return np.asarray(near & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))


def iou(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Return intersection over union of every box of ``a`` with every one of ``b``, ``[n, m]``."""
    # Column by column: a product over an axis of two costs five times as much.
    left = np.maximum(a[:, None, 0], b[None, :, 0])
    top = np.maximum(a[:, None, 1], b[None, :, 1])
    right = np.minimum(a[:, None, 2], b[None, :, 2])
    bottom = np.minimum(a[:, None, 3], b[None, :, 3])
    inner = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    outer = area(a)[:, None] + area(b)[None] - inner
    return np.asarray(inner / np.maximum(outer, 1e-9), np.float32)


def area(boxes: Boxes) -> NDArray[np.float32]:
    """Return the area of each box, 0 for an inverted one."""
    edges = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(edges[:, 0] * edges[:, 1], np.float32)


def nms(boxes: Boxes, classes: NDArray[np.intp], most_iou: float) -> NDArray[np.intp]:
    """Choose, class by class, boxes that overlap by at most ``most_iou``: non-maximum suppression.

    Args:
        boxes: best score first.
        classes: ``[n]``; boxes of different classes do not compete.
        most_iou: of two that overlap by more, the later goes.

    Returns:
        Indices of those that stay, in order.
    """
    if len(boxes) < 2:
        return np.arange(len(boxes))
    rivals = (iou(boxes, boxes) > most_iou) & (classes[:, None] == classes[None])
    alive = np.ones(len(boxes), bool)
    for i in range(len(boxes) - 1):
        if alive[i]:
            alive[i + 1 :] &= ~rivals[i, i + 1 :]
    return np.flatnonzero(alive)
