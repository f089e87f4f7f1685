"""Turns raw output tensors into findings. Pure: arrays in, findings out, no interpreter."""

from collections.abc import Mapping

from edgeagent.decode import centernet, classify, embedding
from edgeagent.errors import BundleError
from edgeagent.findings import Finding
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import Tensor

DECODERS = ("centernet", "classify", "embedding")
"""What this release can decode; bundles for ``ssd`` and ``yolo`` are told so."""


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

    Raises:
        BundleError: this release has no such decoder.
    """
    match bundle.decoder:
        case "classify":
            return [*classify.decode(file, outputs, bundle.labels, threshold, top)]
        case "centernet":
            return [*centernet.decode(file, outputs, bundle.labels, bundle.params, threshold)]
        case "embedding":
            return [embedding.decode(file, outputs)]
    raise _unknown(bundle)


def check_decoder(bundle: Bundle) -> None:
    """Refuse a bundle that `decode` would refuse; ask before the first frame.

    Raises:
        BundleError: this release has no such decoder.
    """
    if bundle.decoder not in DECODERS:
        raise _unknown(bundle)


def _unknown(bundle: Bundle) -> BundleError:
    return BundleError(
        f"{bundle.folder / 'manifest.toml'}: decoder: this release cannot decode "
        f"{bundle.decoder!r}; it can {', '.join(DECODERS)}: use another bundle"
    )
