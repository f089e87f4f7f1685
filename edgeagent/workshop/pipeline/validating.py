"""Is a dataset fit to train by: every fault at once, before hours of work are begun."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edgeagent.atomic import write_whole
from edgeagent.errors import UsageError
from edgeagent.workshop.pipeline.dataset import SPLITS, TABLE, Row, digest_of, labels_of, read_rows
from edgeagent.workshop.pipeline.featurising import still

SCHEMA = "edgeagent.validation/1"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is asked of a dataset."""

    least: int = 10
    """Pictures of each class in each split."""
    most_ratio: float = 10.0
    """How many times as many pictures the largest class may have as the smallest."""


def validate(folder: Path, bounds: Bounds, into: Path) -> Mapping[str, int]:
    """Look at every picture and every class, and write what is there to the file ``into``.

    Args:
        folder: as `ingest` left it.
        bounds: what is asked.
        into: JSON: the digest, and pictures by split and class.

    Returns:
        Pictures of each split and class, ``train/disc``.

    Raises:
        UsageError: with every fault, one a line; nothing was written.
    """
    rows = read_rows(folder / TABLE)
    counts = Counter(f"{row.split}/{row.label}" for row in rows)
    faults = [*_classes(rows, bounds), *_twice(rows), *_units(rows), *_broken(folder, rows)]
    if faults:
        raise UsageError("\n".join(faults))
    told = {
        "schema": SCHEMA, "data": {"sha256": digest_of(folder / TABLE)},
        "bounds": asdict(bounds), "pictures": dict(sorted(counts.items())),
    }  # fmt: skip
    write_whole(into, json.dumps(told, indent=1).encode() + b"\n")
    return counts


def _classes(rows: Sequence[Row], bounds: Bounds) -> Iterator[str]:
    labels = labels_of(rows)
    if len(labels) < 2:
        yield f"{TABLE}: {len(labels)} class ({', '.join(labels)}); a classifier wants two or more"
    for split in SPLITS:
        counts = Counter(row.label for row in rows if row.split == split)
        for label in labels:
            if counts[label] < bounds.least:
                yield (
                    f"{split}/{label}: {counts[label]} pictures, at least {bounds.least} are "
                    "wanted; bring more, or lower `least`"
                )
    counts = Counter(row.label for row in rows)
    (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
    if many > bounds.most_ratio * few:
        yield (
            f"{most}: {many} pictures, {many / few:.1f} times those of {least} ({few}); at most "
            f"{bounds.most_ratio:g} times is allowed: bring more of {least}"
        )


def _twice(rows: Sequence[Row]) -> Iterator[str]:
    """Find pictures that are said to be of more than one thing."""
    labels: dict[str, list[str]] = {}
    for row in rows:
        labels.setdefault(row.file, []).append(row.label)
    for file, each in labels.items():
        if len(each) > 1:
            yield f"{file}: the same picture is said to be of {' and of '.join(each)}; which is it?"


def _units(rows: Sequence[Row]) -> Iterator[str]:
    """Find what is trained by and tested by at once: its figures would be too good."""
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row.unit, set()).add(row.split)
    for unit, each in splits.items():
        if len(each) > 1:
            yield f"unit {unit}: is in train and in test; pictures that are alike belong in one"


def _broken(folder: Path, rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if still(folder / row.file) is None:
            yield f"{row.file} ({row.label}): is no picture that the device can decode"
