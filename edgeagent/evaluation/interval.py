"""How far a figure might be from the truth: what it would have been with other pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.int64]
"""How often each shot, or each row, was drawn."""

REPLICATES = 200
"""Draws: enough for the second digit of a 95 % interval."""
SEED = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure, and between what it lies in 95 of 100 draws."""

    value: float
    low: float
    high: float

    def told(self) -> str:
        """Return it for a table."""
        if np.isnan(self.value):
            return "-"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def bootstrap(
    units: Sequence[str], scores: Callable[[Weights], Sequence[float]], replicates: int = REPLICATES
) -> list[Measured]:
    """Return each of the figures that ``scores`` gives, with its 95 % interval.

    A Poisson bootstrap, as TensorFlow Model Analysis has it: in each draw every unit counts as
    often as a Poisson variable of mean 1 says. Seeded: the same twice.

    Args:
        units: of each of what is weighed; those of one unit are drawn together.
        scores: figures for so many times each; NaN where there is nothing to count.
        replicates: how many draws.
    """
    names, places = np.unique(np.asarray(units, object).astype(str), return_inverse=True)
    random = np.random.default_rng(SEED)
    values = scores(np.ones(len(units), np.int64))
    draws = np.array(
        [scores(random.poisson(1.0, len(names))[places]) for _ in range(replicates)], np.float64
    )
    return [_between(value, draws[:, place]) for place, value in enumerate(values)]


def _between(value: float, drawn: NDArray[np.float64]) -> Measured:
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not drawn.size:
        return Measured(value, value, value)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Measured(value, float(low), float(high))
