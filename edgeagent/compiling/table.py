"""Which operators the Edge TPU takes, as Google publishes it: a forecast without a compiler.

The table is that of "TensorFlow models on the Edge TPU", section "Supported operations", on
Coral's site (coral.ai/docs/edgetpu/models-intro), for compiler and runtime 16 alike. What it says
of parameters that a graph does not show without its weights is repeated, not checked; and for
large tensors the compiler may refuse what the table allows.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from edgeagent.adding.anatomy import Anatomy, Operator
from edgeagent.compiling.log import Operators

PUBLISHED: Mapping[str, str] = {
    "ADD": "",
    "AVERAGE_POOL_2D": "without an activation of its own",
    "CONCATENATION": "without an activation of its own; a constant input must be zeros",
    "CONV_2D": "the same dilation both ways",
    "DEPTHWISE_CONV_2D": "the same dilation both ways",
    "EXPAND_DIMS": "",
    "FULLY_CONNECTED": "weights in the default format, a flat output",
    "L2_NORMALIZATION": "",
    "LOGISTIC": "",
    "LSTM": "one direction",
    "MAXIMUM": "",
    "MAX_POOL_2D": "without an activation of its own",
    "MEAN": "not over the batch; over channels only where their number is a multiple of 4",
    "MINIMUM": "",
    "MUL": "",
    "PACK": "not along the batch",
    "PAD": "not along the batch",
    "PRELU": "one alpha for each channel",
    "QUANTIZE": "",
    "REDUCE_MAX": "not over the batch",
    "REDUCE_MIN": "not over the batch",
    "RELU": "",
    "RELU6": "",
    "RELU_N1_TO_1": "",
    "RESHAPE": "not too large",
    "RESIZE_BILINEAR": "not too large",
    "RESIZE_NEAREST_NEIGHBOR": "not too large",
    "RSQRT": "",
    "SLICE": "",
    "SOFTMAX": "of one axis, at most 16,000 values",
    "SPACE_TO_DEPTH": "",
    "SPLIT": "not along the batch",
    "SQUARED_DIFFERENCE": "",
    "SQUEEZE": "not where the leading axes are 1",
    "STRIDED_SLICE": "steps of 1",
    "SUB": "",
    "SUM": "not over the batch",
    "TANH": "",
    "TRANSPOSE": "",
    "TRANSPOSE_CONV": "",
}
"""Operator to the condition that is published with it; empty: none."""

TAKEN = "would map"
ABSENT = "not in the published table"
AFTER = "comes after one that does not map, and the compiler makes one subgraph"
_MOST_AXES = 3


def forecast(model: Anatomy) -> tuple[Operators, ...]:
    """Say what the published table lets one expect of ``model``, operators alike together.

    Once an operator has mapped, whatever comes after the first that does not stays on the CPU.
    """
    counted: Counter[tuple[str, str]] = Counter()
    began = ended = False
    for operator in model.operators:
        why = refusal(model, operator)
        if not why and ended:
            why = AFTER
        began = began or not why
        ended = ended or (began and bool(why))
        counted[operator.name, why or TAKEN] += 1
    return tuple(Operators(name, count, why) for (name, why), count in counted.items())


def refusal(model: Anatomy, operator: Operator) -> str:
    """Say why the Edge TPU would not take ``operator``, "" where nothing speaks against it."""
    if operator.name not in PUBLISHED:
        return ABSENT
    # The first input is what flows; after it come weights, biases, shapes and axes.
    flowing = [*operator.inputs[:1], *operator.outputs]
    for index in flowing:
        if not 0 <= index < len(model.dtypes):
            continue
        if model.dtypes[index] not in ("int8", "uint8"):
            return f"works on {model.dtypes[index]}, not on 8 bits"
        if any(edge > 1 for edge in model.shapes[index][:-_MOST_AXES]):
            return f"more than {_MOST_AXES} axes: {list(model.shapes[index])}"
    return ""


def forecast_lines(told: tuple[Operators, ...]) -> Iterator[str]:
    """Return a forecast for people."""
    total = sum(one.count for one in told)
    taken = sum(one.count for one in told if one.status == TAKEN)
    yield f"by the published table {taken} of {total} operators would run on the Edge TPU"
    for one in told:
        if one.status != TAKEN:
            yield f"  {one.name} x{one.count} on the CPU: {one.status}"
    terms = [one for one in told if one.status == TAKEN and PUBLISHED[one.name]]
    if terms:
        yield "on these terms, which only the compiler can check:"
    for one in terms:
        yield f"  {one.name} x{one.count}: {PUBLISHED[one.name]}"
