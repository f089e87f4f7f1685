"""Takes out of a graph what prediction does not need, step by step, and counts what each saved."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from edgeagent.workshop.born import Born
from edgeagent.workshop.fold import fold_batch_norms, fold_constants, remove_training_nodes
from edgeagent.workshop.graph import Floats, Graph, callable_of, extract, source

RUNS = 5
"""How often a graph is timed; the median counts."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one step left."""

    step: str
    nodes: int
    """Of the graph; 0 for a .tflite, which has operators only."""
    operators: int
    """Nodes that compute."""
    bytes: int
    ms: float
    """One picture on this machine, one thread where that can be chosen; NaN: not timed."""
    agreement: float
    """Mean cosine of the outputs with the frozen graph's, over all pictures tried; 1 is equal."""
    least: float
    """The least of them."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Runs a graph on pictures and compares it with the first."""

    feeds: Sequence[Floats]
    wanted: Sequence[Sequence[Floats]]
    """Outputs of each feed."""

    def row(self, step: str, graph: Graph, taken: str, given: Sequence[str]) -> Row:
        """Return what is to be said of a graph."""
        run = callable_of(graph, taken, given)
        found = [[np.asarray(out) for out in run(tf.constant(feed))] for feed in self.feeds]
        operators = sum(node.op not in ("Const", "Placeholder") for node in graph.node)
        ms = _timed_ms(run, self.feeds[0])
        alike = cosines(found, self.wanted)
        return Row(step, len(graph.node), operators, graph.ByteSize(), ms, *alike)


def judge(born: Born, feeds: Sequence[Floats]) -> Judge:
    """Run the model as it was born on ``feeds``."""
    run = callable_of(born.graph, born.taken, list(born.given.values()))
    return Judge(feeds, [[np.asarray(out) for out in run(tf.constant(f))] for f in feeds])


def _timed_ms(run: Callable[[Any], Any], feed: Floats) -> float:
    tensor, times = tf.constant(feed), []
    for _ in range(RUNS):
        at_s = time.perf_counter()
        run(tensor)
        times.append((time.perf_counter() - at_s) * 1e3)
    return float(np.median(times))


def cosines(
    found: Sequence[Sequence[Floats]], wanted: Sequence[Sequence[Floats]]
) -> tuple[float, float]:
    """Return mean and least cosine between two models' outputs, over pictures and outputs."""
    pairs = [
        p for one, other in zip(found, wanted, strict=True) for p in zip(one, other, strict=True)
    ]
    alike = [_cosine(np.ravel(one), np.ravel(other)) for one, other in pairs]
    return sum(alike) / len(alike), min(alike)


def _cosine(one: Floats, other: Floats) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    if lengths == 0:
        return float(np.array_equal(one, other))
    return float(np.dot(one, other)) / lengths


Step = tuple[str, Callable[[Graph, Sequence[str]], Graph]]


STEPS: Sequence[Step] = (
    ("strip what prediction does not use", extract),
    ("remove debug and training nodes", remove_training_nodes),
    ("fold what is constant", fold_constants),
    ("fold batch norms into the weights", fold_batch_norms),
)


def shrink(born: Born, judged: Judge, steps: Sequence[Step] = STEPS) -> list[Row]:
    """Take the steps on ``born`` in place; return a row for how it came and for each."""
    ends = list(born.given.values())
    nodes = [source(end) for end in ends]
    rows = []
    if born.nodes_before:
        nan = float("nan")
        rows.append(
            Row("as built, with variables", born.nodes_before, 0, born.bytes_before, nan, 1, 1)
        )
    rows.append(judged.row("freeze variables into constants", born.graph, born.taken, ends))
    for name, step in steps:
        born.graph = step(born.graph, nodes)
        rows.append(judged.row(name, born.graph, born.taken, ends))
    return rows
