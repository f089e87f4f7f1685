"""Layers that are next to nothing in every picture get a range of which eight bits can be made.

A layer that is zero in all pictures of the calibration gets steps of 8e-9 from the converter. No
runtime can go from its neighbour's steps to such, XNNPACK refuses the model, and what it would
mean by 127 of them is nothing anyway. What the layer becomes in other pictures is not known: it may
hold 1 at least, and is said.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.tools import flatbuffer_utils

LEAST_STEP = 1e-6
"""A step below it is taken for none: the layer stays within 0.00026."""

MOST_RATIO = 128.0
"""Of a layer's step before and after it is fitted to its output. XNNPACK refuses 256
(xnn_define_convolution_2d, requantisation scale)."""

LEAST_TOP = 1.0
"""What a layer that was next to nothing may hold."""

WEIGHED = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"))

Model = Any
"""A ``ModelT``, as TensorFlow's own reader gives it."""

Tensor = Any


def narrow(model: bytes) -> list[str]:
    """Return the names of the tensors of a quantised file whose steps are too small."""
    read = _read(model)
    return [_name(read.subgraphs[0].tensors[index]) for index, _ in _narrow(read)]


def quantised_wider(calibrated: bytes) -> tuple[bytes, list[str]]:
    """Quantise a file that has ranges and is still in floats, where narrow ones are widened.

    Returns:
        the file, which takes and gives bytes, and the names of what was widened.
    """
    read = _read(calibrated)
    tensors, names = read.subgraphs[0].tensors, []
    for index, least_step in list(_narrow(read)):
        _widen(tensors[index], max(LEAST_TOP, 255 * MOST_RATIO * least_step))
        names.append(_name(tensors[index]))
    model = bytes(flatbuffer_utils.convert_object_to_bytearray(read))
    return bytes(mlir_quantize(model, input_data_type=tf.uint8, output_data_type=tf.uint8)), names


def _read(model: bytes) -> Model:
    return flatbuffer_utils.convert_bytearray_to_object(bytearray(model))


def _name(tensor: Tensor) -> str:
    """Return the first of the nodes that were made one."""
    return str(tensor.name.decode(errors="replace")).split(";")[0]


def _narrow(read: Model) -> Iterator[tuple[int, float]]:
    """Find the tensors whose step is too small, each with the least that would do."""
    tensors = read.subgraphs[0].tensors
    for operator in read.subgraphs[0].operators:
        least = max(LEAST_STEP, _summed_step(read, operator) / MOST_RATIO)
        for index in operator.outputs:
            step = _step(tensors[index])
            if step is not None and step < least:
                yield int(index), least


def _step(tensor: Tensor) -> float | None:
    """Return the step that a tensor has, or that its range will give it; None: it stays float."""
    how = tensor.quantization
    if how is None:
        return None
    if how.scale is not None and len(how.scale) == 1:
        return float(how.scale[0])
    if how.min is None or how.max is None or len(how.min) != 1:
        return None
    return (max(float(how.max[0]), 0.0) - min(float(how.min[0]), 0.0)) / 255


def _summed_step(read: Model, operator: Any) -> float:  # noqa: ANN401
    """Return the largest step in which an operator with weights adds up, 0 for any other."""
    if flatbuffer_utils.opcode_to_name(read, operator.opcodeIndex) not in WEIGHED:
        return 0.0
    taken, weights = (read.subgraphs[0].tensors[index] for index in operator.inputs[:2])
    return (_step(taken) or 0.0) * _weight_step(read, weights)


def _weight_step(read: Model, tensor: Tensor) -> float:
    how = tensor.quantization
    if how is not None and how.scale is not None and len(how.scale):
        return float(np.max(how.scale))
    values = _floats(read, tensor)
    return float(np.abs(values).max()) / 127 if values.size else 0.0


def _floats(read: Model, tensor: Tensor) -> NDArray[np.float32]:
    data = read.buffers[tensor.buffer].data
    return np.frombuffer(bytes(data) if data is not None else b"", np.float32)


def _widen(tensor: Tensor, top: float) -> None:
    """Let a tensor hold ``top``, or as much below zero where it is never above."""
    how = tensor.quantization
    low, high = min(float(how.min[0]), 0.0), max(float(how.max[0]), 0.0)
    below = high == 0 and low < 0
    how.min = np.array([min(low, -top) if below else low], np.float32)
    how.max = np.array([high if below else max(high, top)], np.float32)
