"""COCO's average precision: pycocotools says what was found, and it is summed up for any draw.

Needs pycocotools (the extra ``eval``), which is imported here and nowhere else.
"""

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.errors import UsageError
from edgeagent.evaluation.asking import Seen
from edgeagent.evaluation.interval import Weights
from edgeagent.evaluation.slices import Slice
from edgeagent.evaluation.truth import Corners, Truth

MOST = 100
"""Boxes of one class in one picture that count, best first, as COCO has it."""

_RECALLS = np.linspace(0.0, 1.0, 101)
_OUTSIDE_PX2 = -1.0
"""The area of a thing that is in no range of sizes: neither asked for nor held against anyone."""


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What was found of one class, best score first; T is the ten thresholds of overlap."""

    shots: NDArray[np.int64]
    """Of each box that was said, its shot."""
    right: NDArray[np.bool_]
    """``[T, boxes]``: it is there."""
    wrong: NDArray[np.bool_]
    """``[T, boxes]``: it is not; what was to be ignored is neither."""
    wanted: NDArray[np.int64]
    """For each shot, how many there were to be found."""


class Judged:
    """A detector's answers in one slice, matched once and summed up as often as is wanted."""

    def __init__(self, truth: Truth, seen: Sequence[Seen], part: Slice) -> None:
        """Match what was seen with what is there.

        Raises:
            UsageError: pycocotools is not installed.
        """
        self.classes = _matched(truth, seen, part)

    def __call__(self, weights: Weights) -> tuple[float, float]:
        """Return AP and AP50, means over the classes that are there; NaN where none is.

        Args:
            weights: how often each shot counts.
        """
        curves = [_precision(one, weights) for one in self.classes.values()]
        there = [curve for curve in curves if curve is not None]
        if not there:
            return float("nan"), float("nan")
        each = np.stack(there)
        return float(each.mean()), float(each[:, 0].mean())


def _precision(one: Matched, weights: Weights) -> NDArray[np.float64] | None:
    """Return the mean precision at COCO's 101 recalls, for each threshold; None: nothing there."""
    wanted = int(weights @ one.wanted)
    if not wanted:
        return None
    drawn = weights[one.shots]
    hits = np.cumsum(one.right * drawn, axis=1, dtype=np.float64)
    misses = np.cumsum(one.wrong * drawn, axis=1, dtype=np.float64)
    precision = hits / np.maximum(hits + misses, np.spacing(1))
    # What can be had at a recall is the best that comes at it or later.
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    means = np.zeros(len(hits))
    for place, recall in enumerate(hits / wanted):
        at = np.searchsorted(recall, _RECALLS, side="left")
        reached = at < len(recall)
        means[place] = best[place, at[reached]].sum() / len(_RECALLS)
    return means


def _matched(truth: Truth, seen: Sequence[Seen], part: Slice) -> Mapping[str, Matched]:
    there = {row.label for row, flag in zip(truth.rows, part.rows, strict=True) if flag}
    labels = sorted(there)
    if not labels:
        return {}
    run = _run(truth, seen, part, labels)
    shots = run.params.imgIds
    found: dict[str, Matched] = {}
    for place, label in enumerate(labels):
        each = run.evalImgs[place * len(shots) : (place + 1) * len(shots)]
        found[label] = _together([one for one in each if one is not None], len(truth.shots))
    return found


def _together(each: Sequence[Mapping[str, Any]], shots: int) -> Matched:
    scores = np.concatenate([np.asarray(one["dtScores"], np.float64) for one in each])
    # Stable, as COCO sorts: equal scores stay in the order of the pictures.
    order = np.argsort(-scores, kind="stable")
    said = np.concatenate([np.full(len(one["dtScores"]), one["image_id"]) for one in each])
    hit = np.concatenate([one["dtMatches"] for one in each], axis=1)[:, order] > 0
    ignored = np.concatenate([one["dtIgnore"] for one in each], axis=1)[:, order] > 0
    wanted = np.zeros(shots, np.int64)
    for one in each:
        wanted[one["image_id"]] = np.count_nonzero(np.asarray(one["gtIgnore"]) == 0)
    return Matched(said[order].astype(np.int64), hit & ~ignored, ~hit & ~ignored, wanted)


def _run(truth: Truth, seen: Sequence[Seen], part: Slice, labels: Sequence[str]) -> Any:  # noqa: ANN401
    """Have pycocotools match boxes; what it prints is kept from the terminal."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        raise UsageError(
            "detectors are judged by pycocotools: pip install 'edgeagent[eval]'"
        ) from None
    numbers = {label: place for place, label in enumerate(labels)}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = []
        for things in (_there(truth, part, numbers), _said(seen, part, numbers)):
            one = COCO()
            one.dataset = {
                "images": [{"id": int(n)} for n in np.flatnonzero(part.shots)],
                "categories": [{"id": n, "name": label} for label, n in numbers.items()],
                "annotations": list(things),
            }
            one.createIndex()
            coco.append(one)
        run = COCOeval(*coco, iouType="bbox")
        run.params.areaRng, run.params.areaRngLbl = [list(part.area_px2)], ["all"]
        run.params.maxDets = [MOST]
        run.evaluate()
    return run


def _there(truth: Truth, part: Slice, numbers: Mapping[str, int]) -> Iterator[dict[str, object]]:
    for place, row in enumerate(truth.rows):
        if not part.shots[row.shot] or row.label not in numbers or row.box_px is None:
            continue
        area_px2 = row.area_px2 if part.rows[place] else _OUTSIDE_PX2
        yield _annotation(place, row.shot, numbers[row.label], row.box_px) | {
            "area": area_px2,
            "iscrowd": int(row.crowd),
        }


def _said(
    seen: Sequence[Seen], part: Slice, numbers: Mapping[str, int]
) -> Iterator[dict[str, object]]:
    for place, one in enumerate(seen):
        if part.shots[one.shot] and one.label in numbers:
            left, top, right, bottom = one.box_px
            yield _annotation(place, one.shot, numbers[one.label], one.box_px) | {
                "area": (right - left) * (bottom - top),
                "score": one.score,
            }


def _annotation(place: int, shot: int, category: int, box_px: Corners) -> dict[str, object]:
    left, top, right, bottom = box_px
    # From 1: pycocotools takes a match with number 0 for none.
    return {
        "id": place + 1,
        "image_id": shot,
        "category_id": category,
        "bbox": [left, top, right - left, bottom - top],
    }
