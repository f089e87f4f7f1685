"""Classifiers of every dtype, and the bytes of a real one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeagent.decode import decode
from edgeagent.findings import Label
from edgeagent.model import Bundle, bundles_folder, find_bundle
from edgeagent.tensor import Tensor, TensorSpec

GOLDEN = Path(__file__).parent / "golden" / "mobilenet_v1_050_160.npz"
BASE = find_bundle("embed88-128", [bundles_folder()])
FOUR = ("a", "b", "c", "d")


def classifier(labels: tuple[str, ...], spec: TensorSpec) -> Bundle:
    file = replace(BASE.files["cpu"], outputs={"scores": spec})
    return replace(BASE, task="classify", decoder="classify", labels=labels, files={"cpu": file})


def said(
    bundle: Bundle, scores: Tensor, threshold: float = 0.0, top: int = 1
) -> list[tuple[str, float]]:
    found = decode(bundle, bundle.files["cpu"], {"scores": scores}, threshold, top)
    return [(one.name, one.score) for one in found if isinstance(one, Label)]


@pytest.mark.parametrize(
    ("picture", "best"), [("cat", [(286, 153), (283, 64), (282, 31)]), ("parrot", [(89, 252)])]
)
def test_the_real_classifiers_bytes_are_read_as_they_should(
    picture: str, best: list[tuple[int, int]]
) -> None:
    labels = tuple(f"class {number}" for number in range(1001))
    bundle = classifier(labels, TensorSpec("scores", (1, 1001), "uint8", 1 / 256, 0))
    raw = np.load(GOLDEN)[picture]
    assert said(bundle, raw, 0.1, 5) == [(f"class {k}", value / 256) for k, value in best]


def test_int8_scores_do_not_wrap_around() -> None:
    bundle = classifier(FOUR, TensorSpec("scores", (1, 4), "int8", 1 / 256, -128))
    raw = np.array([[-128, 127, 0, 126]], np.int8)
    assert said(bundle, raw, 0.25, 9) == [("b", 255 / 256), ("d", 254 / 256), ("c", 0.5)]


def test_uint8_scores_below_their_zero_point_do_not_wrap_around() -> None:
    bundle = classifier(FOUR, TensorSpec("scores", (1, 4), "uint8", 0.5, 10))
    assert said(bundle, np.array([[0, 9, 10, 11]], np.uint8), 0.0, 9) == [("d", 0.5), ("c", 0.0)]


def test_float_scores_are_taken_as_they_are_and_nan_is_nothing() -> None:
    bundle = classifier(FOUR, TensorSpec("scores", (1, 4), "float32"))
    raw = np.array([[0.25, np.nan, 0.5, 0.125]], np.float32)
    assert said(bundle, raw, 0.2, 9) == [("c", 0.5), ("a", 0.25)]


def test_top_limits_and_equal_scores_go_by_class() -> None:
    bundle = classifier(FOUR, TensorSpec("scores", (1, 1, 1, 4), "uint8", 1 / 256, 0))
    raw = np.array([[[[7, 7, 9, 7]]]], np.uint8)
    assert [name for name, _ in said(bundle, raw, 0.0, 3)] == ["c", "a", "b"]
    assert said(bundle, raw, 0.9, 3) == []
