"""Decodes detectors that finish inside the model: TensorFlow's ``TFLite_Detection_PostProcess``.

What SSD MobileNet, SSDLite MobileDet and EfficientDet-Lite of Coral's model zoo end in. The
operator has sorted and suppressed already, and gives floats even in an int8 model; what is left is
to believe none of it. With several classes a box it leaves memory unwritten between its rows
(tensorflow issue 47551), and converters put its four outputs in different orders (tensorflow
issues 52259 and 58764, models 10970), which is why the manifest names a role for each.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from edgeagent.decode.boxes import sound
from edgeagent.decode.candidates import detections, strongest
from edgeagent.findings import Detection
from edgeagent.model import ModelFile
from edgeagent.tensor import Tensor


def decode(
    file: ModelFile, outputs: Mapping[str, Tensor], labels: Sequence[str], threshold: float
) -> list[Detection]:
    """Return every object with a score of at least ``threshold``.

    Role ``boxes``: ``[1, n, 4]``, top, left, bottom, right in fractions of the input; ``classes``
    and ``scores``: n values; ``count``: how many of the n are meant. Class 0 is the first line of
    ``labels.txt``: the background has no line, as in Coral's label files. What is no number, has
    no area or is of a class without a label is dropped.
    """
    real = {role: file.outputs[role].dequantise(raw).ravel() for role, raw in outputs.items()}
    scores = real["scores"][: _whole(float(real["count"][0]))]
    found = strongest(scores, threshold)
    classes, boxes = real["classes"][found], real["boxes"].reshape(-1, 4)[found][:, [1, 0, 3, 2]]
    right = np.flatnonzero(sound(boxes) & (classes > -0.5) & (classes < len(labels) - 0.5))
    kinds = np.rint(classes[right]).astype(np.intp)
    return detections(boxes[right], scores[found[right]], kinds, labels)


def _whole(count: float) -> int:
    """Return ``count`` as an index: 0 where it is no number or below 0."""
    return int(min(count, 1e6)) if count > 0 else 0
