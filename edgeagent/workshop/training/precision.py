"""How well boxes are found on held-out pictures: average precision at an overlap of .5."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edgeagent.decode import centernet
from edgeagent.decode.boxes import iou
from edgeagent.findings import Detection, Finding
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import TensorSpec
from edgeagent.workshop.training.boxes import Boxed
from edgeagent.workshop.training.detector import Detector
from edgeagent.workshop.training.fitting import Weights
from edgeagent.workshop.training.judging import run

OVERLAP = 0.5
LEAST_SCORE = 0.02
"""Below it nothing is counted: a curve of precision has room for faint ones, but not for all."""

Found = Sequence[Sequence[Detection]]
"""What is found in each picture, boxes in fractions of the input."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Average precision of each label, for the float model, the quantised one and a ready one."""

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    """Boxes of each label."""
    rows: Mapping[str, Sequence[float | None]]
    """Model to what it has; None: it does not know the label, or no box of it was held out."""

    def mean(self, model: str, among: Sequence[int] | None = None) -> float:
        """Return the mean over labels, or some of them; one that is not known counts as 0.

        Labels without a box to judge by are left out.
        """
        whole = range(len(self.labels)) if among is None else among
        places = [place for place in whole if self.counts[place]]
        return float(np.mean([self.rows[model][place] or 0.0 for place in places]))

    def known(self, model: str) -> list[int]:
        """Return the labels that ``model`` knows."""
        return [place for place, value in enumerate(self.rows[model]) if value is not None]

    def lines(self) -> Iterator[str]:
        """Return the table, a label a line."""
        yield f"{'AP50, held out':20}{'boxes':>8}" + "".join(f"{name:>14}" for name in self.rows)
        for place, label in enumerate(self.labels):
            cells = (_cell(values[place]) for values in self.rows.values())
            yield f"{label:20}{self.counts[place]:>8}" + "".join(cells)
        means = (_cell(self.mean(name)) for name in self.rows)
        yield f"{'mean of all':20}{sum(self.counts):>8}" + "".join(means)
        *_, ready = self.rows
        if shared := self.known(ready):
            means = (_cell(self.mean(name, shared)) for name in self.rows)
            boxes = sum(self.counts[place] for place in shared)
            yield f"{'mean of both':20}{boxes:>8}" + "".join(means)


def _cell(value: float | None) -> str:
    return f"{'-':>14}" if value is None else f"{value:>14.3f}"


def judge(
    task: Detector, weights: Weights, bundle: Bundle, ready: Bundle, held: Boxed
) -> Precision:
    """Show all three models every picture that is held out.

    Args:
        task: with the front.
        weights: of the heads.
        bundle: the same, quantised.
        ready: what it is compared with.
        held: pictures and boxes.
    """
    found = {
        "float": _real(task, weights, held),
        "int8": _quantised(bundle, held),
        ready.name: _quantised(ready, held),
    }
    rows = {name: _precisions(those, held) for name, those in found.items()}
    known = [label in ready.labels for label in held.labels]
    rows[ready.name] = [v if k else None for v, k in zip(rows[ready.name], known, strict=True)]
    counts = [int(sum((c == place).sum() for c in held.classes)) for place in range(len(known))]
    return Precision(held.labels, tuple(counts), rows)


def _quantised(bundle: Bundle, held: Boxed) -> Found:
    return [_boxes_only(found) for found in run(bundle, held.images, LEAST_SCORE, 1)]


def _boxes_only(found: Iterable[Finding]) -> list[Detection]:
    return [one for one in found if isinstance(one, Detection)]


def _real(task: Detector, weights: Weights, held: Boxed) -> Found:
    """Decode what the float graph gives by the same decoder."""
    constants = {name: tf.constant(value) for name, value in weights.items()}
    real = TensorSpec("", (), "float32")
    taken = TensorSpec("", (1, *held.images.shape[1:]), "uint8")
    file = ModelFile(Path(), 1, "0" * 64, taken, {"heat": real, "box": real})
    found = []
    for image in held.images:
        heat, box = task.heads(constants, tf.constant(image[None], tf.float32))
        outputs = {"heat": tf.sigmoid(heat).numpy(), "box": box.numpy()}
        found.append(centernet.decode(file, outputs, held.labels, task.params, LEAST_SCORE))
    return found


def _precisions(found: Found, held: Boxed) -> list[float | None]:
    side = held.images.shape[1]
    precisions: list[float | None] = []
    for place, label in enumerate(held.labels):
        named = [[one for one in those if one.name == label] for those in found]
        wanted = [b[c == place] / side for b, c in zip(held.boxes, held.classes, strict=True)]
        known = any(map(len, wanted))
        precisions.append(average_precision(named, wanted) if known else None)
    return precisions


def average_precision(found: Found, wanted: Sequence[NDArray[np.float32]]) -> float:
    """Return the area under precision over recall, precision made to fall only.

    A box that is wanted is found once, by the best score that overlaps it enough.

    Args:
        found: of one label, in each picture.
        wanted: ``[k, 4]`` in each picture, in the same unit.
    """
    scored = [
        (one.score, hit) for f, w in zip(found, wanted, strict=True) for one, hit in _hits(f, w)
    ]
    count = sum(map(len, wanted))
    if not scored or not count:
        return 0.0
    hits = np.array([hit for _, hit in sorted(scored, key=lambda pair: -pair[0])], float)
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((falling * hits).sum() / count)


def _hits(
    found: Sequence[Detection], wanted: NDArray[np.float32]
) -> Iterator[tuple[Detection, bool]]:
    free = np.ones(len(wanted), bool)
    for one in sorted(found, key=lambda one: -one.score):
        box = np.array([[one.box.left, one.box.top, one.box.right, one.box.bottom]], np.float32)
        overlaps = np.where(free, iou(box, wanted)[0], 0) if len(wanted) else np.zeros(1)
        best = int(overlaps.argmax())
        hit = bool(overlaps[best] >= OVERLAP)
        if hit:
            free[best] = False
        yield one, hit
