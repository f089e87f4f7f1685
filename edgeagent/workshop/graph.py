"""A frozen graph as data: its constants, who uses what, in which order, and how it is run."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from tensorflow.core.framework import attr_value_pb2, graph_pb2

from edgeagent.errors import ModelError

Graph = Any
"""A ``GraphDef``: TensorFlow gives no types."""

Node = Any
"""A ``NodeDef``."""

Value = Any
"""A dtype, a bool, bytes or a list of ints."""

Floats = NDArray[np.float32]

CONVOLUTIONS = "Conv2D", "DepthwiseConv2dNative"


def new_graph(like: Graph | None = None) -> Graph:
    """Return an empty graph, of the same version as another."""
    graph = graph_pb2.GraphDef()
    if like is not None:
        graph.versions.CopyFrom(like.versions)
    return graph


def copied(graph: Graph) -> Graph:
    """Return a graph that may be edited while ``graph`` stays as it is."""
    copy = graph_pb2.GraphDef()
    copy.CopyFrom(graph)
    return copy


def by_name(graph: Graph) -> dict[str, Node]:
    """Return its nodes by their names."""
    return {node.name: node for node in graph.node}


def source(edge: str) -> str:
    """Return the name of the node that an input names: ``^a:1`` is of ``a``."""
    return edge.split(":")[0].lstrip("^")


def sources(node: Node) -> list[str]:
    """Return the names of the nodes that ``node`` takes, in order."""
    return [source(edge) for edge in node.input]


def uses(graph: Graph) -> Mapping[str, list[Node]]:
    """Return for each node the nodes that take what it gives, once for each time."""
    found: defaultdict[str, list[Node]] = defaultdict(list)
    for node in graph.node:
        for name in sources(node):
            found[name].append(node)
    return found


def in_order(graph: Graph) -> list[Node]:
    """Return the nodes so that each comes after all that it takes.

    Raises:
        ModelError: they go round in a circle.
    """
    nodes, done, order = by_name(graph), set(), list[Node]()
    edges = sum(len(node.input) for node in graph.node)
    for name in nodes:
        waiting = [name]
        while waiting:
            top = waiting[-1]
            missing = [one for one in sources(nodes[top]) if one not in done]
            if missing and top not in done:
                waiting += missing
                # Without a circle no edge is waited for twice.
                if len(waiting) > edges + 1:
                    raise ModelError(f"the graph goes round in a circle at {top}")
                continue
            waiting.pop()
            if top not in done:
                done.add(top)
                order.append(nodes[top])
    return order


def constant(graph: Graph, name: str) -> NDArray[Any]:
    """Return the value of the constant ``name``.

    Raises:
        ModelError: there is none.
    """
    return np.asarray(tf.make_ndarray(_named(graph, name).attr["value"].tensor))


def set_constant(graph: Graph, name: str, value: ArrayLike) -> None:
    """Give the constant ``name`` another value.

    Raises:
        ModelError: there is none.
    """
    fill_constant(_named(graph, name), np.asarray(value))


def fill_constant(node: Node, value: NDArray[Any]) -> None:
    """Make ``node`` hold ``value``."""
    tensor = tf.make_tensor_proto(value, shape=value.shape)
    node.attr["value"].CopyFrom(attr_value_pb2.AttrValue(tensor=tensor))
    node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum


def add_constant(graph: Graph, name: str, value: ArrayLike) -> str:
    """Add a constant and return its name."""
    node = graph.node.add()
    node.op, node.name = "Const", name
    fill_constant(node, np.asarray(value))
    return name


def add_node(graph: Graph, op: str, name: str, inputs: Sequence[str], **attributes: Value) -> Node:
    """Add a node; an attribute is a dtype, a bool, bytes or a list of ints."""
    node = graph.node.add()
    node.op, node.name = op, name
    node.input.extend(inputs)
    for key, value in attributes.items():
        _set_attribute(node.attr[key], value)
    return node


def _set_attribute(attribute: Node, value: Value) -> None:
    if isinstance(value, tf.DType):
        attribute.type = value.as_datatype_enum
    elif isinstance(value, bool):
        attribute.b = value
    elif isinstance(value, bytes):
        attribute.s = value
    else:
        attribute.list.i.extend(value)


def unshare(graph: Graph) -> None:
    """Give each convolution and bias weights of its own, in place."""
    used = uses(graph)
    for node in [one for one in graph.node if one.op in (*CONVOLUTIONS, "BiasAdd")]:
        name = sources(node)[1]
        if len(used[name]) > 1 and used[name][0] is not node:
            node.input[1] = add_constant(graph, f"{node.name}/own", constant(graph, name))


def replace_input(node: Node, old: str, new: str) -> None:
    """Let ``node`` take ``new`` wherever it took ``old``."""
    for place, edge in enumerate(node.input):
        if edge == old:
            node.input[place] = new


def set_input_shape(graph: Graph, name: str, shape: Sequence[int | None]) -> None:
    """Fix the shape of the placeholder ``name``, None stays open; shapes noted are forgotten."""
    placeholder = _named(graph, name)
    placeholder.attr["shape"].shape.CopyFrom(tf.TensorShape(shape).as_proto())
    for node in graph.node:
        if "_output_shapes" in node.attr:
            del node.attr["_output_shapes"]


def extract(graph: Graph, outputs: Sequence[str]) -> Graph:
    """Return only what ``outputs`` need."""
    for name in outputs:
        _named(graph, name)
    return tf.compat.v1.graph_util.extract_sub_graph(graph, list(outputs))


def callable_of(graph: Graph, taken: str, given: Sequence[str]) -> Callable[[Any], list[Any]]:
    """Return a function from the placeholder's tensor to a list of tensors."""
    wrapped = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    element = wrapped.graph.as_graph_element
    ends = [element(_edge(name)) for name in given]
    pruned: Callable[[Any], list[Any]] = wrapped.prune([element(_edge(taken))], ends)
    return pruned


def _edge(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _named(graph: Graph, name: str) -> Node:
    for node in graph.node:
        if node.name == name:
            return node
    raise ModelError(
        f"the graph has no node {name}; it has {len(graph.node)}, the last of them "
        + ", ".join(node.name for node in graph.node[-3:])
    )
