"""A judged model becomes a bundle, with its figures and its lineage beside it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeagent.adding import Wish, add
from edgeagent.errors import BundleError
from edgeagent.model import Bundle
from edgeagent.workshop.pipeline import lineage, shrinking
from edgeagent.workshop.pipeline.accelerating import COMPILED, REPORT
from edgeagent.workshop.pipeline.dataset import LABELS
from edgeagent.workshop.pipeline.judging import read_report

EVALUATION = "evaluation.json"


@dataclass(frozen=True, slots=True)
class Title:
    """What is said of a model, and cannot be found out."""

    name: str
    version: str = "1"
    licence: str = "not stated"


def make_bundle(
    model: Path, features: Path, evaluation: Path, title: Title, into: Path,
    tell: Callable[[str], None],
) -> Bundle:  # fmt: skip
    """Make the bundle ``into/NAME``; the same inputs make the same bytes.

    Args:
        model: a folder with ``model.tflite``, as `accelerate` left it.
        features: for the labels.
        evaluation: the report of this very file.
        title: name, version and licence.
        into: a folder.
        tell: hears what was found out.

    Raises:
        BundleError: another file was judged, or the device would not take this one.
    """
    told, known = read_report(evaluation), lineage.read(model)
    if told.digest != known["model"]:
        raise BundleError(
            f"{evaluation}: is of a model with the sha256 {told.digest}, and this one has "
            f"{known['model']}; evaluate it first"
        )
    compiled = model / COMPILED
    wish = Wish(
        model / shrinking.TFLITE,
        edgetpu=compiled if compiled.is_file() else None,
        labels=features / LABELS,
        name=title.name,
        version=title.version,
        licence=title.licence,
        origin=f"trained on data with the sha256 {known['data']}",
        task="classify",
        replace=True,
    )
    made = add(wish, into, tell)
    for file in (shrinking.REPORT, REPORT):
        shutil.copyfile(model / file, made.folder / file)
    shutil.copyfile(evaluation, made.folder / EVALUATION)
    lineage.write(made.folder, known, bundle={"name": title.name, "version": title.version})
    return made
