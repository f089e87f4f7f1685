"""A float .tflite read back: its operators done again by TensorFlow, held to what the file says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.tools import flatbuffer_utils

from edgeagent.adding.anatomy import examine
from edgeagent.engines.tflite import find_runtime, load
from edgeagent.errors import ModelError, UsageError
from edgeagent.manifest import did_you_mean
from edgeagent.workshop.graph import Floats
from edgeagent.workshop.lite_operators import Step, Value, taken_step

DTYPES: Mapping[int, type[np.generic]] = {
    0: np.float32,
    1: np.float16,
    2: np.int32,
    4: np.int64,
    6: np.bool_,
}
"""Types of constants, as schema.fbs numbers them; 3 and 9 are eight bits."""

EIGHT_BITS = frozenset((3, 9))

MOST_OFF = 1e-3
"""How far a graph's answers may be from the file's, as a share of their length: both add up in
floats, each in an order of its own."""


@dataclass(frozen=True, slots=True)
class Lite:
    """A file with one graph, from one picture in floats to tensors by name."""

    path: Path
    read: Any
    """A ``ModelT``."""
    wanted: Mapping[str, int]
    """Tensors to give, by the names they are given under."""

    @property
    def shape(self) -> list[int]:
        """Of the input."""
        graph = self.read.subgraphs[0]
        return list(_shape(graph.tensors[graph.inputs[0]]))

    def __call__(self, image: Value) -> dict[str, Value]:
        """Do what the file does, by TensorFlow."""
        graph = self.read.subgraphs[0]
        values: dict[int, Value] = {-1: None, int(graph.inputs[0]): image}
        values |= dict(self._constants())
        for operator in graph.operators:
            outputs = [int(index) for index in operator.outputs]
            step = self._step(operator, values)
            # A scope for each, by which the repairs name what they add.
            with tf.name_scope(_plain(step.where)):
                values |= zip(outputs, taken_step(step), strict=True)
        return {name: tf.identity(values[index]) for name, index in self.wanted.items()}

    def _step(self, operator: Any, values: Mapping[int, Value]) -> Step:  # noqa: ANN401
        tensors = self.read.subgraphs[0].tensors
        return Step(
            flatbuffer_utils.opcode_to_name(self.read, operator.opcodeIndex) or "a custom operator",
            _text(tensors[operator.outputs[0]].name),
            operator.builtinOptions,
            [values[int(index)] for index in operator.inputs],
            [_shape(tensors[index]) for index in operator.outputs],
        )

    def _constants(self) -> Iterator[tuple[int, NDArray[Any]]]:
        for index, tensor in enumerate(self.read.subgraphs[0].tensors):
            data = self.read.buffers[tensor.buffer].data
            if data is not None and len(data):
                dtype = DTYPES.get(tensor.type)
                if dtype is None:
                    raise ModelError(f"{_text(tensor.name)}: a constant of type {tensor.type}")
                yield index, np.frombuffer(bytes(data), dtype).reshape(_shape(tensor))


def read_lite(path: Path) -> Lite:
    """Read the .tflite at ``path``.

    Raises:
        UsageError: it is quantised already.
        BundleError: it is damaged, or something else.
        ModelError: it is no model of one picture in floats.
    """
    anatomy = examine(path)
    if anatomy.compiled or {"uint8", "int8"} & set(anatomy.dtypes):
        raise UsageError(
            f"{path}: is in eight bits already: edgeagent models add makes a bundle of it; to "
            "quantise it otherwise, give the float .tflite, or what it was made from"
        )
    if len(anatomy.inputs) != 1 or anatomy.inputs[0].spec.dtype != "float32":
        takes = ", ".join(f"{one.spec.dtype} {list(one.spec.shape)}" for one in anatomy.inputs)
        raise ModelError(f"{path}: takes {takes}; a model of one picture in floats is wanted")
    read = flatbuffer_utils.convert_bytearray_to_object(bytearray(path.read_bytes()))
    return Lite(path, read, _own(read))


def _shape(tensor: Any) -> tuple[int, ...]:  # noqa: ANN401
    return () if tensor.shape is None else tuple(int(side) for side in tensor.shape)


def _text(name: bytes | None) -> str:
    return (name or b"").decode(errors="replace")


def _plain(name: str) -> str:
    """Return the first of the nodes that were made one, as TensorFlow allows names."""
    return re.sub(r"\W", "_", name.split(";")[0]).lstrip("_") or "unnamed"


def _own(read: Any) -> dict[str, int]:  # noqa: ANN401
    """Return the model's outputs, by their names in its signature if it has one."""
    for signature in read.signatureDefs or ():
        return {_plain(_text(one.name)): int(one.tensorIndex) for one in signature.outputs}
    graph = read.subgraphs[0]
    return {_plain(_text(graph.tensors[i].name)): int(i) for i in graph.outputs}


def cut(lite: Lite, outputs: Sequence[str]) -> Lite:
    """Return it as a file that ends at the tensors named ``outputs``.

    Raises:
        UsageError: there is no such tensor.
    """
    graph = lite.read.subgraphs[0]
    made = {int(index) for one in graph.operators for index in one.outputs}
    there = {_text(graph.tensors[index].name): index for index in sorted(made)}
    for name in outputs:
        if name not in there:
            raise UsageError(f"--outputs {name}: no such tensor{did_you_mean(name, list(there))}")
    return replace(lite, wanted={_plain(name): there[name] for name in outputs})


def hold(lite: Lite) -> None:
    """Make sure that TensorFlow says what the file itself says, of noise bright and dark.

    Raises:
        ModelError: it does not.
    """
    interpreter = load(lite.path, find_runtime(), threads=1)
    draw = np.random.default_rng(0)
    for top in (1.0, 255.0):
        feed = draw.uniform(0, top, lite.shape).astype(np.float32)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], feed)
        interpreter.invoke()
        # Operator by operator: a graph is optimised, and what oneDNN then makes of hard-swishes
        # was .3 % off (TensorFlow 2.21).
        for name, found in lite(tf.constant(feed)).items():
            _hold_one(lite, name, found.numpy(), interpreter.get_tensor(lite.wanted[name]))


def _hold_one(lite: Lite, name: str, found: Floats, wanted: Floats) -> None:
    off = float(np.linalg.norm(found - wanted)) / (float(np.linalg.norm(wanted)) or 1.0)
    if not off <= MOST_OFF:
        raise ModelError(
            f"{lite.path}: done by TensorFlow, {name} is {off:.1%} from what the file says, at "
            f"most {MOST_OFF:.1%} is allowed; give what the file was made from"
        )
