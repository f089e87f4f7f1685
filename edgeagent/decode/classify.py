"""Decodes a classifier: one score for each label."""

from collections.abc import Mapping, Sequence

import numpy as np

from edgeagent.findings import Label
from edgeagent.model import ModelFile
from edgeagent.tensor import Tensor


def decode(
    file: ModelFile,
    outputs: Mapping[str, Tensor],
    labels: Sequence[str],
    threshold: float,
    top: int,
) -> list[Label]:
    """Return the ``top`` best labels with a score of at least ``threshold``.

    Role ``scores``: as many values as labels, whatever the shape; probabilities once dequantised.
    Of equal scores the one with the lower class goes first, on every machine.
    """
    # Dequantised in int32: a byte less its zero point would wrap around.
    scores = file.outputs["scores"].dequantise(outputs["scores"].reshape(-1))
    # Written so that nan, which no comparison holds for, falls through.
    counted = np.flatnonzero(scores >= threshold)
    best = counted[np.argsort(-scores[counted], kind="stable")[:top]]
    return [Label(labels[i], float(scores[i])) for i in best]
