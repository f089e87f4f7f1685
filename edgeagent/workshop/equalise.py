"""Per-channel scales across layers: exact in float, and what makes eight bits enough.

A quantised activation has one step for all its channels; where one of them spans a hundred times
the range of another, the small one is lost. Channels are scaled up in the weights that make them
and down in those that take them, which have a step for each channel and do not mind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edgeagent.workshop.channels import Channels, Site
from edgeagent.workshop.graph import (
    CONVOLUTIONS,
    Floats,
    Graph,
    Node,
    add_constant,
    by_name,
    callable_of,
    constant,
    set_constant,
    sources,
    unshare,
    uses,
)

ALPHA = 0.6
"""How far the range of a channel that convolutions take is brought to the largest: 0 leaves it, 1
makes all alike, and then the weights that take them need the range instead."""

MOST_SCALE = 64.0
LEAST_SHARE = 1e-4
"""A channel of a smaller share of the largest is dead, and left as it is."""

Scales = Mapping[int, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Equalised:
    """What was done to a graph."""

    groups: int
    free: int
    """Groups that could be scaled."""
    max_scale: float
    strange: tuple[str, ...]
    """Operators next to which nothing was."""


def equalise(
    graph: Graph, taken: str, outputs: Sequence[str], feeds: Sequence[Floats]
) -> Equalised:
    """Scale the channels of ``graph`` in place.

    Args:
        graph: frozen, without batch norms.
        taken: its placeholder.
        outputs: what must not change.
        feeds: inputs ``[1, height, width, 3]`` that show the ranges.
    """
    unshare(graph)
    channels = Channels(graph, outputs)
    scales = _scales(channels, _shares(graph, channels, taken, feeds))
    for site in channels.sites:
        _apply(graph, channels, site, scales)
    free = sum(not channels.groups.is_fixed(group) for group in scales)
    most = max((float(scale.max()) for scale in scales.values() if scale.size), default=1.0)
    return Equalised(len(scales), free, most, tuple(sorted(channels.strange)))


def _measured(graph: Graph, channels: Channels) -> list[str]:
    """Return the nodes whose values the quantised model will really hold."""
    used = uses(graph)
    return [
        node.name
        for node in graph.node
        if channels.width(node.name) and node.op != "Placeholder" and not _is_fused(node, used)
    ]


def _is_fused(node: Node, used: Mapping[str, list[Node]]) -> bool:
    """Say whether a node is one with the next: convolution, bias and activation."""
    takers = used[node.name]
    if len(takers) != 1:
        return False
    if node.op in CONVOLUTIONS:
        return bool(takers[0].op == "BiasAdd")
    return node.op == "BiasAdd" and takers[0].op in ("Relu", "Relu6")


def largest(
    graph: Graph, taken: str, names: Sequence[str], feeds: Sequence[Floats]
) -> list[Floats]:
    """Return for each node how large each of its channels becomes."""
    run = callable_of(graph, taken, names)
    found: list[Floats] = []
    for feed in feeds:
        tops = [_top(value.numpy()) for value in run(tf.constant(feed))]
        found = [np.maximum(*pair) for pair in zip(found, tops, strict=True)] if found else tops
    return found


def _top(value: Floats) -> Floats:
    return np.asarray(np.abs(value).reshape(-1, value.shape[-1]).max(axis=0), np.float32)


def _shares(
    graph: Graph, channels: Channels, taken: str, feeds: Sequence[Floats]
) -> Mapping[int, Floats]:
    """Return for each group the share of its tensor's range that each channel needs."""
    groups, shares = channels.groups, dict[int, Floats]()
    names = _measured(graph, channels)
    for name, tops in zip(names, largest(graph, taken, names, feeds), strict=True):
        offset = 0
        for group in channels.of[name]:
            part = tops[offset : offset + groups.widths[group]]
            offset += groups.widths[group]
            if part.size and part.max() > 0:
                key = groups.find(group)
                shares[key] = np.maximum(shares.get(key, np.float32(0)), part / tops.max())
    return shares


def _scales(channels: Channels, shares: Mapping[int, Floats]) -> Scales:
    groups = channels.groups
    taken = {groups.find(g) for site in channels.sites if site.kind == "conv" for g in site.takes}
    scales: dict[int, NDArray[np.float64]] = {}
    for group in {groups.find(one) for one in range(len(groups.widths))}:
        if groups.is_fixed(group) or group not in shares:
            scales[group] = np.ones(groups.widths[group] or 1)
        else:
            scales[group] = _scale(shares[group], ALPHA if group in taken else 1.0)
    return scales


def _scale(shares: Floats, alpha: float) -> NDArray[np.float64]:
    scale = np.ones_like(shares, np.float64)
    live = shares > LEAST_SHARE
    scale[live] = (1.0 / shares[live]) ** alpha
    return np.clip(scale, 1.0, MOST_SCALE)


def _apply(graph: Graph, channels: Channels, site: Site, scales: Scales) -> None:
    find = channels.groups.find
    given = scales[find(site.gives)]
    taken = np.concatenate([scales[find(group)] for group in site.takes] or [np.ones(1)])
    if site.kind == "scaled":
        _scale_factor(graph, site.constant, given / taken)
        return
    value = constant(graph, site.constant).astype(np.float64)
    if site.kind == "conv":
        value = value * given[None, None, None] / taken[None, None, :, None]
    elif site.kind == "depthwise":
        value = value * (given / taken)[None, None, :, None]
    else:
        value = value * given
    set_constant(graph, site.constant, value.astype(np.float32))


def _scale_factor(graph: Graph, name: str, scale: NDArray[np.float64]) -> None:
    """Give the multiplication ``name`` a factor for each channel."""
    nodes = by_name(graph)
    node = nodes[name]
    place = next(n for n, one in enumerate(sources(node)) if nodes[one].op == "Const")
    factor = float(constant(graph, sources(node)[place]))
    wider = (factor * scale).astype(np.float32).reshape(1, 1, 1, -1)
    node.input[place] = add_constant(graph, f"{name}/eq", wider)
