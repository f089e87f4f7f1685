"""Guesses from a model's tensors what it is for, and which output plays which role."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from edgeagent.adding.anatomy import Anatomy
from edgeagent.errors import BundleError
from edgeagent.heads import MAX_VECTOR, ROLES, Decoder, Params, Task, cells_of, faults, layout_of
from edgeagent.tensor import TensorSpec

Labels = tuple[str, ...]

POST_PROCESS = "TFLite_Detection_PostProcess"
_POST_ROLES = ("boxes", "classes", "scores", "count")
"""The operator's outputs in its own order, whatever order the file's outputs have."""

BACKGROUND = frozenset({"???", "background", "__background__"})
"""What stands for "nothing" at the head of some lists."""

_GRIDS = ((8, 16, 32), (16, 32), (8, 16, 32, 64), (8,), (16,), (32,), (4, 8, 16, 32))
"""Strides of the YOLOs there are, likely ones first."""

_TO_SHARES = frozenset({"SOFTMAX", "LOGISTIC"})
_AFTERWARDS = 3
"""Operators that may still come after a softmax: a reshape, a change of quantisation."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a model is taken for."""

    decoder: Decoder
    roles: Mapping[str, int]
    """Role to place among the file's outputs."""
    labels: Labels = ()
    params: Params = field(default_factory=Params)
    why: str = ""
    """By what it was known, in words."""

    @property
    def task(self) -> Task:
        """What it is for."""
        return ROLES[self.decoder][0]


def guess(model: Anatomy, labels: Labels, task: Task | None = None) -> Guess:
    """Say what ``model`` is.

    Args:
        model: its graph.
        labels: of its classes; () where none are known.
        task: what its owner says it is for, None to find out.

    Raises:
        BundleError: it is nothing that the agent can run or read, or the labels do not fit.
    """
    for fault in _input_faults(model):
        raise BundleError(f"{model.path}: {fault}")
    for read in _READERS:
        found = read(model, labels, task)
        if found is not None:
            return _sound(model, found, task)
    outputs = ", ".join(f"{told(port.spec)} by {model.maker(port)}" for port in model.outputs)
    raise BundleError(
        f"{model.path}: its outputs ({outputs}) are none that the agent can read: scores of "
        f"classes, a vector, the four of {POST_PROCESS}, YOLO rows, a CenterNet"
    )


def _input_faults(model: Anatomy) -> Iterator[str]:
    if len(model.inputs) != 1:
        names = ", ".join(port.spec.name for port in model.inputs) or "none"
        yield f"takes {len(model.inputs)} inputs ({names}); the agent gives a model one picture"
        return
    port = model.inputs[0]
    what = f"its input is {told(port.spec)}"
    if port.dynamic:
        yield f"{what}, of a size that is only known when it runs; export it with a fixed size"
    match port.spec.shape:
        case (1, 1 | 3, height, width) if min(height, width) > 3:
            yield f"{what}, channels first; export it with channels last: [1, height, width, 3]"
        case (1, height, width, 3) if min(height, width) >= 8 and max(height, width) <= 4096:
            pass
        case _:
            yield f"{what}; the agent gives [1, height, width, 3], 8 to 4096 pixels a side"
    if port.spec.dtype not in ("uint8", "int8", "float32"):
        yield f"{what}; the agent gives uint8, int8 or float32"


def _sound(model: Anatomy, found: Guess, task: Task | None) -> Guess:
    """Return ``found`` where its decoder can read it and its owner does not object."""
    if task not in (None, found.task):
        raise BundleError(f"{model.path}: is for {found.task!r} ({found.why}), not for {task!r}")
    if found.task != "embed" and not found.labels:
        raise BundleError(f"{model.path}: {found.why}, but no labels are in it; give --labels FILE")
    # Files say nothing, or something else, of what the operator at a detector's end gives.
    if found.decoder != "ssd":
        check_outputs(model, found)
    return found


def check_outputs(model: Anatomy, found: Guess) -> None:
    """Refuse outputs that the decoder cannot read.

    Raises:
        BundleError: with what is wrong.
    """
    outputs = {role: model.outputs[place].spec for role, place in found.roles.items()}
    taken = model.inputs[0].spec
    for fault in faults(found.decoder, found.params, len(found.labels), taken, outputs):
        raise BundleError(f"{model.path}: {fault}")


def _read_post_process(model: Anatomy, labels: Labels, _: Task | None) -> Guess | None:
    last = next((one for one in model.operators if one.name == POST_PROCESS), None)
    places = {port.index: place for place, port in enumerate(model.outputs)}
    if last is None or len(last.inputs) < 2 or not set(last.outputs) <= places.keys():
        return None
    scored = model.shapes[last.inputs[1]] if 0 <= last.inputs[1] < len(model.shapes) else ()
    classes = scored[-1] if scored else 0
    if len(labels) == classes and labels[:1] and labels[0] in BACKGROUND:
        labels = labels[1:]
    _check_count(model, labels, (classes - 1, classes))
    roles = {role: places[index] for role, index in zip(_POST_ROLES, last.outputs, strict=False)}
    return Guess("ssd", roles, labels, why=f"ends in {POST_PROCESS}")


def _check_count(model: Anatomy, labels: Labels, fitting: tuple[int, ...]) -> None:
    if not labels or len(labels) in fitting or not max(fitting):
        return
    off = min((len(labels) - count for count in fitting), key=abs)
    there = " or ".join(str(count) for count in fitting)
    raise BundleError(
        f"{model.path}: has {there} classes, the labels are {len(labels)}: "
        f"{abs(off)} too {'many' if off > 0 else 'few'}; give the list that belongs to this model"
    )


def _read_vector(model: Anatomy, labels: Labels, task: Task | None) -> Guess | None:
    if len(model.outputs) != 1:
        return None
    spec = model.outputs[0].spec
    count = max(spec.shape, default=0)
    if count < 1 or math.prod(spec.shape) != count:
        return None
    shares = _gives_shares(model)
    if task == "embed" or (task is None and not labels and not shares and count <= MAX_VECTOR):
        return Guess("embedding", {"vector": 0}, why=f"one vector of {count} values")
    _check_count(model, labels, (count,))
    if not shares:
        raise BundleError(
            f"{model.path}: gives {count} values that are no shares from 0 to 1 ({told(spec)}); "
            "for a feature vector say --task embed; a classifier must end in a softmax"
        )
    return Guess("classify", {"scores": 0}, labels, why=f"one score for each of {count} classes")


def _gives_shares(model: Anatomy) -> bool:
    """Say whether the output is known to lie between 0 and 1."""
    spec = model.outputs[0].spec
    least = {"uint8": 0, "int8": -128}.get(spec.dtype)
    if spec.scale and least is not None:
        return least == spec.zero_point and spec.span <= 1.01
    return any(one.name in _TO_SHARES for one in model.operators[-1 - _AFTERWARDS :])


def _read_yolo(model: Anatomy, labels: Labels, _: Task | None) -> Guess | None:
    if len(model.outputs) != 1 or len(model.outputs[0].spec.shape) != 3:
        return None
    taken, rows = model.inputs[0].spec, model.outputs[0].spec
    width, roles = min(rows.shape[1:]), {"rows": 0}
    why = f"gives {max(rows.shape)} boxes of {width} values, as YOLOs do"
    for strides in _GRIDS:
        cells = cells_of(taken, strides)
        if cells and (layout := layout_of(rows.shape, len(labels), cells)):
            return Guess("yolo", roles, labels, Params(strides=strides), f"{why} ({layout})")
    if width < 6:
        return None
    _check_count(model, labels, (width - (5 if rows.shape[2] == width else 4),))
    return Guess("yolo", roles, labels, why=why)


def _read_centernet(model: Anatomy, labels: Labels, _: Task | None) -> Guess | None:
    shapes = [port.spec.shape for port in model.outputs]
    if [len(shape) for shape in shapes] != [4, 4] or shapes[0][:-1] != shapes[1][:-1]:
        return None
    channels = [shape[-1] for shape in shapes]
    if 4 not in channels:
        return None
    box = channels.index(4) if len(labels) != 4 or channels != [4, 4] else _wider(model)
    rows = model.outputs[box].spec.shape[1]
    stride = model.inputs[0].spec.shape[1] // max(rows, 1)
    if not 1 <= stride <= 64:
        return None
    _check_count(model, labels, (channels[1 - box],))
    why = f"a heat map of {channels[1 - box]} classes, a box in each cell: a CenterNet"
    return Guess("centernet", {"heat": 1 - box, "box": box}, labels, Params(stride=stride), why)


def _wider(model: Anatomy) -> int:
    """Return which of the two outputs spans more: boxes are in pixels, heat in shares."""
    spans = [port.spec.span for port in model.outputs]
    return spans.index(max(spans))


def _read_distributions(model: Anatomy, labels: Labels, _: Task | None) -> Guess | None:
    if len(model.outputs) not in (2, 3):
        return None
    for strides in _GRIDS:
        cells = cells_of(model.inputs[0].spec, strides)
        shapes = enumerate(port.spec.shape for port in model.outputs)
        widths = {place: shape[-1] for place, shape in shapes if shape[:-1] == (1, cells)}
        if found := _boxes_and_scores(widths, len(labels)):
            boxes, scores = found
            _check_count(model, labels, (widths[scores],))
            why = f"scores of {widths[scores]} classes and a box of distributions for {cells} cells"
            roles = {"boxes": boxes, "scores": scores}
            return Guess("yolo_dfl", roles, labels, Params(strides=strides), why)
    return None


def _boxes_and_scores(widths: Mapping[int, int], labels: int) -> tuple[int, int] | None:
    """Choose by their widths; a third tensor, which some have, is left aside."""
    boxes = [place for place, width in widths.items() if width % 4 == 0 and width >= 8]
    pairs = [(box, other) for box in boxes for other in widths if other != box]
    # 16 bins an edge are the rule.
    pairs.sort(key=lambda pair: (widths[pair[1]] != labels, widths[pair[0]] != 64))
    return pairs[0] if pairs else None


def told(spec: TensorSpec) -> str:
    """Return type and shape in words."""
    return f"{spec.dtype} {list(spec.shape)}"


_Reader = Callable[[Anatomy, Labels, Task | None], Guess | None]
_READERS: tuple[_Reader, ...] = (
    _read_post_process, _read_vector, _read_yolo, _read_centernet, _read_distributions,
)  # fmt: skip
