"""The operators of a float .tflite in TensorFlow's words; what is not here is refused by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from edgeagent.errors import ModelError

Value = Any
"""A tensor, or an array where the file has a constant."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operator with what it takes; fields of its options are named as in schema.fbs."""

    name: str
    where: str
    """Name of the tensor that it gives."""
    options: Any
    takes: Sequence[Value]
    """None: an input that is left out."""
    shapes: Sequence[Sequence[int]]
    """Of what it gives."""


def taken_step(step: Step) -> list[Value]:
    """Return what ``step`` gives.

    Raises:
        ModelError: it is not known here, or not in this form.
    """
    way = _WAYS.get(step.name)
    if way is None:
        raise ModelError(
            f"{step.name}, which gives {step.where}, cannot be taken back from a .tflite; end "
            "before it with --outputs, or give what the file was made from. Known are "
            f"{', '.join(sorted(_WAYS))}"
        )
    given = way(step)
    return list(given) if isinstance(given, list) else [given]


def _padding(step: Step) -> str:
    return ("SAME", "VALID")[step.options.padding]


def _strides(step: Step) -> list[int]:
    return [1, step.options.strideH, step.options.strideW, 1]


def _bias(step: Step, value: Value, place: int = 2) -> Value:
    """Add the bias, if there is one, and do what is fused."""
    has_bias = len(step.takes) > place and step.takes[place] is not None
    return _fused(step, tf.nn.bias_add(value, step.takes[place]) if has_bias else value)


def _fused(step: Step, value: Value) -> Value:
    activations: Sequence[Callable[[Value], Value]] = (
        lambda x: x,
        tf.nn.relu,
        lambda x: tf.minimum(tf.maximum(x, -1.0), 1.0),
        tf.nn.relu6,
        tf.tanh,
    )
    number = getattr(step.options, "fusedActivationFunction", 0)
    if number >= len(activations):
        raise ModelError(f"{step.where}: activation {number} is not known here")
    return activations[number](value)


def _conv(step: Step) -> Value:
    options = step.options
    dilations = [1, options.dilationHFactor, options.dilationWFactor, 1]
    kernel = tf.constant(np.transpose(_array(step, 1), (1, 2, 3, 0)))
    found = tf.nn.conv2d(step.takes[0], kernel, _strides(step), _padding(step), "NHWC", dilations)
    return _bias(step, found)


def _depthwise(step: Step) -> Value:
    kernel, options = _array(step, 1), step.options
    taken = step.takes[0].shape[3]
    filters = tf.constant(kernel[0].reshape(*kernel.shape[1:3], taken, kernel.shape[3] // taken))
    rate = [options.dilationHFactor, options.dilationWFactor]
    if options.strideH != options.strideW:
        raise ModelError(f"{step.where}: strides {options.strideH} and {options.strideW} differ")
    return _bias(
        step,
        tf.nn.depthwise_conv2d(
            step.takes[0], filters, _strides(step), _padding(step), dilations=rate
        ),
    )


def _transposed(step: Step) -> Value:
    kernel = tf.constant(np.transpose(_array(step, 1), (1, 2, 0, 3)))
    found = tf.nn.conv2d_transpose(
        step.takes[2], kernel, list(step.shapes[0]), _strides(step), _padding(step)
    )
    return _bias(step, found, place=3)


def _full(step: Step) -> Value:
    weights = np.transpose(_array(step, 1))
    rows = tf.reshape(step.takes[0], [-1, weights.shape[0]])
    found = _bias(step, tf.matmul(rows, tf.constant(weights)))
    return found if list(found.shape) == list(step.shapes[0]) else _shaped(step, found)


def _array(step: Step, place: int) -> np.ndarray[Any, Any]:
    value = step.takes[place]
    if not isinstance(value, np.ndarray):
        raise ModelError(f"{step.name}, which gives {step.where}, has weights that are worked out")
    return value


def _shaped(step: Step, value: Value) -> Value:
    return tf.reshape(value, list(step.shapes[0]))


def _pool(operator: Callable[..., Value]) -> Callable[[Step], Value]:
    def pooled(step: Step) -> Value:
        size = [1, step.options.filterHeight, step.options.filterWidth, 1]
        return _fused(step, operator(step.takes[0], size, _strides(step), _padding(step)))

    return pooled


def _binary(operator: Callable[[Value, Value], Value]) -> Callable[[Step], Value]:
    return lambda step: _fused(step, operator(step.takes[0], step.takes[1]))


def _unary(operator: Callable[[Value], Value]) -> Callable[[Step], Value]:
    return lambda step: operator(step.takes[0])


def _over(operator: Callable[..., Value]) -> Callable[[Step], Value]:
    def reduced(step: Step) -> Value:
        axes = [int(axis) for axis in np.ravel(step.takes[1])]
        return operator(step.takes[0], axes, keepdims=bool(step.options.keepDims))

    return reduced


def _resize(operator: Callable[..., Value]) -> Callable[[Step], Value]:
    return lambda step: operator(
        images=step.takes[0],
        size=step.takes[1],
        align_corners=bool(step.options.alignCorners),
        half_pixel_centers=bool(step.options.halfPixelCenters),
    )


def _hard_swish(step: Step) -> Value:
    """Write it as checkpoints do, so that its repair finds it."""
    x = step.takes[0]
    return tf.multiply(tf.multiply(x, 1 / 6), tf.nn.relu6(tf.add(x, 3.0)))


def _prelu(step: Step) -> Value:
    x, slope = step.takes
    return tf.nn.relu(x) - tf.multiply(tf.nn.relu(-x), slope)


def _softmax(step: Step) -> Value:
    scaled = step.takes[0] if step.options.beta == 1 else step.takes[0] * step.options.beta
    return tf.nn.softmax(scaled)


def _concatenated(step: Step) -> Value:
    return _fused(step, tf.concat(list(step.takes), step.options.axis))


def _split(step: Step) -> Value:
    axis, value = step.takes
    return list(tf.split(value, step.options.numSplits, int(axis)))


def _strided(step: Step) -> Value:
    masks = ("beginMask", "endMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask")
    return tf.strided_slice(*step.takes, *(getattr(step.options, mask) for mask in masks))


def _padded(step: Step) -> Value:
    filled = step.takes[2] if len(step.takes) > 2 else 0.0
    return tf.pad(step.takes[0], step.takes[1], constant_values=filled)


def _mirrored(step: Step) -> Value:
    return tf.pad(step.takes[0], step.takes[1], ("REFLECT", "SYMMETRIC")[step.options.mode])


def _dequantised(step: Step) -> Value:
    """Return weights in float16 as float32."""
    return _array(step, 0).astype(np.float32)


_WAYS: Mapping[str, Callable[[Step], Value]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _full,
    "AVERAGE_POOL_2D": _pool(tf.nn.avg_pool2d),
    "MAX_POOL_2D": _pool(tf.nn.max_pool2d),
    "ADD": _binary(tf.add),
    "SUB": _binary(tf.subtract),
    "MUL": _binary(tf.multiply),
    "DIV": _binary(tf.divide),
    "MAXIMUM": _binary(tf.maximum),
    "MINIMUM": _binary(tf.minimum),
    "SQUARED_DIFFERENCE": _binary(tf.math.squared_difference),
    "RELU": _unary(tf.nn.relu),
    "RELU6": _unary(tf.nn.relu6),
    "LOGISTIC": _unary(tf.sigmoid),
    "TANH": _unary(tf.tanh),
    "ELU": _unary(tf.nn.elu),
    "EXP": _unary(tf.exp),
    "ABS": _unary(tf.abs),
    "NEG": _unary(tf.negative),
    "SQRT": _unary(tf.sqrt),
    "RSQRT": _unary(tf.math.rsqrt),
    "SQUARE": _unary(tf.square),
    "HARD_SWISH": _hard_swish,
    "PRELU": _prelu,
    "LEAKY_RELU": lambda step: tf.nn.leaky_relu(step.takes[0], step.options.alpha),
    "SOFTMAX": _softmax,
    "L2_NORMALIZATION": lambda step: tf.math.l2_normalize(step.takes[0], -1),
    "MEAN": _over(tf.reduce_mean),
    "SUM": _over(tf.reduce_sum),
    "REDUCE_MAX": _over(tf.reduce_max),
    **dict.fromkeys(
        ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), lambda step: _shaped(step, step.takes[0])
    ),
    "TILE": lambda step: tf.tile(step.takes[0], step.takes[1]),
    "TRANSPOSE": lambda step: tf.transpose(step.takes[0], step.takes[1]),
    "CONCATENATION": _concatenated,
    "SPLIT": _split,
    "STRIDED_SLICE": _strided,
    "PAD": _padded,
    "PADV2": _padded,
    "MIRROR_PAD": _mirrored,
    "RESIZE_BILINEAR": _resize(tf.raw_ops.ResizeBilinear),
    "RESIZE_NEAREST_NEIGHBOR": _resize(tf.raw_ops.ResizeNearestNeighbor),
    "DEPTH_TO_SPACE": lambda step: tf.nn.depth_to_space(step.takes[0], step.options.blockSize),
    "SPACE_TO_DEPTH": lambda step: tf.nn.space_to_depth(step.takes[0], step.options.blockSize),
    "DEQUANTIZE": _dequantised,
}
