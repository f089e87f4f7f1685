"""A judged model becomes a bundle, with its figures and its lineage beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeagent import semver
from edgeagent.adding import FIRST_VERSION, Wish, add
from edgeagent.card.quality import EVALUATION
from edgeagent.errors import BundleError
from edgeagent.model import Bundle
from edgeagent.pedigree import Data, Use
from edgeagent.workshop.pipeline import lineage, shrinking
from edgeagent.workshop.pipeline.accelerating import COMPILED, REPORT
from edgeagent.workshop.pipeline.dataset import LABELS, TABLE, Row, read_rows
from edgeagent.workshop.pipeline.judging import read_report

_USES: Mapping[str, Use] = {"train": "train", "test": "judge"}


@dataclass(frozen=True, slots=True)
class Title:
    """What is said of a model, and cannot be found out."""

    name: str
    version: str = FIRST_VERSION
    """Semantic; ``2`` stands for ``2.0.0``."""
    licence: str = "not stated"
    data_licence: str = "not stated"
    """Of the pictures."""


def make_bundle(
    model: Path, features: Path, evaluation: Path, title: Title, into: Path,
    tell: Callable[[str], None],
) -> Bundle:  # fmt: skip
    """Make the bundle ``into/NAME``; the same inputs make the same bytes.

    Args:
        model: a folder with ``model.tflite``, as `accelerate` left it.
        features: for the labels, and for how many pictures there were.
        evaluation: the report of this very file.
        title: name, version and licences.
        into: a folder.
        tell: hears what was found out.

    Raises:
        BundleError: another file was judged, or the device would not take this one.
        UsageError: the version is none.
    """
    told, known = read_report(evaluation), lineage.read(model)
    if told.digest != known["model"]:
        raise BundleError(
            f"{evaluation}: is of a model with the sha256 {told.digest}, and this one has "
            f"{known['model']}; evaluate it first"
        )
    compiled, version = model / COMPILED, semver.completed(title.version)
    beside = {file: (model / file).read_bytes() for file in (shrinking.REPORT, REPORT)}
    beside[EVALUATION] = evaluation.read_bytes()
    beside[lineage.FILE] = lineage.text(known, bundle={"name": title.name, "version": version})
    wish = Wish(
        model / shrinking.TFLITE,
        edgetpu=compiled if compiled.is_file() else None,
        labels=features / LABELS,
        name=title.name,
        version=version,
        licence=title.licence,
        origin=f"trained on data with the sha256 {known['data']}",
        task="classify",
        replace=True,
        data=_data(read_rows(features / TABLE), known["data"], title.data_licence),
        beside=beside,
    )
    return add(wish, into, tell)


def _data(rows: list[Row], digest: str, licence: str) -> tuple[Data, ...]:
    """Return what a manifest says of the pictures: all are known by the one digest of the table."""
    counts = {split: sum(row.split == split for row in rows) for split in _USES}
    told = [
        Data(use, f"the pipeline's {split} pictures", licence, counts[split], digest)
        for split, use in _USES.items()
    ]
    by = min(counts["train"], shrinking.CALIBRATED)
    return (*told, Data("calibrate", "some of those for training", licence, by, digest))
