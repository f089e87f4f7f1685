"""Each picture a little otherwise each time it is learnt from: mirrored, moved, lit differently."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.workshop.pictures import Image

SCALE = 0.8, 1.2
SHIFT = 0.08
"""Farthest move, as a share of the side."""
GAIN = 0.45, 1.25
"""Darkest and brightest: as dark as `workshop.pictures.DARKER`."""

Matrix = NDArray[np.float64]
"""``[2, 3]``: from points of the picture as it was to the picture as it is."""


def vary(image: Image, draw: np.random.Generator) -> tuple[Image, Matrix]:
    """Return another picture of the same, and where each point of it went."""
    height, width = image.shape[:2]
    scale, mirrored = draw.uniform(*SCALE), draw.random() < 0.5
    right, down = draw.uniform(-SHIFT, SHIFT, 2) * (width, height)
    across = -scale if mirrored else scale
    moved = np.array(
        [[across, 0, width / 2 * (1 - across) + right], [0, scale, height / 2 * (1 - scale) + down]]
    )
    whole = cv2.warpAffine(image, moved, (width, height), flags=cv2.INTER_LINEAR)
    lit = whole.astype(np.float32) * draw.uniform(*GAIN)
    return np.clip(lit, 0, 255).astype(np.uint8), moved


def follow(boxes: NDArray[np.float32], moved: Matrix, side_px: int) -> NDArray[np.float32]:
    """Return ``[n, 4]`` boxes, left top right bottom in pixels, where the picture went."""
    xs = np.sort(boxes[:, [0, 2]] * moved[0, 0] + moved[0, 2], axis=1)
    ys = boxes[:, [1, 3]] * moved[1, 1] + moved[1, 2]
    edges = np.stack([xs[:, 0], ys[:, 0], xs[:, 1], ys[:, 1]], axis=1)
    return np.asarray(np.clip(edges, 0, side_px), np.float32)
