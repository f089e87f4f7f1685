"""A model of two colours, taken through the pipeline's steps; and what it is made of."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgeagent.workshop.pipeline import lineage
from edgeagent.workshop.pipeline.accelerating import accelerate
from edgeagent.workshop.pipeline.bundling import Title, make_bundle
from edgeagent.workshop.pipeline.featurising import featurise
from edgeagent.workshop.pipeline.ingest import ingest
from edgeagent.workshop.pipeline.judging import evaluate
from edgeagent.workshop.pipeline.training import Examples, Plan, Tell, train

SIDE_PX = 32


def quiet(_: str) -> None:
    """Take no notice."""


def pictures(folder: Path, *rows: Sequence[str]) -> Path:
    """Fill ``folder`` with pictures of one colour a label, which ``rows`` (of data.csv) name."""
    folder.mkdir()
    with (folder / "data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "split", "light"), *rows])
    for number, (name, label, *_) in enumerate(rows):
        image = np.full((40, 40, 3), 30 + number, np.uint8)
        image[:, :, sum(label.encode()) % 3] = 220
        cv2.imwrite(str(folder / name), image)
    return folder


def plain(count: int = 12) -> list[tuple[str, str, str, str]]:
    """Return rows of two classes, in both splits."""
    return [
        (f"{label}{n}.png", label, "test" if n % 3 == 0 else "train", "day" if n % 2 else "night")
        for label in ("a", "b")
        for n in range(count)
    ]


def by_colour(examples: Examples, plan: Plan, tell: Tell, team: object) -> Any:  # noqa: ANN401
    """A `Trainer`: one that need not learn, for the two labels are two colours."""
    from tensorflow.keras import Input, Model, layers

    side = examples.images.shape[1]
    image = Input((side, side, 3), name="image")
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image))
    net = Model(image, layers.Dense(2, activation="softmax", name="scores")(x))
    kernel = np.zeros((3, 2), np.float32)
    for place, label in enumerate(examples.labels):
        kernel[2 - sum(label.encode()) % 3, place] = 8
    net.set_weights([kernel, np.zeros(2, np.float32)])
    tell("known")
    return net


class Made:
    """Folders of a model that names colours, up to its evaluation."""

    def __init__(self, root: Path) -> None:
        from edgeagent.workshop.pipeline.shrinking import shrink

        self.dataset, self.features, self.model = root / "d", root / "f", root / "m"
        data = ingest(str(pictures(root / "pictures", *plain())), self.dataset)
        known = lineage.begun(data, featurise(self.dataset, SIDE_PX, self.features))
        told: list[str] = []
        weights = train(self.features, Plan(), root / "k", told.append, by_colour)
        assert told == ["known"]
        digest = shrink(root / "k", self.features, root / "s", quiet)
        lineage.write(root / "s", known, model=digest, weights=weights, plan={"epochs": 1})
        self.told = accelerate(root / "s", self.model, quiet)
        self.report = root / "report.json"
        folders = self.model, self.dataset, self.features
        self.found = evaluate(*folders, ["class", "light"], self.report, quiet)

    def bundle(self, into: Path, version: str = "1") -> Path:
        title = Title("colours", version, "none")
        return make_bundle(self.model, self.features, self.report, title, into, quiet).folder
