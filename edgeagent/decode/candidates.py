"""From many candidates to a few detections, in a time that a wrong tensor cannot stretch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.decode.boxes import Boxes
from edgeagent.findings import Box, Detection

MOST_CANDIDATES = 512
"""Most boxes that compete; suppression costs their square, and an object has ten or twenty."""

MOST_OBJECTS = 100
"""Most objects in one look; what 100 boxes do not say, more will not."""


def strongest(values: NDArray[Any], least: float) -> NDArray[np.intp]:
    """Return where ``values`` are at least ``least``: at most `MOST_CANDIDATES`, best first.

    Of equals the earlier goes first, on every machine; what is no number does not count.
    """
    found = np.flatnonzero(values >= least)
    # Widened: the negative of a byte is another byte.
    order = np.argsort(-values[found].astype(np.float32), kind="stable")
    best: NDArray[np.intp] = found[order[:MOST_CANDIDATES]]
    return best


def detections(
    boxes: Boxes, scores: NDArray[np.float32], classes: NDArray[np.intp], labels: Sequence[str]
) -> list[Detection]:
    """Return the first `MOST_OBJECTS` as findings; scores above 1, by rounding, are 1.

    Args:
        boxes: left, top, right, bottom in fractions, best score first.
        scores: of each.
        classes: of each, an index of ``labels``.
        labels: names of the classes.
    """
    rows = zip(classes.tolist(), scores.tolist(), boxes[:MOST_OBJECTS].tolist(), strict=False)
    return [Detection(labels[c], min(s, 1.0), Box(*box)) for c, s, box in rows]
