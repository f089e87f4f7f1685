"""Feature vectors leave as the model gave them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeagent.decode import decode
from edgeagent.findings import Embedding
from edgeagent.model import Bundle, bundles_folder, find_bundle
from edgeagent.tensor import Tensor, TensorSpec

GOLDEN = Path(__file__).parent / "golden" / "extractor_v1_100_224.npz"
BASE = find_bundle("embed88-128", [bundles_folder()])


def extractor(spec: TensorSpec) -> Bundle:
    return replace(BASE, files={"cpu": replace(BASE.files["cpu"], outputs={"vector": spec})})


def vector(bundle: Bundle, raw: Tensor) -> Embedding:
    (found,) = decode(bundle, bundle.files["cpu"], {"vector": raw}, 0.9, 1)
    assert isinstance(found, Embedding)
    return found


def test_the_real_extractors_vector_keeps_every_byte_and_its_scale() -> None:
    raw = np.load(GOLDEN)["cat"]
    found = vector(extractor(TensorSpec("v", (1, 1, 1, 1024), "uint8", 0.0235, 3)), raw)
    assert (found.dtype, found.scale, found.zero_point) == ("uint8", 0.0235, 3)
    assert len(found.values) == 1024
    assert sum(found.values) == 32916


def test_signed_bytes_stay_signed() -> None:
    raw = np.array([[-128, 0, 127]], np.int8)
    found = vector(extractor(TensorSpec("v", (1, 3), "int8", 0.1, -5)), raw)
    assert found == Embedding(b"\x80\x00\x7f", "int8", 0.1, -5)


def test_floats_are_little_endian() -> None:
    raw = np.array([[1.0, -2.0]], np.float32)
    found = vector(extractor(TensorSpec("v", (1, 2), "float32")), raw)
    assert found.values == b"\x00\x00\x80\x3f\x00\x00\x00\xc0"
    assert found.scale == 0


def test_the_vector_outlives_the_tensor() -> None:
    raw = np.full((1, 88), 9, np.uint8)
    found = vector(BASE, raw)
    raw[...] = 0
    assert found.values == b"\x09" * 88
