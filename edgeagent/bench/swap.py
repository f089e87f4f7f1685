"""Two models on one engine: what it costs to go from one to the other. ``swap``.

An Edge TPU holds about 8 MB of weights; two models that do not fit in together are loaded anew at
each change (coral.ai, Edge TPU compiler, parameter data caching).
"""

import time
from collections.abc import Callable

import numpy as np

from edgeagent.bench.found import Found, Plan
from edgeagent.bench.river import Progress
from edgeagent.decode.golden import goldens
from edgeagent.engines import Engine
from edgeagent.errors import UsageError
from edgeagent.preprocess import put

ROUNDS = 10
"""Alone and in turn are measured in so many rounds each, so that a drift is in both."""

Ask = Callable[[], int]
"""Runs a model once; returns nanoseconds."""


def swap(plan: Plan, progress: Progress) -> Found:
    """Run two models, each again and again, and in turn.

    Raises:
        UsageError: there is but one.
    """
    look, vector = plan.engines.look, plan.engines.vector
    if look is None or vector is None:
        raise UsageError("swap needs two models: name the second with --vector")
    one, other = look.bundle.name, vector.bundle.name
    rows: dict[str, list[int]] = {}
    asks = {one: _asking(look), other: _asking(vector)}
    each = max(plan.runs // ROUNDS, 1)
    for number in range(ROUNDS):
        for name, ask in asks.items():
            rows.setdefault(f"{name} alone", []).extend(ask() for _ in range(each))
        for _ in range(each):
            for name, ask in asks.items():
                rows.setdefault(f"{name} in turn", []).append(ask())
        progress(number + 1, ROUNDS)
    return _found(one, other, rows, {"runs": each * ROUNDS})


def _asking(engine: Engine) -> Ask:
    """Return what runs ``engine`` on one of its goldens, or on noise where it has none."""
    known = goldens(engine.bundle)
    shape = engine.takes.shape
    image = known[0].image if known else np.random.default_rng(0).integers(0, 255, shape, np.uint8)

    def ask() -> int:
        with engine.seat() as seat:
            put(image, seat.input, engine.takes)
            began_ns = time.perf_counter_ns()
            seat.run()
            return time.perf_counter_ns() - began_ns

    return ask


def _found(one: str, other: str, rows: dict[str, list[int]], asked: dict[str, float]) -> Found:
    pairs = zip(rows[f"{one} in turn"], rows[f"{other} in turn"], strict=True)
    dearer_ms = sum(
        float(np.median(rows[f"{name} in turn"]) - np.median(rows[f"{name} alone"])) / 1e6
        for name in (one, other)
    )
    return Found(
        f"{one} and {other}, one after the other",
        [(a + b) / 1e6 for a, b in pairs],
        rows,
        asked=asked,
        rates={"swap_ms": dearer_ms},
        notes=("swap_ms: by how much a pair in turn is dearer than each alone, by medians",),
    )
