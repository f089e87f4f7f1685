"""Learns which of an owner's classes a crop shows: one dense layer on the front's vector."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from edgeagent.workshop.born import Born
from edgeagent.workshop.graph import Floats, add_constant, add_node, copied, set_input_shape
from edgeagent.workshop.training.album import Album
from edgeagent.workshop.training.fitting import Weights
from edgeagent.workshop.training.front import Front
from edgeagent.workshop.training.variety import vary

DECAY = 1e-4
"""What large weights cost, so that a few pictures are not learnt by heart."""


class Classifier:
    """A `fitting.Task`; classes of few pictures count as much as others."""

    def __init__(self, album: Album, front: Front) -> None:
        self.size = len(album.images)
        self.key = _key("classifier", front.digest, album.labels, album.digests)
        self._album, self._front, self._features = album, front, front.features()
        counts = np.bincount(album.classes, minlength=len(album.labels))
        self._worth = self.size / len(counts) / np.maximum(counts, 1)

    def initial(self) -> Weights:
        """See `Task.initial`: nothing is known, every class is as likely."""
        side = self._front.side_px
        width = self._features(tf.zeros([1, side, side, 3])).shape[-1]
        classes = len(self._album.labels)
        return {"kernel": np.zeros((width, classes), np.float32), "bias": np.zeros(classes, "f")}

    def batch(self, places: Sequence[int], draw: np.random.Generator) -> tuple[Floats, ...]:
        """See `Task.batch`: pictures, and what each class should get."""
        images = np.stack([vary(self._album.images[place], draw)[0] for place in places])
        classes = self._album.classes[places]
        wanted = np.eye(len(self._album.labels))[classes] * self._worth[classes][:, None]
        return images.astype(np.float32), wanted.astype(np.float32)

    def loss(self, weights: Mapping[str, Any], images: Any, wanted: Any) -> Any:  # noqa: ANN401
        """See `Task.loss`: cross-entropy."""
        logits = self.logits(weights, images)
        worth = tf.reduce_sum(wanted, axis=1)
        costs = tf.nn.softmax_cross_entropy_with_logits(wanted / worth[:, None], logits) * worth
        heavy = (
            DECAY * tf.reduce_sum(weights["kernel"] ** 2) * tf.cast(tf.shape(images)[0], tf.float32)
        )
        return tf.reduce_sum(costs) + heavy

    def logits(self, weights: Mapping[str, Any], images: Any) -> Any:  # noqa: ANN401
        """Return ``[n, classes]``, before the softmax."""
        return tf.matmul(self._features(images), weights["kernel"]) + weights["bias"]

    def born(self, weights: Weights) -> Born:
        """Return front and head as one graph, for `workshop.build`."""
        front, side = self._front, self._front.side_px
        graph = copied(front.graph)
        set_input_shape(graph, front.taken, [1, side, side, 3])
        kernel = add_constant(graph, "head/kernel", weights["kernel"])
        bias = add_constant(graph, "head/bias", weights["bias"])
        plain = {"transpose_a": False, "transpose_b": False}
        add_node(graph, "MatMul", "head/product", [front.given, kernel], T=tf.float32, **plain)
        add_node(graph, "BiasAdd", "head/logits", ["head/product", bias],
                 T=tf.float32, data_format=b"NHWC")  # fmt: skip
        add_node(graph, "Softmax", "head/scores", ["head/logits"], T=tf.float32)
        kind = f"{front.name} with a head trained here"
        return Born(kind, graph, front.taken, {"scores": "head/scores"}, [1, side, side, 3])


def _key(*parts: Any) -> str:  # noqa: ANN401
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
