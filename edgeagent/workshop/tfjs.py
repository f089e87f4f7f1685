"""Reads a graph model of TensorFlow.js, as npm packages ship them, without TensorFlow.js."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from numpy.typing import NDArray

from edgeagent.errors import ModelError
from edgeagent.workshop.graph import Graph, Node, fill_constant, new_graph

Manifest = Any
"""What TF.js lists of its weights: groups of names, shapes, dtypes and how they were quantised."""

PRODUCER = 1205
"""Version of the graph's format that is written into it; TF.js leaves it out."""

DTYPES: Mapping[str, type[np.generic]] = {
    "float32": np.float32,
    "int32": np.int32,
    "bool": np.bool_,
    "uint8": np.uint8,
}

PLAIN: Mapping[str, str] = {
    "_FusedConv2D": "Conv2D",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "_FusedMatMul": "MatMul",
}
"""What TF.js fuses, and what stays of it when the bias and the activation are nodes again."""

KEPT: Mapping[str, Sequence[str]] = {
    "Conv2D": ("strides", "padding", "dilations", "data_format", "explicit_paddings"),
    "DepthwiseConv2dNative": (
        "strides",
        "padding",
        "dilations",
        "data_format",
        "explicit_paddings",
    ),
    "MatMul": ("transpose_a", "transpose_b"),
}

FUSED = frozenset(("BiasAdd", "Relu", "Relu6", "Elu", "Sigmoid", "LeakyRelu"))


def read_tfjs(topology: bytes, weights: bytes) -> Graph:
    """Return the graph of a ``model.json`` and the bytes of its weight files, one after another.

    Raises:
        ModelError: it is no graph model, or the weights are not those that it lists.
    """
    try:
        model = json.loads(topology)
        listed, nodes = model["weightsManifest"], model["modelTopology"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"no graph model of TensorFlow.js: {error!r} is missing or wrong"
        ) from error
    known = {key: value for key, value in nodes.items() if key in ("node", "library")}
    if "node" not in known:
        raise ModelError("a layers model of TensorFlow.js: convert it to a graph model first")
    graph = json_format.ParseDict(known, new_graph(), ignore_unknown_fields=True)
    graph.versions.producer = PRODUCER
    values = dict(_decoded(listed, weights))
    for node in graph.node:
        if node.op == "Const" and node.name in values:
            fill_constant(node, values[node.name])
    return unfused(graph)


def _decoded(manifest: Manifest, blob: bytes) -> Iterator[tuple[str, NDArray[Any]]]:
    offset = 0
    for weight in (one for group in manifest for one in group["weights"]):
        stored = np.dtype(_stored(weight))
        count = int(np.prod(weight["shape"], dtype=np.int64))
        end = offset + count * stored.itemsize
        if end > len(blob):
            raise ModelError(f"the weights end within {weight['name']}: {len(blob)} bytes of {end}")
        raw = np.frombuffer(blob, stored, count, offset)
        yield weight["name"], _value(raw, weight).reshape(weight["shape"])
        offset = end
    if offset != len(blob):
        raise ModelError(f"{len(blob)} bytes of weights, of which the model lists {offset}")


def _stored(weight: Mapping[str, Any]) -> str:
    """Return the dtype that a weight has in the file, smaller than its own if quantised."""
    name = weight.get("quantization", weight)["dtype"]
    return "<f2" if name == "float16" else str(np.dtype(DTYPES.get(name, name)))


def _value(raw: NDArray[Any], weight: Mapping[str, Any]) -> NDArray[Any]:
    wanted = DTYPES[weight["dtype"]]
    how = weight.get("quantization")
    if how is None or how["dtype"] == "float16":
        return raw.astype(wanted)
    return (raw.astype(np.float32) * np.float32(how["scale"]) + np.float32(how["min"])).astype(
        wanted
    )


def unfused(graph: Graph) -> Graph:
    """Return the graph with plain operators; the last of each takes over the fused one's name."""
    plain = new_graph(graph)
    for node in graph.node:
        if node.op in PLAIN:
            _unfuse(plain, node)
        else:
            _take_over(plain, node)
    return plain


def _take_over(plain: Graph, node: Node) -> None:
    copy = plain.node.add()
    copy.CopyFrom(node)
    for key in [key for key in copy.attr if key.startswith("_")]:
        del copy.attr[key]


def _unfuse(plain: Graph, node: Node) -> None:
    chain = [PLAIN[node.op], *(fused.decode() for fused in node.attr["fused_ops"].list.s)]
    if not FUSED.issuperset(chain[1:]):
        raise ModelError(f"{node.name}: {', '.join(chain[1:])} after {chain[0]} is not known here")
    biases, before = iter(node.input[2:]), ""
    for place, op in enumerate(chain):
        one = plain.node.add()
        one.op, one.name = op, node.name if place == len(chain) - 1 else f"{node.name}/_{op}"
        one.attr["T"].type = tf.float32.as_datatype_enum
        one.input.extend(node.input[:2] if place == 0 else [before])
        if op == "BiasAdd":
            one.input.append(next(biases))
        _keep_attributes(one, node)
        before = one.name


def _keep_attributes(one: Node, fused: Node) -> None:
    for key in KEPT.get(one.op, ()):
        if key in fused.attr and fused.attr[key].WhichOneof("value"):
            one.attr[key].CopyFrom(fused.attr[key])
    if one.op == "LeakyRelu" and "leakyrelu_alpha" in fused.attr:
        one.attr["alpha"].CopyFrom(fused.attr["leakyrelu_alpha"])
