"""How often it is right on pictures it was not shown: in float, and as the device will run it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edgeagent.decode import decode
from edgeagent.engines import open_engine
from edgeagent.evaluation.asking import TOP, Answers
from edgeagent.evaluation.evaluate import judge as measure
from edgeagent.evaluation.report import Report
from edgeagent.evaluation.slices import slices
from edgeagent.findings import Finding, Label
from edgeagent.model import Bundle
from edgeagent.workshop.training.album import Album
from edgeagent.workshop.training.classifier import Classifier
from edgeagent.workshop.training.fitting import Weights
from edgeagent.workshop.training.front import seen
from edgeagent.workshop.training.known import of_album

Classes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a classifier said of the held-out pictures."""

    labels: tuple[str, ...]
    wanted: Classes
    real: Classes
    """What the float model says."""
    quantised: Classes
    report: Report | None = None
    """All that was measured of the quantised one."""

    @property
    def accuracy(self) -> tuple[float, float]:
        """Share that the float model and the quantised one have right."""
        return float(np.mean(self.real == self.wanted)), float(
            np.mean(self.quantised == self.wanted)
        )

    def lines(self) -> Iterator[str]:
        """Return the table, a class a line, and what it was most often taken for."""
        yield f"{'held out':20}{'pictures':>10}{'float':>8}{'int8':>8}  taken for"
        for place, label in enumerate(self.labels):
            of = self.wanted == place
            yield f"{label:20}{_row(of, self.real == place, self.quantised == place)}" + _mistaken(
                self.labels, place, self.quantised[of]
            )
        rows = np.ones(len(self.wanted), bool)
        right = self.real == self.wanted, self.quantised == self.wanted
        yield f"{'all':20}{_row(rows, *right)}"


def _row(of: NDArray[np.bool_], real: NDArray[np.bool_], quantised: NDArray[np.bool_]) -> str:
    return f"{of.sum():>10}{real[of].mean():>8.3f}{quantised[of].mean():>8.3f}"


def _mistaken(labels: Sequence[str], place: int, said: Classes) -> str:
    wrong = said[said != place]
    if not len(wrong):
        return ""
    counts = np.bincount(wrong, minlength=len(labels))
    return f"  {labels[int(counts.argmax())]} ({counts.max()})"


def judge(task: Classifier, weights: Weights, bundle: Bundle, held: Album) -> Verdict:
    """Show both models every picture that is held out."""
    constants = {name: tf.constant(value) for name, value in weights.items()}
    real = [
        int(np.argmax(task.logits(constants, tf.constant(image[None], tf.float32))))
        for image in held.images
    ]
    ranked = tuple(_names(found) for found in run(bundle, held.images, 0, TOP))
    quantised = [bundle.labels.index(names[0]) for names in ranked]
    truth = of_album(held)
    answers = Answers("cpu", ranked=ranked)
    parts = slices(truth, ["class"])
    report = measure(bundle, bundle.cpu_file(), "cpu", truth, answers, parts)
    return Verdict(
        held.labels, held.classes, np.array(real, np.int32), np.array(quantised, np.int32), report
    )


def _names(found: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(one.name for one in found if isinstance(one, Label))


def run(
    bundle: Bundle, images: NDArray[np.uint8], threshold: float, top: int
) -> Iterator[list[Finding]]:
    """Yield what the device's own engine and decoder find in each picture ``[side, side, 3]``.

    A model with another input sees each scaled to that.
    """
    engine = open_engine(bundle, warm=False)
    try:
        with engine.seat() as seat:
            side = engine.takes.shape[1]
            for image in images:
                seat.input[0] = image if len(image) == side else seen(image, side)
                yield decode(bundle, engine.file, seat.run(), threshold, top)
    finally:
        engine.close()
