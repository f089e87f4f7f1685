"""A first layer of hard-swish, rebuilt so that eight bits can carry it.

Its few channels are much like brightness: one grey level is less than one step of the quantised
hard-swish, and the filters behind it amplify what is left. So hard-swish becomes a sum of segments,
``h(x) = sum of slope * clip(x - from, 0, width)``. Each segment is the same convolution with scaled
weights and a ReLU6, so that each has its own eight bits; the depthwise filter runs on each, and a
1x1 convolution adds them up. Knots are put where pictures are, worst segment first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edgeagent.workshop.graph import (
    Floats,
    Graph,
    Node,
    add_constant,
    add_node,
    by_name,
    callable_of,
    constant,
    extract,
    replace_input,
    sources,
    uses,
)
from edgeagent.workshop.hardswish import HardSwish, find_hard_swishes

SEGMENTS = 80
"""Of all channels together."""

SAMPLES, SAMPLED_EVERY = 4000, 37
"""Values of a channel that knots are chosen by; one place of a picture in so many is taken."""

CUTS = (0.06, 0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.88, 0.94)
"""Where in a segment a new knot may be."""

HEADROOM = 0.05
"""Share of the range by which the last segment reaches beyond it."""

Values = NDArray[Any]


def hard_swish(x: Values) -> Values:
    """Return ``x * relu6(x + 3) / 6``."""
    return np.asarray(x * np.clip(x + 3, 0, 6) / 6)


@dataclass(frozen=True, slots=True)
class Stem:
    """The first layers: convolution, hard-swish, depthwise convolution, ReLU."""

    swish: HardSwish
    taken: str
    kernel: Floats
    """``[rows, columns, 3, channels]``."""
    offsets: Floats
    filters: Floats
    """Of the depthwise convolution, ``[rows, columns, channels]``."""
    added: Floats
    """Its bias."""
    strides: Sequence[int]
    relu: Node
    """What comes after it."""
    depthwise: Node

    @property
    def scope(self) -> str:
        """Prefix of the nodes that are put in its place."""
        return self.swish.name[:-1].rsplit("/", 2)[0] + "/"

    @property
    def channels(self) -> int:
        """How many the convolution gives."""
        return int(self.offsets.size)


def find_stem(graph: Graph) -> Stem | None:
    """Return the stem of a graph, or None where its first layers are others."""
    nodes, used = by_name(graph), uses(graph)
    for swish in find_hard_swishes(graph):
        bias = nodes[swish.x]
        conv = nodes[sources(bias)[0]]
        if bias.op == "BiasAdd" and nodes[sources(conv)[0]].op == "Placeholder":
            for node in used[swish.product.name]:
                if node.op == "DepthwiseConv2dNative":
                    return _stem(graph, swish, conv, node)
    return None


def _stem(graph: Graph, swish: HardSwish, conv: Node, depthwise: Node) -> Stem | None:
    nodes, used = by_name(graph), uses(graph)
    bias = used[depthwise.name][0]
    if bias.op != "BiasAdd" or [node.op for node in used[bias.name]] != ["Relu"]:
        return None
    return Stem(
        swish=swish,
        taken=sources(conv)[0],
        kernel=constant(graph, sources(conv)[1]),
        offsets=constant(graph, sources(nodes[swish.x])[1]),
        filters=constant(graph, sources(depthwise)[1])[..., 0],
        added=constant(graph, sources(bias)[1]),
        strides=list(conv.attr["strides"].list.i),
        relu=used[bias.name][0],
        depthwise=depthwise,
    )


def segment_stem(graph: Graph, feeds: Sequence[Floats]) -> int:
    """Rebuild the stem in place; return into how many segments, 0 where there is none like it."""
    stem = find_stem(graph)
    if stem is None:
        return 0
    samples = _samples(graph, stem, feeds)
    weights = (stem.filters**2).sum(axis=(0, 1)) + 1.0
    knots = [_Knots(samples[:, c], float(weights[c])) for c in range(stem.channels)]
    place_knots(knots, SEGMENTS)
    _rebuild(graph, stem, [knot.places for knot in knots])
    return sum(len(knot.places) - 1 for knot in knots)


def _samples(graph: Graph, stem: Stem, feeds: Sequence[Floats]) -> Floats:
    """Return values before hard-swish, ``[n, channels]``: ends and a sample of each picture."""
    run = callable_of(extract(graph, [stem.swish.x]), stem.taken, [stem.swish.x])
    found = []
    for feed in feeds:
        value = run(tf.constant(feed))[0].numpy()[0]
        ends = value.min(axis=(0, 1)), value.max(axis=(0, 1))
        found += [np.stack(ends), value.reshape(-1, stem.channels)[::SAMPLED_EVERY]]
    return np.concatenate(found)


@dataclass
class _Knots:
    """Where one channel's hard-swish is cut."""

    values: Floats
    weight: float
    """How much its errors matter."""
    places: list[float] = field(default_factory=list)
    sample: Floats = field(init=False)

    def __post_init__(self) -> None:
        low, high = float(self.values.min()), float(self.values.max())
        # What is zero must stay zero, for the padding's sake: so the first knot is where h is.
        first = 0.0 if low >= 0 else min(-3.0, low)
        inner = [low] if low > first + 1e-3 else []
        self.places = sorted({first, *inner, high + HEADROOM * (high - low)})
        chosen = np.random.default_rng(0).choice(self.values, SAMPLES)
        self.sample = np.sort(chosen)

    def error(self, left: float, right: float) -> float:
        """Return how badly one segment would do: its bend, and its own eight bits."""
        inside = self.sample[(self.sample >= left) & (self.sample < right)]
        if not len(inside):
            return 0.0
        ends = hard_swish(np.array([left, right]))
        slope = (ends[1] - ends[0]) / (right - left)
        line = ends[0] + (ends[1] - ends[0]) * (inside - left) / (right - left)
        steps = len(inside) * (slope * (right - left) / 255) ** 2 / 12
        bend = ((line - hard_swish(inside)) ** 2).sum()
        return float(bend + steps) / len(self.sample) * self.weight

    def worst(self) -> tuple[float, int]:
        """Return the error of its worst segment, and which it is."""
        errors = [self.error(*pair) for pair in pairwise(self.places)]
        return max(errors), errors.index(max(errors))

    def cut(self, number: int) -> None:
        """Put the best knot into a segment."""
        left, right = self.places[number : number + 2]
        candidates = [left + (right - left) * share for share in CUTS]
        best = min(candidates, key=lambda at: self.error(left, at) + self.error(at, right))
        self.places.insert(number + 1, best)


def place_knots(knots: Sequence[_Knots], segments: int) -> None:
    """Cut the worst segment of all until there are ``segments``."""
    worst = [knot.worst() for knot in knots]
    while sum(len(knot.places) - 1 for knot in knots) < segments:
        channel = max(range(len(knots)), key=lambda c: worst[c][0])
        knots[channel].cut(worst[channel][1])
        worst[channel] = knots[channel].worst()


def _rebuild(graph: Graph, stem: Stem, knots: Sequence[Sequence[float]]) -> None:
    pieces = [
        (channel, left, right)
        for channel, places in enumerate(knots)
        for left, right in pairwise(places)
    ]
    owners = [channel for channel, _, _ in pieces]
    kernel = np.stack([stem.kernel[..., c] * 6 / (right - left) for c, left, right in pieces], -1)
    offsets = np.array([(stem.offsets[c] - left) * 6 / (right - left) for c, left, right in pieces])
    sums = _sums(stem.channels, pieces)
    put = _Put(graph, stem.scope + "stem/")
    parts = put.conv("seg", stem.taken, kernel, stem.strides, offsets)
    parts = put.activation("seg", parts)
    filters = np.stack([stem.filters[..., c] for c in owners], -1)[..., None]
    filtered = put.conv("dw", parts, filters, [1, 1, 1, 1], np.zeros(len(pieces)))
    added = put.conv("sum", filtered, sums, [1, 1, 1, 1], stem.added)
    through = put.conv("res", parts, sums, [1, 1, 1, 1], np.zeros(stem.channels))
    stem.relu.input[:] = [added]
    _lead_on(graph, stem, through)


def _sums(channels: int, pieces: Sequence[tuple[int, float, float]]) -> Floats:
    """Return the 1x1 kernel that adds each channel's segments up."""
    sums = np.zeros((1, 1, len(pieces), channels), np.float32)
    for number, (channel, left, right) in enumerate(pieces):
        ends = hard_swish(np.array([left, right]))
        sums[0, 0, number, channel] = np.float32((ends[1] - ends[0]) / 6)
    return sums


def _lead_on(graph: Graph, stem: Stem, through: str) -> None:
    """Give who else took the hard-swish, a residual, the sum of the segments."""
    old = stem.swish.product.name
    for node in uses(graph)[old]:
        if node.name != stem.depthwise.name:
            replace_input(node, old, through)


@dataclass(frozen=True, slots=True)
class _Put:
    """Adds layers under one scope."""

    graph: Graph
    scope: str

    def conv(
        self, name: str, taken: str, kernel: Values, strides: Sequence[int], bias: Values
    ) -> str:
        """Add a convolution with its bias; a kernel whose last side is 1 is a depthwise one."""
        op = "DepthwiseConv2dNative" if name == "dw" else "Conv2D"
        prefix = self.scope + name
        weights = add_constant(self.graph, f"{prefix}/w", np.asarray(kernel, np.float32))
        add_node(
            self.graph, op, f"{prefix}/c", [taken, weights], T=tf.float32, strides=strides,
            padding=b"SAME", dilations=[1, 1, 1, 1], data_format=b"NHWC",
        )  # fmt: skip
        offsets = add_constant(self.graph, f"{prefix}/b", np.asarray(bias, np.float32))
        added = [f"{prefix}/c", offsets]
        add_node(self.graph, "BiasAdd", f"{prefix}/ba", added, T=tf.float32, data_format=b"NHWC")
        return f"{prefix}/ba"

    def activation(self, name: str, taken: str) -> str:
        """Add a ReLU6."""
        add_node(self.graph, "Relu6", f"{self.scope}{name}/a", [taken], T=tf.float32)
        return f"{self.scope}{name}/a"
