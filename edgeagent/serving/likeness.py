"""How far what two models said of the same frames agrees: pure, findings in, figures out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeagent.findings import Detection, Embedding, Finding, Label
from edgeagent.heads import Task
from edgeagent.tensor import TensorSpec

SAME_IOU = 0.5
"""Two boxes of one label are one thing if they overlap by so much, as COCO's AP50 has it."""

Scored = Detection | Label


@dataclass(frozen=True, slots=True)
class Pair:
    """What both said of one frame."""

    device: Sequence[Finding]
    cloud: Sequence[Finding]


def agreement(pairs: Sequence[Pair], task: Task) -> dict[str, Any]:
    """Return the fields of a `Comparison` that say how far the two agree."""
    if task == "embed":
        return _of_vectors(pairs)
    device, cloud = (sum(len(one) for one in side) for side in _sides(pairs))
    matches = [match for pair in pairs for match in _matches(pair)]
    said = device + cloud
    scores = [theirs.score - ours.score for ours, theirs, _ in matches]
    return {
        "device": device,
        "cloud": cloud,
        "matched": len(matches),
        "agreement": 2 * len(matches) / said if said else 1.0,
        "likeness": _mean([iou for _, _, iou in matches]) if task == "detect" else None,
        "score_mean": _mean(scores),
        "score_absolute": _mean([abs(score) for score in scores]),
    }


def _sides(pairs: Sequence[Pair]) -> tuple[list[Sequence[Finding]], list[Sequence[Finding]]]:
    return [pair.device for pair in pairs], [pair.cloud for pair in pairs]


def _matches(pair: Pair) -> Iterator[tuple[Scored, Scored, float]]:
    """Yield what is the same in both, the device's best first, and by how much boxes overlap."""
    left = [one for one in pair.cloud if isinstance(one, Detection | Label)]
    for ours in (one for one in pair.device if isinstance(one, Detection | Label)):
        near = [(_likeness(ours, one), place) for place, one in enumerate(left)]
        iou, place = max(near, default=(0.0, -1))
        if iou >= SAME_IOU:
            yield ours, left.pop(place), iou


def _likeness(ours: Scored, theirs: Scored) -> float:
    if ours.name != theirs.name:
        return 0.0
    if isinstance(ours, Detection) and isinstance(theirs, Detection):
        return ours.box.iou(theirs.box)
    return 1.0


def _of_vectors(pairs: Sequence[Pair]) -> dict[str, Any]:
    cosines = [_cosine(*pair.device, *pair.cloud) for pair in pairs]
    return {
        "device": len(cosines),
        "cloud": len(cosines),
        "matched": sum(cosine >= SAME_IOU for cosine in cosines),
        "agreement": _mean(cosines) or 0.0,
        "likeness": min(cosines, default=None),
        "score_mean": None,
        "score_absolute": None,
    }


def _cosine(*both: Finding) -> float:
    ours, theirs = (_reals(one) for one in both if isinstance(one, Embedding))
    if ours.size != theirs.size:
        return 0.0
    lengths = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return float(ours @ theirs) / lengths if lengths else 0.0


def _reals(one: Embedding) -> Any:  # noqa: ANN401
    values = np.frombuffer(one.values, one.dtype)
    spec = TensorSpec("", values.shape, one.dtype, one.scale, one.zero_point)
    return spec.dequantise(values).astype(np.float64)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
