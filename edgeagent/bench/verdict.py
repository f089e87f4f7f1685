"""Says whether a run was fast enough, was not, or whether the machine is too noisy to say. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgeagent.bench.figures import CONFIDENCE, Between, Figures

Status = Literal[0, 1, 2]
GOOD: Final = 0
BAD: Final = 1
UNSURE: Final = 2
"""Exit statuses."""

BLOCKS = 32
"""A run is cut into so many blocks; what lasts for seconds then moves few of them."""
ENOUGH_BLOCKS = 8
DRAWS = 4000
"""Of the bootstrap."""
TRIM = 0.2
"""So many of the blocks are left out at each end, and the rest averaged: half as sure again as
their median, and as little moved by a few that are far off."""

_Medians = NDArray[np.float64]


class Block(msgspec.Struct, frozen=True):
    """Medians of some looks that followed each other, in milliseconds without waits for a core."""

    see: float
    yardstick: float
    """Of the loop that was run between them (`yardstick.Yardstick`)."""


class Verdict(msgspec.Struct, frozen=True):
    """One question answered."""

    status: Status
    why: str
    ratio: float | None = None
    """This run's time by the baseline's, both by their yardsticks."""
    between: Between | None = None
    """The true ratio lies here with 95 %."""


def blocks(see_ms: Sequence[float], yardstick_ms: Sequence[float]) -> list[Block]:
    """Cut a run into `BLOCKS` of equal size, or fewer where it is short; none of one with no looks.

    Args:
        see_ms: of each look, in order.
        yardstick_ms: of the loop after each look.
    """
    count = min(BLOCKS, len(see_ms))
    edges = [n * len(see_ms) // count for n in range(count + 1)] if count else []
    parts = [slice(low, high) for low, high in pairwise(edges)]
    return [Block(median(see_ms[part]), median(yardstick_ms[part])) for part in parts]


def within(figures: Figures, limit_ms: float) -> Verdict:
    """Say whether the 90th percentile is at most ``limit_ms``."""
    found = f"p90 {figures.p90:.2f} ms, at most {limit_ms:g} ms asked"
    if figures.p90_between is None:
        return Verdict(UNSURE, f"{found}: {figures.n} looks are too few to say; 36 are enough")
    low, high = figures.p90_between
    told = f"{found}: it lies between {low:.2f} and {high:.2f} ms"
    if high <= limit_ms:
        return Verdict(GOOD, told)
    return Verdict(BAD if low > limit_ms else UNSURE, told)


def beside(now: Sequence[Block], then: Sequence[Block], limit: float, seed: int = 0) -> Verdict:
    """Say whether a run is slower than a baseline by more than ``limit``.

    Each look's time is taken by its block's yardstick, so that a machine that is slower to-day is
    no regression. A bootstrap over blocks, not looks: looks that follow each other are alike.

    Args:
        now: the run's blocks.
        then: the baseline's.
        limit: .1 for 10 %.
        seed: of the bootstrap's draws.
    """
    if min(len(now), len(then)) < ENOUGH_BLOCKS:
        return Verdict(UNSURE, f"too few looks to compare; {ENOUGH_BLOCKS} on each side are needed")
    random = np.random.default_rng(seed)
    ratio = float(_middle(_scaled(now)) / _middle(_scaled(then)))
    drawn = _redrawn(_scaled(now), random) / _redrawn(_scaled(then), random)
    tail = 50 * (1 - CONFIDENCE)
    low, high = (float(edge) for edge in np.percentile(drawn, [tail, 100 - tail]))
    told = (
        f"{_percent(ratio)} than the baseline, between {_percent(low)} and {_percent(high)}; "
        f"{100 * limit:g} % slower is allowed"
    )
    return Verdict(_judged(low, high, 1 + limit), told, ratio, (low, high))


def _judged(low: float, high: float, most: float) -> Status:
    if high <= most:
        return GOOD
    return BAD if low > most else UNSURE


def _scaled(some: Sequence[Block]) -> _Medians:
    return np.array([block.see / max(block.yardstick, 1e-9) for block in some])


def _redrawn(medians: _Medians, random: np.random.Generator) -> _Medians:
    picks = random.integers(0, len(medians), (DRAWS, len(medians)))
    return _middle(medians[picks])


def _middle(medians: _Medians) -> _Medians:
    """Return the mean of the middle ones, along the last axis."""
    ordered = np.sort(medians, axis=-1)
    cut = int(TRIM * ordered.shape[-1])
    return np.asarray(ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1), np.float64)


def _percent(ratio: float) -> str:
    return f"{100 * abs(ratio - 1):.1f} % {'slower' if ratio >= 1 else 'faster'}"


def together(verdicts: Sequence[Verdict]) -> Status:
    """Return the exit status for all: bad if any is, else unsure if any is."""
    statuses = {verdict.status for verdict in verdicts}
    if BAD in statuses:
        return BAD
    return UNSURE if UNSURE in statuses else GOOD
