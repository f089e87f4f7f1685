"""Decodes a feature extractor: the vector exactly as the model gave it."""

from collections.abc import Mapping

import numpy as np

from edgeagent.findings import Embedding
from edgeagent.model import ModelFile
from edgeagent.tensor import Tensor


def decode(file: ModelFile, outputs: Mapping[str, Tensor]) -> Embedding:
    """Return the bytes of role ``vector``.

    Nothing is lost: the receiver dequantises with the scale and zero point that travel along.
    Floats are little-endian.
    """
    spec = file.outputs["vector"]
    raw = np.ascontiguousarray(outputs["vector"]).astype(np.dtype(spec.dtype).newbyteorder("<"))
    return Embedding(raw.tobytes(), spec.dtype, spec.scale, spec.zero_point)
