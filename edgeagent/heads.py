"""What each decoder wants of a model: the roles its outputs play, their shapes, its parameters."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from edgeagent.tensor import TensorSpec

Task = Literal["classify", "detect", "embed"]
Decoder = Literal["classify", "centernet", "ssd", "yolo", "yolo_dfl", "embedding"]

ROLES: Mapping[Decoder, tuple[Task, frozenset[str]]] = {
    "classify": ("classify", frozenset({"scores"})),
    "centernet": ("detect", frozenset({"heat", "box"})),
    "ssd": ("detect", frozenset({"boxes", "classes", "scores", "count"})),
    "yolo": ("detect", frozenset({"rows"})),
    "yolo_dfl": ("detect", frozenset({"boxes", "scores"})),
    "embedding": ("embed", frozenset({"vector"})),
}
"""For each decoder the task it serves and the roles its outputs play."""

MAX_VECTOR = 2048
"""Most values a feature vector may have: what the wire allows."""

_DTYPES = ("uint8", "int8", "float32")

COARSEST_STEP = 1 / 16
"""Widest step in which a score may be held. Boxes in pixels and scores in one tensor of bytes give
a step of about 1.8, in which a score is 0 or 1.8 and nothing else."""

Layout = Literal["v5", "v8"]
"""How a YOLO's one output lies: ``[1, boxes, 5 + classes]``, or ``[1, 4 + classes, boxes]``."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Params:
    """What a decoder must know besides the tensors; each decoder reads its own."""

    stride: Annotated[int, Meta(ge=1, le=64)] = 4
    """Input pixels between two cells of a heat map."""
    nms_iou: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Of two boxes of one class that overlap by more than this, the lesser goes."""
    strides: Annotated[tuple[Annotated[int, Meta(ge=2, le=128)], ...], Meta(min_length=1)] = (
        8,
        16,
        32,
    )
    """Input pixels between two cells of each grid of a YOLO, in the order of its rows."""
    coordinates: Literal["fractions", "pixels"] = "fractions"
    """What a YOLO's boxes are given in: parts of the input, or its pixels."""


PLAIN = Params()
"""What a decoder is told where the manifest says nothing."""


def layout_of(rows: Shape, classes: int, cells: int) -> Layout | None:
    """Say how a YOLO's output of shape ``rows`` lies, None where it is neither way.

    Args:
        rows: shape of the tensor.
        classes: how many the model knows.
        cells: of all its grids together; each has the same number of boxes.
    """
    match rows:
        case (1, boxes, width) if width == 5 + classes and boxes % cells == 0:
            return "v5"
        case (1, height, boxes) if height == 4 + classes and boxes % cells == 0:
            return "v8"
    return None


def cells_of(taken: TensorSpec, strides: Sequence[int]) -> int:
    """Return how many cells the grids of ``strides`` have on an input, all together."""
    _, height, width, _ = taken.shape
    return sum((height // stride) * (width // stride) for stride in strides)


def spec_faults(taken: TensorSpec, outputs: Mapping[str, TensorSpec]) -> Iterator[str]:
    """Yield what is wrong with a model's tensors, whatever reads them."""
    shape = taken.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or not 8 <= min(shape[1:3]) <= 4096:
        yield f"input.shape: {list(shape)} is not [1, height, width, 3]"
    if taken.dtype not in _DTYPES:
        yield f"input.dtype: {taken.dtype!r} is none of {', '.join(_DTYPES)}"
    for role, spec in outputs.items():
        if spec.dtype not in _DTYPES:
            yield f"outputs.{role}.dtype: {spec.dtype!r} is none of {', '.join(_DTYPES)}"
        if not spec.shape or min(spec.shape) < 1:
            yield f"outputs.{role}.shape: {list(spec.shape)} has an empty axis"


def faults(
    decoder: Decoder,
    params: Params,
    labels: int,
    taken: TensorSpec,
    outputs: Mapping[str, TensorSpec],
) -> Iterator[str]:
    """Yield what ``decoder`` cannot read of ``outputs``, which have the roles it wants.

    Args:
        decoder: who is to read them.
        params: what the manifest says to it.
        labels: how many there are.
        taken: the input, ``[1, height, width, 3]``.
        outputs: role to tensor.
    """
    shapes = {role: spec.shape for role, spec in outputs.items()}
    match decoder:
        case "classify":
            yield from _count_faults(labels, math.prod(shapes["scores"]))
        case "centernet":
            yield from _centernet_faults(params, labels, taken, shapes)
        case "ssd":
            yield from _ssd_faults(labels, shapes)
        case "yolo":
            yield from _yolo_faults(params, labels, taken, outputs["rows"])
        case "yolo_dfl":
            yield from _dfl_faults(params, labels, taken, shapes)
        case "embedding" if math.prod(shapes["vector"]) > MAX_VECTOR:
            yield f"outputs.vector.shape: more than {MAX_VECTOR} values"


def _count_faults(labels: int, classes: int) -> Iterator[str]:
    if labels != classes:
        yield f"labels.txt has {labels} labels, the model {classes} classes"


def _centernet_faults(
    params: Params, labels: int, taken: TensorSpec, shapes: Mapping[str, Shape]
) -> Iterator[str]:
    cells = tuple(edge // params.stride for edge in taken.shape[1:3])
    yield from _count_faults(labels, shapes["heat"][-1])
    if shapes["heat"][:-1] != (1, *cells) or shapes["box"] != (1, *cells, 4):
        yield f"outputs: heat and box are not of {cells} cells, input by stride"


def _ssd_faults(labels: int, shapes: Mapping[str, Shape]) -> Iterator[str]:
    boxes = math.prod(shapes["boxes"]) // 4
    # How many classes there are, the shapes do not say.
    if not labels:
        yield "labels.txt has no label"
    if shapes["boxes"] != (1, boxes, 4):
        yield f"outputs.boxes.shape: {list(shapes['boxes'])} is not [1, boxes, 4]"
    for role, wanted in (("classes", boxes), ("scores", boxes), ("count", 1)):
        if math.prod(shapes[role]) != wanted:
            yield f"outputs.{role}.shape: {list(shapes[role])} is not of {wanted}, as boxes says"


def _yolo_faults(params: Params, labels: int, taken: TensorSpec, rows: TensorSpec) -> Iterator[str]:
    cells = cells_of(taken, params.strides)
    if not cells or layout_of(rows.shape, labels, cells) is None:
        yield (
            f"outputs.rows.shape: {list(rows.shape)} is neither [1, boxes, {5 + labels}] nor "
            f"[1, {4 + labels}, boxes], for the {labels} labels of labels.txt and {cells} boxes "
            f"(or a multiple) for strides {list(params.strides)}; finished boxes are not read"
        )
    if rows.scale > COARSEST_STEP:
        yield (
            f"outputs.rows: one step is {rows.scale:.3g}, too coarse for a score from 0 to 1; "
            "export the model with its boxes as fractions of the input"
        )
    elif rows.scale and params.coordinates == "pixels":
        yield f"params.coordinates: 'pixels' cannot be, rows spans no more than {rows.span:.3g}"


def _dfl_faults(
    params: Params, labels: int, taken: TensorSpec, shapes: Mapping[str, Shape]
) -> Iterator[str]:
    cells = cells_of(taken, params.strides)
    yield from _count_faults(labels, shapes["scores"][-1])
    if shapes["scores"][:-1] != (1, cells) or shapes["boxes"][:-1] != (1, cells):
        yield (
            f"outputs: boxes and scores are not [1, {cells}, ...], as the input has cells "
            f"for strides {list(params.strides)}"
        )
    if shapes["boxes"][-1] % 4 or shapes["boxes"][-1] < 8:
        yield f"outputs.boxes.shape: {list(shapes['boxes'])} does not end in 4 equal distributions"
