"""What is known of a folder of pictures: one row for each, kept as a CSV beside them."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgeagent.atomic import write_whole
from edgeagent.errors import UsageError

TABLE = "table.csv"
LABELS = "labels.txt"

Split = Literal["train", "test"]

SPLITS: Sequence[Split] = ("train", "test")

OURS = ("file", "label", "unit", "split")
"""Columns with a meaning of their own; any other can be a slice."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture."""

    file: str
    """Relative to the table."""
    label: str
    unit: str
    """Pictures of one unit are alike: they stay on one side of the split."""
    split: str
    columns: Mapping[str, str] = field(default_factory=dict)


def read_rows(table: Path, split: Split | None = None) -> list[Row]:
    """Return the rows of ``table``; with ``split`` only those.

    Raises:
        UsageError: it cannot be read, or a column is missing.
    """
    try:
        reader = csv.DictReader(table.read_text().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{table}: cannot be read ({error})") from error
    if missing := set(OURS) - set(reader.fieldnames or ()):
        raise UsageError(f"{table}:1: no column {', '.join(sorted(missing))}; was it ingested?")
    rows = [_row(one) for one in reader]
    return [row for row in rows if split in (None, row.split)]


def _row(one: Mapping[str, str]) -> Row:
    columns = {key: value for key, value in one.items() if key not in OURS}
    return Row(one["file"], one["label"], one["unit"], one["split"], columns)


def write_rows(table: Path, rows: Iterable[Row]) -> None:
    """Write ``rows`` in the order of their files, so that the same rows are the same bytes."""
    ordered = sorted(rows, key=lambda row: (row.file, row.label))
    others = sorted({key for row in ordered for key in row.columns})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*OURS, *others))
    for row in ordered:
        told = (row.columns.get(key, "") for key in others)
        writer.writerow((row.file, row.label, row.unit, row.split, *told))
    write_whole(table, text.getvalue().encode())


def digest_of(table: Path) -> str:
    """Return the sha256 of all that is known; files are named by their content, so of that too."""
    return hashlib.sha256(table.read_bytes()).hexdigest()


def labels_of(rows: Iterable[Row]) -> list[str]:
    """Return the labels in the order in which a model gives their scores."""
    return sorted({row.label for row in rows})
