"""Hard-swish, ``x * relu6(x + 3) / 6``, taken apart so that eight bits can carry both halves.

One int8 ``x`` would serve two masters: the gate needs steps of about .02 between -3 and 3, the
value the whole range. So the convolution before it is made twice, one for each, which is exact in
float and takes the place of a multiplication and an addition.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgeagent.workshop.graph import (
    CONVOLUTIONS,
    Graph,
    Node,
    add_constant,
    by_name,
    constant,
    replace_input,
    set_constant,
    sources,
    uses,
)


@dataclass(frozen=True, slots=True)
class HardSwish:
    """One, as it stands in a graph: ``product(sixth(x), relu(plus(x)))``."""

    plus: Node
    relu: Node
    sixth: Node
    product: Node
    x: str
    """Name of what it is applied to."""

    @property
    def name(self) -> str:
        """Its scope, with a slash at the end; where it has none, its last node's name."""
        return (str(self.product.name).rpartition("/")[0] or str(self.product.name)) + "/"


def find_hard_swishes(graph: Graph) -> Iterator[HardSwish]:
    """Find every hard-swish whose sixth stands on the side of the value."""
    nodes, used = by_name(graph), uses(graph)
    for relu in [node for node in graph.node if node.op == "Relu6"]:
        plus = nodes[sources(relu)[0]]
        if plus.op in ("Add", "AddV2") and _constants(plus, nodes):
            x = _other(plus, nodes)
            for product in used[relu.name]:
                sixth = _sixth(product, relu, nodes)
                if sixth is not None and _other(sixth, nodes) == x:
                    yield HardSwish(plus, relu, sixth, product, x)


def _constants(node: Node, nodes: Mapping[str, Node]) -> list[str]:
    return [name for name in sources(node) if nodes[name].op == "Const"]


def _other(node: Node, nodes: Mapping[str, Node]) -> str:
    """Return what a node with one constant takes beside it."""
    return next(name for name in sources(node) if nodes[name].op != "Const")


def _sixth(product: Node, relu: Node, nodes: Mapping[str, Node]) -> Node | None:
    if product.op != "Mul":
        return None
    value = next((name for name in sources(product) if name != relu.name), None)
    if value is None or nodes[value].op != "Mul" or len(_constants(nodes[value], nodes)) != 1:
        return None
    return nodes[value]


def split_hard_swishes(graph: Graph) -> int:
    """Give each hard-swish after a convolution a gate of its own; return how many there were.

    Exact in float. The graph is edited in place, and what is no longer needed stays in it.
    """
    nodes, used, count = by_name(graph), uses(graph), 0
    for swish in list(find_hard_swishes(graph)):
        if _is_alone(swish, nodes, used):
            _split(graph, swish, nodes)
            count += 1
    return count


def _is_alone(swish: HardSwish, nodes: Mapping[str, Node], used: Mapping[str, list[Node]]) -> bool:
    """Say whether a biased convolution, whose weights nobody shares, feeds nothing else."""
    bias = nodes[swish.x]
    if bias.op != "BiasAdd" or nodes[sources(bias)[0]].op not in CONVOLUTIONS:
        return False
    conv = nodes[sources(bias)[0]]
    takers = {node.name for node in used[bias.name]}
    shared = [len(used[name]) for name in (conv.name, sources(conv)[1], sources(bias)[1])]
    return takers == {swish.sixth.name, swish.plus.name} and shared == [1, 1, 1]


def _split(graph: Graph, swish: HardSwish, nodes: Mapping[str, Node]) -> None:
    sixth = float(constant(graph, _constants(swish.sixth, nodes)[0]))
    three = float(constant(graph, _constants(swish.plus, nodes)[0]))
    bias, prefix = nodes[swish.x], _prefix(graph, swish)
    conv = nodes[sources(bias)[0]]
    weights, biases = sources(conv)[1], sources(bias)[1]
    kernel, offsets = constant(graph, weights), constant(graph, biases)
    gate = _twin(graph, conv, prefix + "gate_conv", None)
    gate.input[1] = add_constant(graph, prefix + "gate_w", kernel)
    shifted = _twin(graph, bias, prefix + "gate", gate.name)
    shifted.input[1] = add_constant(graph, prefix + "gate_b", (offsets + three).astype(np.float32))
    swish.relu.input[0] = shifted.name
    set_constant(graph, weights, (kernel * sixth).astype(np.float32))
    set_constant(graph, biases, (offsets * sixth).astype(np.float32))
    replace_input(swish.product, swish.sixth.name, swish.x)


def _prefix(graph: Graph, swish: HardSwish) -> str:
    """Return a scope for new nodes in which no other hard-swish has put its own."""
    taken = any(node.name == f"{swish.name}gate_conv" for node in graph.node)
    return f"{swish.product.name}/" if taken else swish.name


def _twin(graph: Graph, node: Node, name: str, takes: str | None) -> Node:
    twin = graph.node.add()
    twin.CopyFrom(node)
    twin.name = name
    if takes is not None:
        twin.input[0] = takes
    return twin
