"""How well boxes are found on held-out pictures: COCO's average precision at an overlap of .5."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from edgeagent.decode import centernet
from edgeagent.evaluation.asking import LEAST_SCORE, Answers, Seen
from edgeagent.evaluation.average_precision import Judged
from edgeagent.evaluation.evaluate import judge as measure
from edgeagent.evaluation.report import Report
from edgeagent.evaluation.slices import Slice, slices
from edgeagent.evaluation.truth import Truth
from edgeagent.findings import Detection, Finding
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import TensorSpec
from edgeagent.workshop.training.boxes import Boxed
from edgeagent.workshop.training.detector import Detector
from edgeagent.workshop.training.fitting import Weights
from edgeagent.workshop.training.judging import run
from edgeagent.workshop.training.known import of_boxed


@dataclass(frozen=True, slots=True)
class Precision:
    """Average precision of each label, for the float model, the quantised one and a ready one."""

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    """Boxes of each label."""
    rows: Mapping[str, Sequence[float | None]]
    """Model to what it has; None: it does not know the label, or no box of it was held out."""
    report: Report | None = None
    """All that was measured of the quantised one."""

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

    Raises:
        UsageError: pycocotools is not installed.
    """
    truth = of_boxed(held)
    parts = slices(truth, ["class"])
    quantised = _quantised(bundle, held)
    found = {
        "float": _real(task, weights, held),
        "int8": quantised,
        ready.name: _quantised(ready, held),
    }
    rows = {name: _precisions(truth, those, parts, held.labels) for name, those in found.items()}
    known = [label in ready.labels for label in held.labels]
    rows[ready.name] = [v if k else None for v, k in zip(rows[ready.name], known, strict=True)]
    counts = [int(sum((c == place).sum() for c in held.classes)) for place in range(len(known))]
    answers = Answers("cpu", tuple(quantised))
    report = measure(bundle, bundle.cpu_file(), "cpu", truth, answers, parts)
    return Precision(held.labels, tuple(counts), rows, report)


def _quantised(bundle: Bundle, held: Boxed) -> list[Seen]:
    return _seen(run(bundle, held.images, LEAST_SCORE, 1), held)


def _real(task: Detector, weights: Weights, held: Boxed) -> list[Seen]:
    """Decode what the float graph gives by the same decoder."""
    constants = {name: tf.constant(value) for name, value in weights.items()}
    real = TensorSpec("", (), "float32")
    taken = TensorSpec("", (1, *held.images.shape[1:]), "uint8")
    file = ModelFile(Path(), 1, "0" * 64, taken, {"heat": real, "box": real})

    def found() -> Iterator[Sequence[Finding]]:
        for image in held.images:
            heat, box = task.heads(constants, tf.constant(image[None], tf.float32))
            outputs = {"heat": tf.sigmoid(heat).numpy(), "box": box.numpy()}
            yield centernet.decode(file, outputs, held.labels, task.params, LEAST_SCORE)

    return _seen(found(), held)


def _seen(found: Iterable[Sequence[Finding]], held: Boxed) -> list[Seen]:
    """Return what was found in each picture, in pixels of the input."""
    side = held.images.shape[1]
    return [
        Seen(shot, one.name, one.score, (one.box.left * side, one.box.top * side,
                                         one.box.right * side, one.box.bottom * side))
        for shot, those in enumerate(found)
        for one in those
        if isinstance(one, Detection)
    ]  # fmt: skip


def _precisions(
    truth: Truth, seen: Sequence[Seen], parts: Sequence[Slice], labels: Sequence[str]
) -> list[float | None]:
    once = np.ones(len(truth.shots), np.int64)
    known = {part.key[0][1]: Judged(truth, seen, part)(once)[1] for part in parts if part.key}
    return [known.get(label) for label in labels]
