"""Makes constants of what is constant, and lets convolutions swallow what only scales them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.tools import optimize_for_inference_lib

from edgeagent.workshop.graph import (
    CONVOLUTIONS,
    Graph,
    Node,
    add_constant,
    by_name,
    constant,
    copied,
    extract,
    fill_constant,
    in_order,
    replace_input,
    set_constant,
    sources,
    unshare,
    uses,
)

THROUGH = frozenset(("Identity", "StopGradient", "CheckNumerics", "PreventGradient", "Snapshot"))
"""Operators that give what they take, and are of use in training or debugging alone."""

STATEFUL = frozenset(("Placeholder", "Const", "NoOp", "RandomUniform", "VarHandleOp", "Assert"))


def remove_training_nodes(graph: Graph, kept: Sequence[str]) -> Graph:
    """Return the graph without nodes that only pass on, check or order others."""
    graph = copied(graph)
    nodes = by_name(graph)
    passed = {n.name: n.input[0] for n in graph.node if n.op in THROUGH and n.name not in kept}
    for node in graph.node:
        edges = [_led_back(edge, passed) for edge in node.input if not edge.startswith("^")]
        node.ClearField("input")
        node.input.extend(edges)
    return extract(graph, [name for name in kept if name in nodes])


def _led_back(edge: str, passed: Mapping[str, str]) -> str:
    while edge in passed:
        edge = passed[edge]
    return edge


def fold_constants(graph: Graph, kept: Sequence[str]) -> Graph:
    """Return the graph with everything worked out that depends on constants alone."""
    graph = copied(graph)
    known = {node.name for node in graph.node if node.op == "Const"}
    found: list[Node] = []
    for node in in_order(graph):
        if node.op not in STATEFUL and node.input and known.issuperset(sources(node)):
            known.add(node.name)
            found.append(node)
    for node, value in zip(found, _worked_out(graph, found), strict=True):
        for key in list(node.attr):
            del node.attr[key]
        node.ClearField("input")
        node.op = "Const"
        fill_constant(node, value)
    return extract(graph, list(kept))


def _worked_out(graph: Graph, nodes: Sequence[Node]) -> list[NDArray[Any]]:
    if not nodes:
        return []
    wrapped = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    ends = [wrapped.graph.as_graph_element(f"{node.name}:0") for node in nodes]
    return [value.numpy() for value in wrapped.prune([], ends)()]


def fold_batch_norms(graph: Graph, kept: Sequence[str]) -> Graph:
    """Return the graph with its batch norms in the weights before them, however they are written.

    Frozen checkpoints have them as one node each, and Keras as a multiplication and an addition.
    """
    # The library edits what it is given, and leaves the norms' constants behind.
    graph = extract(optimize_for_inference_lib.fold_batch_norms(copied(graph)), kept)
    graph = fold_constants(graph, kept)
    unshare(graph)
    nodes, used = by_name(graph), uses(graph)
    for node in in_order(graph):
        if node.op in ("Mul", "AddV2", "Add", "Sub") and node.name not in kept:
            _swallow(graph, node, nodes, used)
            nodes, used = by_name(graph), uses(graph)
    return extract(graph, kept)


def _swallow(
    graph: Graph, node: Node, nodes: Mapping[str, Node], used: Mapping[str, list[Node]]
) -> None:
    """Let the layer before ``node`` do what it does, where that is scaling or shifting channels."""
    first, second = (nodes[name] for name in sources(node))
    if node.op != "Sub" and first.op == "Const":
        first, second = second, first
    if second.op != "Const" or first.op not in (*CONVOLUTIONS, "BiasAdd"):
        return
    conv = nodes[sources(first)[0]] if first.op == "BiasAdd" else first
    if conv.op not in CONVOLUTIONS or nodes[sources(conv)[1]].op != "Const":
        return
    if len(used[first.name]) != 1 or len(used[conv.name]) != 1:
        return
    by = _per_channel(constant(graph, second.name), _width(graph, conv))
    if by is None:
        return
    if node.op == "Mul":
        _scale(graph, conv, first, by)
        _lead_past(used, node, first)
    else:
        _shift(graph, node, first, -by if node.op == "Sub" else by)


def _width(graph: Graph, conv: Node) -> int:
    shape = constant(graph, sources(conv)[1]).shape
    return int(shape[-1] if conv.op == "Conv2D" else shape[2] * shape[3])


def _per_channel(value: NDArray[Any], width: int) -> NDArray[np.float64] | None:
    """Return one number for each channel, None where ``value`` is something else."""
    if value.size == 1:
        return np.full(width, float(value.reshape(-1)[0]))
    if value.shape[-1:] != (width,) or value.size != width:
        return None
    return value.reshape(-1).astype(np.float64)


def _scale(graph: Graph, conv: Node, last: Node, by: NDArray[np.float64]) -> None:
    name = sources(conv)[1]
    weights = constant(graph, name).astype(np.float64)
    across = by if conv.op == "Conv2D" else by.reshape(weights.shape[2:])
    set_constant(graph, name, (weights * across).astype(np.float32))
    if last.op == "BiasAdd":
        bias = sources(last)[1]
        set_constant(graph, bias, (constant(graph, bias) * by).astype(np.float32))


def _lead_past(used: Mapping[str, list[Node]], node: Node, before: Node) -> None:
    for taker in used[node.name]:
        replace_input(taker, node.name, before.name)
    # Dead now, it must not count as somebody who takes what the layer gives.
    node.op = "NoOp"
    node.ClearField("input")
    node.ClearField("attr")


def _shift(graph: Graph, node: Node, last: Node, by: NDArray[np.float64]) -> None:
    """Make ``node`` the bias of the convolution; after a bias, the sum of both."""
    before, bias = last.name, by
    if last.op == "BiasAdd":
        before, bias = last.input[0], constant(graph, sources(last)[1]) + by
    node.op = "BiasAdd"
    node.ClearField("input")
    node.input.extend([before, add_constant(graph, f"{node.name}/bias", bias.astype(np.float32))])
