"""What a model found, as tensors of the v2 protocol, and back: the same for device and cloud.

A detector says ``labels``, ``scores`` and ``boxes`` (left, top, right, bottom in fractions of what
was sent), a classifier ``labels`` and ``scores``, an extractor ``vector`` in its own steps, with
``scale`` and ``zero_point`` as parameters.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeagent.findings import Box, Detection, Embedding, Finding, Label
from edgeagent.heads import Task
from edgeagent.serving.protocol import DTYPES, MalformedError, Message, Named

OUTPUTS: dict[Task, tuple[str, ...]] = {
    "detect": ("labels", "scores", "boxes"),
    "classify": ("labels", "scores"),
    "embed": ("vector",),
}
"""What a model of each task says when nothing is asked for by name."""

RAW = "raw."
"""What stands before a role where the tensor is asked for as the model gave it."""


def said(found: Sequence[Finding], task: Task) -> list[Named]:
    """Return ``found``, of one model of ``task``, as tensors."""
    if task == "embed":
        return [_vector(one) for one in found if isinstance(one, Embedding)]
    named = [one for one in found if isinstance(one, Detection | Label)]
    tensors = [
        Named("labels", np.array([one.name for one in named], dtype=object)),
        Named("scores", np.array([one.score for one in named], np.float32)),
    ]
    if task == "detect":
        boxes = [_corners(one.box) for one in named if isinstance(one, Detection)]
        tensors.append(Named("boxes", np.array(boxes, np.float32).reshape(-1, 4)))
    return tensors


def heard(answer: Message, task: Task) -> list[Finding]:
    """Return what ``answer`` says, as a device's decoder would.

    Raises:
        MalformedError: it is no answer of a model of ``task``.
    """
    if task == "embed":
        return [_embedding(answer.tensor("vector"))]
    labels, scores = answer.tensor("labels").array, answer.tensor("scores").array
    names = [str(label) for label in labels.ravel()]
    if task == "classify":
        _assert_alike(len(names), scores.shape, (len(names),))
        return [Label(name, float(score)) for name, score in zip(names, scores, strict=True)]
    boxes = answer.tensor("boxes").array
    _assert_alike(len(names), scores.shape + boxes.shape, (len(names), len(names), 4))
    rows = zip(names, scores, boxes, strict=True)
    return [Detection(name, float(score), Box(*map(float, box))) for name, score, box in rows]


def _assert_alike(count: int, shapes: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if shapes != wanted:
        raise MalformedError(f"{count} labels, but scores and boxes of {list(shapes)}")


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom


def _vector(one: Embedding) -> Named:
    values = np.frombuffer(one.values, one.dtype)
    return Named("vector", values, {"scale": one.scale, "zero_point": one.zero_point})


def _embedding(vector: Named) -> Embedding:
    told: dict[str, Any] = dict(vector.parameters)
    try:
        scale, zero_point = float(told.get("scale", 0.0)), int(told.get("zero_point", 0))
    except (TypeError, ValueError) as error:
        raise MalformedError(f"vector.parameters: {error}") from error
    dtype = DTYPES.get(vector.datatype, "")
    if not dtype:
        raise MalformedError(f"vector.datatype: {vector.datatype!r} is none of numbers")
    return Embedding(vector.array.tobytes(), dtype, scale, zero_point)
