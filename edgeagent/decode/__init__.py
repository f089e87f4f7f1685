"""Turns raw output tensors into findings. Pure: arrays in, findings out, no interpreter."""

from collections.abc import Mapping

from edgeagent.decode import centernet, classify, embedding, ssd, yolo, yolo_dfl
from edgeagent.findings import Finding
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import Tensor


def decode(
    bundle: Bundle, file: ModelFile, outputs: Mapping[str, Tensor], threshold: float, top: int
) -> list[Finding]:
    """Read ``outputs`` as the bundle's decoder does.

    Args:
        bundle: which decoder, labels and parameters.
        file: the file that was run: its output specs say how to dequantise.
        outputs: role to raw tensor, batch axis included.
        threshold: lowest score that counts, 0 to 1.
        top: most labels a classifier gives; a detector gives all that count.

    Returns:
        Best score first; boxes in fractions of the model's INPUT, not clipped to it.
    """
    labels, params = bundle.labels, bundle.params
    match bundle.decoder:
        case "classify":
            return [*classify.decode(file, outputs, labels, threshold, top)]
        case "centernet":
            return [*centernet.decode(file, outputs, labels, params, threshold)]
        case "ssd":
            return [*ssd.decode(file, outputs, labels, threshold)]
        case "yolo":
            return [*yolo.decode(file, outputs, labels, params, threshold)]
        case "yolo_dfl":
            return [*yolo_dfl.decode(file, outputs, labels, params, threshold)]
        case "embedding":
            return [embedding.decode(file, outputs)]
