"""Which channels of a graph may be rescaled together, and where the scale can be undone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edgeagent.workshop.graph import Graph, Node, constant, in_order, sources

Segments = list[int]
"""Groups of a tensor's channels, in order: more than one after a concatenation."""


@dataclass(frozen=True, slots=True)
class Site:
    """A constant that takes up scales."""

    kind: Literal["conv", "depthwise", "bias", "scaled"]
    constant: str
    """Name of the weights or the bias; of ``scaled``, of the multiplication itself."""
    takes: Segments
    gives: int


@dataclass
class Groups:
    """Sets of channel vectors that must have one scale (union-find)."""

    widths: list[int] = field(default_factory=list)
    """Channels of each."""
    _parents: list[int] = field(default_factory=list)
    _fixed: set[int] = field(default_factory=set)

    def new(self, width: int, fixed: bool = False) -> int:
        """Add a vector of ``width`` channels; a fixed one keeps the scale 1."""
        self._parents.append(len(self._parents))
        self.widths.append(width)
        if fixed:
            self._fixed.add(len(self._parents) - 1)
        return len(self._parents) - 1

    def find(self, one: int) -> int:
        """Return the number that stands for the set of ``one``."""
        while self._parents[one] != one:
            self._parents[one] = self._parents[self._parents[one]]
            one = self._parents[one]
        return one

    def join(self, one: int, other: int) -> None:
        """Say that both must have one scale."""
        kept, gone = self.find(one), self.find(other)
        if kept != gone:
            self._parents[gone] = kept
            if gone in self._fixed:
                self._fixed.add(kept)

    def fix(self, ones: Sequence[int]) -> None:
        """Say that these keep the scale 1."""
        self._fixed.update(self.find(one) for one in ones)

    def is_fixed(self, one: int) -> bool:
        """Say whether the set of ``one`` keeps the scale 1."""
        return self.find(one) in self._fixed


class Channels:
    """The groups of a whole graph. What is not understood keeps its scale."""

    def __init__(self, graph: Graph, outputs: Sequence[str]) -> None:
        self.groups = Groups()
        self.of: dict[str, Segments] = {}
        """Groups of what each node gives."""
        self.sites: list[Site] = []
        self.strange: set[str] = set()
        """Operators that were not understood."""
        self._graph = graph
        self._constants = {node.name for node in graph.node if node.op == "Const"}
        self._bounded: set[str] = set()
        """Nodes whose range is that of a gate."""
        for node in in_order(graph):
            if node.op != "Const":
                self._visit(node, [name for name in sources(node) if name in self.of])
        for name in outputs:
            self.groups.fix(self.of[name])

    def width(self, name: str) -> int:
        """Return how many channels a node gives, 0 if that is not known."""
        return sum(self.groups.widths[group] for group in self.of.get(name, ()))

    def _visit(self, node: Node, takes: Sequence[str]) -> None:
        visit = _VISITS.get(node.op)
        if visit is None or (not takes and node.op != "Placeholder"):
            self._visit_strange(node, takes)
        else:
            visit(self, node, takes)

    def _visit_strange(self, node: Node, takes: Sequence[str]) -> None:
        self.strange.add(node.op)
        for name in takes:
            self.groups.fix(self.of[name])
        self.of[node.name] = [self.groups.new(0, fixed=True)]

    def _visit_placeholder(self, node: Node, takes: Sequence[str]) -> None:
        self.of[node.name] = [self.groups.new(3, fixed=True)]

    def _visit_conv(self, node: Node, takes: Sequence[str]) -> None:
        self._visit_weights("conv", -1, node, takes)

    def _visit_depthwise(self, node: Node, takes: Sequence[str]) -> None:
        self._visit_weights("depthwise", 2, node, takes)

    def _visit_weights(
        self, kind: Literal["conv", "depthwise"], axis: int, node: Node, takes: Sequence[str]
    ) -> None:
        weights = sources(node)[1]
        if weights not in self._constants:
            self._visit_strange(node, takes)
            return
        given = self.groups.new(constant(self._graph, weights).shape[axis])
        self.sites.append(Site(kind, weights, list(self.of[takes[0]]), given))
        self.of[node.name] = [given]

    def _visit_bias(self, node: Node, takes: Sequence[str]) -> None:
        if len(self.of[takes[0]]) != 1 or sources(node)[1] not in self._constants:
            self._visit_strange(node, takes)
            return
        self.of[node.name] = self.of[takes[0]]
        self.sites.append(Site("bias", sources(node)[1], [], self.of[takes[0]][0]))

    def _visit_same(self, node: Node, takes: Sequence[str]) -> None:
        self.of[node.name] = self.of[takes[0]]

    def _visit_gate(self, node: Node, takes: Sequence[str]) -> None:
        self._bounded.add(node.name)
        taken = self.of[takes[0]]
        self.groups.fix(taken)
        self.of[node.name] = [self.groups.new(self.groups.widths[g], fixed=True) for g in taken]

    def _visit_add(self, node: Node, takes: Sequence[str]) -> None:
        first = self.of[takes[0]]
        if len(takes) == 1:
            self.groups.fix(first)
        else:
            for one, other in zip(first, self.of[takes[1]], strict=True):
                self.groups.join(one, other)
        self.of[node.name] = first

    def _visit_mul(self, node: Node, takes: Sequence[str]) -> None:
        gates = [name for name in takes if name in self._bounded]
        if len(takes) == 1 and gates:
            self._bounded.add(node.name)
            self._keep(node, takes)
        elif len(takes) == 1:
            self._visit_scaled(node, takes)
        elif len(gates) == 1:
            data = next(name for name in takes if name not in gates)
            self.of[node.name] = self.of[data]
        else:
            self._visit_strange(node, takes)

    def _keep(self, node: Node, takes: Sequence[str]) -> None:
        self.groups.fix(self.of[takes[0]])
        self.of[node.name] = self.of[takes[0]]

    def _visit_scaled(self, node: Node, takes: Sequence[str]) -> None:
        """Let a multiplication by one number become one by a number for each channel."""
        taken = self.of[takes[0]]
        given = self.groups.new(sum(self.groups.widths[group] for group in taken))
        self.sites.append(Site("scaled", node.name, list(taken), given))
        self.of[node.name] = [given]

    def _visit_concat(self, node: Node, takes: Sequence[str]) -> None:
        self.of[node.name] = [group for name in takes for group in self.of[name]]


_VISITS: Mapping[str, Callable[[Channels, Node, Sequence[str]], None]] = {
    "Placeholder": Channels._visit_placeholder,
    "Conv2D": Channels._visit_conv,
    "DepthwiseConv2dNative": Channels._visit_depthwise,
    "BiasAdd": Channels._visit_bias,
    **dict.fromkeys(
        ("Relu", "ResizeBilinear", "Mean", "MaxPool", "Identity", "Pad"), Channels._visit_same
    ),
    **dict.fromkeys(("Relu6", "Sigmoid"), Channels._visit_gate),
    **dict.fromkeys(("Add", "AddV2"), Channels._visit_add),
    "Mul": Channels._visit_mul,
    "ConcatV2": Channels._visit_concat,
}
