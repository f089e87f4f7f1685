"""Figures that are means over rows: of a classifier's answers, and of vectors' neighbours."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeagent.evaluation.truth import Truth

Values = NDArray[np.float64]
"""One for each row of the truth; NaN where the row cannot be judged."""

NEAR = (1, 5)
"""How many neighbours a recall looks at."""


def classified(truth: Truth, ranked: Sequence[Sequence[str]]) -> Mapping[str, Values]:
    """Return for each row whether its label was the best, and whether among the best five."""
    labels = [row.label for row in truth.rows]
    pairs = list(zip(labels, ranked, strict=True))
    return {
        "top1": np.array([label in best[:1] for label, best in pairs], np.float64),
        "top5": np.array([label in best[:5] for label, best in pairs], np.float64),
    }


def confusion(truth: Truth, ranked: Sequence[Sequence[str]]) -> dict[str, dict[str, int]]:
    """Return how often what was taken for what: label, said label, count."""
    table: dict[str, dict[str, int]] = {}
    for row, best in zip(truth.rows, ranked, strict=True):
        said = table.setdefault(row.label, {})
        name = best[0] if best else ""
        said[name] = said.get(name, 0) + 1
    return {label: dict(sorted(said.items())) for label, said in sorted(table.items())}


def compared(truth: Truth, vectors: NDArray[np.float32]) -> Mapping[str, Values]:
    """Return how well vectors tell same from different, by the cosine between them.

    ``recall@k`` of a row is 1 where one of its k nearest is of the same label, and ``auc`` the
    share of pairs, one row of the same label and one of another, of which the same is the nearer
    (ties are half). A row whose label is alone cannot be judged, and one without any other.

    Args:
        truth: whose labels say which are the same.
        vectors: ``[rows, values]``.
    """
    names = np.array([row.label for row in truth.rows], object)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1)
    figures = {f"recall@{k}": np.full(len(names), np.nan) for k in NEAR}
    figures["auc"] = np.full(len(names), np.nan)
    for place in range(len(names)):
        near = unit @ unit[place]
        near[place] = -np.inf
        same = names == names[place]
        same[place] = False
        if not same.any():
            continue
        order = np.argsort(-near, kind="stable")
        for k in NEAR:
            figures[f"recall@{k}"][place] = same[order[:k]].any()
        others = ~same
        others[place] = False
        if others.any():
            figures["auc"][place] = _nearer(near[same], near[others])
    return figures


def _nearer(same: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Return the share of pairs of which the one of ``same`` is the greater, ties as half."""
    others = np.sort(others)
    below = np.searchsorted(others, same, "left")
    not_above = np.searchsorted(others, same, "right")
    return float((below + not_above).mean() / 2 / len(others))
