"""Learns where an owner's things are: the two heads of a CenterNet on the front's map.

What is wanted of a cell is as in "Training-Time-Friendly Network for Real-Time Object Detection"
(Liu and others 2019, arXiv 1909.00700): a hill as wide as 0.54 of the object on the heat map, and
the distances to the four edges wherever the hill is high.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edgeagent.heads import Params
from edgeagent.workshop.born import Born
from edgeagent.workshop.graph import Floats, Graph, add_constant, add_node, copied, set_input_shape
from edgeagent.workshop.training.boxes import Boxed
from edgeagent.workshop.training.fitting import Weights
from edgeagent.workshop.training.front import Front
from edgeagent.workshop.training.variety import follow, vary

HILL = 0.54 / 6
"""Standard deviation of a hill, as a share of the object's width and height."""
NEAR = 0.3
"""How high a hill is where its box counts."""
RARE = -3.0
"""Bias of a class nobody knows yet: as good as never, or all cells would shout at first."""
LEAST_PX = 4.0
"""A box that has less left of it, when the picture has moved, is none."""
NUDGE = 0.02
"""Weight of the distances' own error: it leads where boxes do not meet yet."""

Hills = tuple[NDArray[np.float32], NDArray[np.float32]]


class Detector:
    """A `fitting.Task`."""

    def __init__(self, boxed: Boxed, front: Front) -> None:
        self.size = len(boxed.images)
        told = ["detector", front.digest, boxed.labels, boxed.digests, _boxes_digest(boxed)]
        self.key = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        self._boxed, self._front, self._features = boxed, front, front.features()
        side = front.side_px
        _, self._cells, _, self._width = self._features(tf.zeros([1, side, side, 3])).shape
        self.stride = side // self._cells
        self.params = Params(stride=self.stride)

    def initial(self) -> Weights:
        """See `Task.initial`: the published heads, where they know the class."""
        begin, classes = self._front.heads, len(self._boxed.labels)
        middle = np.zeros((3, 3, self._width, 1), np.float32)
        middle[1, 1] = 1
        weights = {
            "heat/depthwise": middle,
            "heat/pointwise": np.zeros((1, 1, self._width, classes), np.float32),
            "heat/bias": np.full(classes, RARE, np.float32),
            "box/depthwise": middle,
            "box/pointwise": np.zeros((1, 1, self._width, 4), np.float32),
            "box/bias": np.full(4, self._front.side_px / 8, np.float32),
        }
        if not begin:
            return weights
        weights |= {name: begin[name] for name in begin if name in _WHOLE}
        for place, label in enumerate(self._boxed.labels):
            if label in self._front.labels:
                known = self._front.labels.index(label)
                weights["heat/pointwise"][..., place] = begin["heat/pointwise"][..., known]
                weights["heat/bias"][place] = begin["heat/bias"][known]
        return weights

    def batch(self, places: Sequence[int], draw: np.random.Generator) -> tuple[Floats, ...]:
        """See `Task.batch`: pictures, hills, distances with their weight, and each one's worth."""
        images, hills, edges = [], [], []
        objects = 0
        for place in places:
            image, moved = vary(self._boxed.images[place], draw)
            boxes = follow(self._boxed.boxes[place], moved, self._front.side_px)
            solid = ((boxes[:, 2:] - boxes[:, :2]) >= LEAST_PX).all(axis=1)
            objects += int(solid.sum())
            hill, edge = self._hills(boxes[solid], self._boxed.classes[place][solid])
            images.append(image)
            hills.append(hill)
            edges.append(edge)
        near = np.stack(edges)
        near[..., 4] /= max(float(near[..., 4].sum()) / len(places), 1e-6)
        worth = np.full(len(places), len(places) / max(objects, 1), np.float32)
        return np.stack(images).astype(np.float32), np.stack(hills), near, worth

    def _hills(self, boxes: NDArray[np.float32], classes: NDArray[np.intp]) -> Hills:
        """Return ``[rows, columns, classes]`` of hills, and ``[rows, columns, 5]`` of distances."""
        cells = np.arange(self._cells, dtype=np.float32)
        hills = np.zeros((self._cells, self._cells, len(self._boxed.labels)), np.float32)
        edges = np.zeros((self._cells, self._cells, 5), np.float32)
        for box, place in zip(boxes / self.stride, classes, strict=True):
            peak = np.clip(np.rint((box[:2] + box[2:]) / 2), 0, self._cells - 1)
            across, down = np.exp(-(((cells - peak[:, None]) / self._spread(box)) ** 2) / 2)
            hill = down[:, None] * across[None]
            hills[..., place] = np.maximum(hills[..., place], hill)
            # Of two that claim a cell, the nearer centre has it.
            mine = (hill > NEAR) & (hill > edges[..., 4])
            far = [cells[None] - box[0], cells[:, None] - box[1],
                   box[2] - cells[None], box[3] - cells[:, None]]  # fmt: skip
            for edge, distance in enumerate(far):
                whole = np.broadcast_to(distance * self.stride, hill.shape)
                edges[..., edge] = np.where(mine, whole, edges[..., edge])
            edges[..., 4] = np.where(mine, hill, edges[..., 4])
        return hills, edges

    def _spread(self, box: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.maximum((box[2:] - box[:2]) * HILL, 0.3)[:, None]

    def loss(self, weights: Mapping[str, Any], *batch: Any) -> Any:  # noqa: ANN401
        """See `Task.loss`: focal loss of the hills, and how far boxes do not overlap."""
        images, hills, near, worth = batch
        heat, box = self.heads(weights, images)
        focal = tf.reduce_sum(_focal(heat, hills), axis=[1, 2, 3]) * worth
        edges, weight = near[..., :4], near[..., 4]
        apart = 1 - _overlap(box, edges) + NUDGE * tf.reduce_sum(tf.abs(box - edges), -1)
        return tf.reduce_sum(focal) + tf.reduce_sum(weight * apart)

    def heads(self, weights: Mapping[str, Any], images: Any) -> tuple[Any, Any]:  # noqa: ANN401
        """Return heat before its sigmoid, ``[n, rows, columns, classes]``, and distances."""
        features = self._features(images)
        heat, box = (
            tf.nn.conv2d(
                tf.nn.depthwise_conv2d(
                    features, weights[f"{head}/depthwise"], [1, 1, 1, 1], "SAME"
                ),
                weights[f"{head}/pointwise"], 1, "SAME",
            ) + weights[f"{head}/bias"]
            for head in ("heat", "box")
        )  # fmt: skip
        return heat, box

    def born(self, weights: Weights) -> Born:
        """Return front and heads as one graph, for `workshop.build`."""
        front, side = self._front, self._front.side_px
        graph = copied(front.graph)
        set_input_shape(graph, front.taken, [1, side, side, 3])
        for head in ("heat", "box"):
            _graft(graph, head, front.given, weights)
        add_node(graph, "Sigmoid", "head/heat", ["head/heat/added"], T=tf.float32)
        kind = f"{front.name} with heads trained here"
        given = {"heat": "head/heat", "box": "head/box/added"}
        return Born(kind, graph, front.taken, given, [1, side, side, 3])


_WHOLE = frozenset({"heat/depthwise", "box/depthwise", "box/pointwise", "box/bias"})
"""What does not depend on the classes."""


def _graft(graph: Graph, head: str, taken: str, weights: Weights) -> None:
    parts = ("depthwise", "pointwise", "bias")
    names = {part: f"head/{head}/{part}_w" for part in parts}
    for part, name in names.items():
        add_constant(graph, name, weights[f"{head}/{part}"])
    how: dict[str, Any] = {
        "T": tf.float32, "padding": b"SAME", "strides": [1, 1, 1, 1],
        "dilations": [1, 1, 1, 1], "data_format": b"NHWC",
    }  # fmt: skip
    deep, flat = f"head/{head}/depthwise", f"head/{head}/pointwise"
    add_node(graph, "DepthwiseConv2dNative", deep, [taken, names["depthwise"]], **how)
    add_node(graph, "Conv2D", flat, [deep, names["pointwise"]], **how)
    given = [flat, names["bias"]]
    add_node(graph, "BiasAdd", f"head/{head}/added", given, T=tf.float32, data_format=b"NHWC")


def _focal(logits: Any, hills: Any) -> Any:  # noqa: ANN401
    """Return the focal loss of each cell as CenterNet has it: exponents 2 and 4."""
    share = tf.sigmoid(logits)
    hit = (1 - share) ** 2 * tf.nn.softplus(-logits)
    miss = (1 - hills) ** 4 * share**2 * tf.nn.softplus(logits)
    return tf.where(hills > 0.999, hit, miss)


def _overlap(box: Any, edges: Any) -> Any:  # noqa: ANN401
    """Return intersection over union of boxes given by distances from the same point."""
    box = tf.maximum(box, 0.0)
    inner = tf.minimum(box, edges)
    both = (inner[..., 0] + inner[..., 2]) * (inner[..., 1] + inner[..., 3])
    areas = [(b[..., 0] + b[..., 2]) * (b[..., 1] + b[..., 3]) for b in (box, edges)]
    return both / tf.maximum(areas[0] + areas[1] - both, 1e-6)


def _boxes_digest(boxed: Boxed) -> str:
    held = hashlib.sha256()
    for boxes, classes in zip(boxed.boxes, boxed.classes, strict=True):
        held.update(boxes.tobytes() + classes.tobytes() + b"|")
    return held.hexdigest()
