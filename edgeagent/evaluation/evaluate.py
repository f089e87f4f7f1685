"""One evaluation from answers to figures: each slice, each metric, each with its interval."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from edgeagent.evaluation.asking import Answers
from edgeagent.evaluation.average_precision import Judged
from edgeagent.evaluation.interval import Measured, Weights, bootstrap
from edgeagent.evaluation.means import Values, classified, compared, confusion
from edgeagent.evaluation.report import Figures, Report
from edgeagent.evaluation.slices import Slice
from edgeagent.evaluation.truth import Truth
from edgeagent.model import Bundle, ModelFile


def judge(
    bundle: Bundle, file: ModelFile, engine: str, truth: Truth, answers: Answers,
    parts: Sequence[Slice],
) -> Report:  # fmt: skip
    """Return what ``answers`` are worth, slice by slice.

    Args:
        bundle: who was asked.
        file: of it, which ran.
        engine: what ran it.
        truth: what was known.
        answers: to all of it.
        parts: `slices.slices` of the truth, all there is first.
    """
    if bundle.task == "detect":
        figures = [_detected(truth, answers, part) for part in parts]
    else:
        values = _values(truth, answers)
        figures = [_meant(truth, values, part) for part in parts]
    table = confusion(truth, answers.ranked) if bundle.task == "classify" else {}
    return Report(
        bundle.name, bundle.version, file.sha256, engine, digest(truth), len(truth.shots),
        figures, table,
    )  # fmt: skip


def digest(truth: Truth) -> str:
    """Return the sha256 of all that is known, wherever the pictures lie."""
    content = hashlib.sha256()
    for shot in truth.shots:
        content.update(repr((shot.name, shot.frame, sorted(shot.columns.items()))).encode())
    for row in truth.rows:
        known = row.shot, row.label, row.box_px, row.area_px2, row.crowd
        content.update(repr((known, sorted(row.columns.items()))).encode())
    return content.hexdigest()


def _values(truth: Truth, answers: Answers) -> Mapping[str, Values]:
    if answers.vectors is not None:
        return compared(truth, answers.vectors)
    return classified(truth, answers.ranked)


def _detected(truth: Truth, answers: Answers, part: Slice) -> Figures:
    units = [shot.unit or shot.name for shot in truth.shots]
    held = [part.shots[row.shot] and not row.crowd for row in truth.rows]
    counted = part.rows & np.array(held, bool)
    found = bootstrap(units, Judged(truth, answers.boxes, part))
    return _figures(part, int(counted.sum()), dict(zip(("AP", "AP50"), found, strict=True)))


def _meant(truth: Truth, values: Mapping[str, Values], part: Slice) -> Figures:
    places = np.flatnonzero(part.rows)
    shots = [truth.shots[truth.rows[place].shot] for place in places]
    kept = np.stack([one[places] for one in values.values()])

    def means(weights: Weights) -> list[float]:
        known = ~np.isnan(kept)
        counted = (known * weights).sum(axis=1)
        sums = (np.where(known, kept, 0.0) * weights).sum(axis=1)
        return [float(s / n) if n else float("nan") for s, n in zip(sums, counted, strict=True)]

    found = bootstrap([shot.unit or shot.name for shot in shots], means)
    return _figures(part, len(places), dict(zip(values, found, strict=True)))


def _figures(part: Slice, examples: int, metrics: Mapping[str, Measured]) -> Figures:
    value = "_X_".join(value for _, value in part.key)
    return Figures(part.name, value, examples, metrics)
