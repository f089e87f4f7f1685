"""Compares what a machine's outputs decode to with what the golden outputs decode to.

Quantised outputs differ by a few steps between architectures and runtimes, so bytes are never
compared; how far apart the findings may be is the manifest's to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeagent.decode import decode
from edgeagent.findings import Box, Detection, Embedding, Finding, Label
from edgeagent.model import Bundle, ModelFile, Tolerance
from edgeagent.tensor import Tensor

THRESHOLD = 0.3
"""Findings of at least this score are compared: low, so that faint ones count too."""

Outputs = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """One input, and what the model said to it when the bundle was made."""

    name: str
    image: NDArray[np.uint8]
    """``[1, height, width, 3]``, RGB bytes before quantisation."""
    outputs: Outputs
    """Role to raw tensor, as the ``cpu`` file gives it."""


def goldens(bundle: Bundle) -> list[Golden]:
    """Read the bundle's ``golden/*.npz``: ``image``, and one array named as each role."""
    return [_read(path) for path in sorted((bundle.folder / "golden").glob("*.npz"))]


def _read(path: Path) -> Golden:
    with np.load(path, allow_pickle=False) as arrays:
        held = {key: arrays[key] for key in arrays.files}
    return Golden(path.stem, held.pop("image"), held)


def differences(bundle: Bundle, file: ModelFile, golden: Golden, outputs: Outputs) -> list[str]:
    """Say in words what differs by more than the manifest's tolerance; empty where nothing does.

    Args:
        bundle: decoder and tolerance.
        file: what ``outputs`` came from; the golden ones came from the ``cpu`` file.
        golden: input and outputs as they were.
        outputs: the outputs now, on the same input.
    """
    slack = bundle.golden.score

    def found(of: ModelFile, raw: Outputs, threshold: float) -> list[Finding]:
        return decode(bundle, of, raw, threshold, top=1)

    cpu = bundle.files["cpu"]
    # What is just above the threshold here may be just below it there.
    wanted, got = found(cpu, golden.outputs, THRESHOLD), found(file, outputs, THRESHOLD)
    near = found(file, outputs, THRESHOLD - slack)
    known = found(cpu, golden.outputs, THRESHOLD - slack)
    return [
        *_absent(wanted, near, bundle.golden, f"{golden.name}: lost "),
        *_absent(got, known, bundle.golden, f"{golden.name}: made up "),
    ]


def _absent(
    wanted: Sequence[Finding], there: Sequence[Finding], tolerance: Tolerance, what: str
) -> Iterator[str]:
    for one in wanted:
        if not any(_alike(one, other, tolerance) for other in there):
            yield what + _told(one)


def _alike(one: Finding, other: Finding, tolerance: Tolerance) -> bool:
    match one, other:
        case Detection(), Detection():
            same = one.name == other.name and _iou(one.box, other.box) >= tolerance.iou
            return same and abs(one.score - other.score) <= tolerance.score
        case Label(), Label():
            return one.name == other.name and abs(one.score - other.score) <= tolerance.score
        case Embedding(), Embedding():
            return _cosine(one, other) >= tolerance.cosine
    return False


def _told(finding: Finding) -> str:
    if isinstance(finding, Embedding):
        return "the vector"
    return f"{finding.name} {finding.score:.2f}"


def _iou(a: Box, b: Box) -> float:
    inner = a.overlap(b)
    return inner / max(a.area + b.area - inner, 1e-12)


def _cosine(a: Embedding, b: Embedding) -> float:
    one, other = (_real(vector) for vector in (a, b))
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else float(not one.any() and not other.any())


def _real(vector: Embedding) -> NDArray[np.float64]:
    steps = np.frombuffer(vector.values, vector.dtype).astype(np.float64)
    return steps if vector.scale == 0 else (steps - vector.zero_point) * vector.scale
