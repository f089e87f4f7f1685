"""Takes pictures in: copied under the names of their digests, split once, listed in a table."""

import csv
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edgeagent.errors import UsageError
from edgeagent.sources.images import SUFFIXES
from edgeagent.workshop.pipeline.dataset import OURS, SPLITS, TABLE, Row, digest_of, write_rows
from edgeagent.workshop.pipeline.example import make_example

EXAMPLE = "example"
"""In the place of a folder: pictures that are generated."""

OWN_TABLE = "data.csv"

HELD_OUT = 0.3
"""Share of units to test by, where the table does not say which."""


def ingest(source: str, into: Path, seed: int = 0) -> str:
    """Fill the folder ``into`` with what is in ``source``, and return its digest.

    Args:
        source: a folder with one for each class, or with ``data.csv`` (``file,label`` and any
            columns; ``split`` says ``train`` or ``test``, ``unit`` which pictures are alike); or
            ``example``.
        into: gets ``pictures/`` and ``table.csv``.
        seed: of the example's pictures.

    Raises:
        UsageError: with every row that will not do.
    """
    if source == EXAMPLE:
        with_example = into / "generated"
        make_example(with_example, seed)
        digest = ingest(str(with_example), into)
        shutil.rmtree(with_example)
        return digest
    folder = Path(source)
    (into / "pictures").mkdir(parents=True, exist_ok=True)
    rows = [_taken(folder, told, into) for told in _told(folder)]
    write_rows(into / TABLE, rows_once(rows))
    return digest_of(into / TABLE)


def rows_once(rows: Sequence[Row]) -> Iterator[Row]:
    """Return ``rows`` without those that say the same of the same picture again."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if (row.file, row.label) not in seen:
            seen.add((row.file, row.label))
            yield row


Told = Mapping[str, str]


def _told(folder: Path) -> list[Told]:
    """Return what is said of each picture, whole."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give one with a folder for each class")
    table = folder / OWN_TABLE
    told = _of_table(table) if table.is_file() else _of_classes(folder)
    faults = [f"{folder}: no picture in it; it takes {' '.join(sorted(SUFFIXES))}"]
    if told:
        faults = list(_faults(folder, told))
    if faults:
        raise UsageError("\n".join(faults))
    return told


def _of_table(table: Path) -> list[Told]:
    try:
        rows = csv.DictReader(table.read_text().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{table}: cannot be read ({error})") from error
    return [{key: value or "" for key, value in row.items() if key} for row in rows]


def _of_classes(folder: Path) -> list[Told]:
    return [
        {"file": str(path.relative_to(folder)), "label": one.name}
        for one in sorted(path for path in folder.iterdir() if path.is_dir())
        for path in sorted(one.rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]


def _faults(folder: Path, told: Sequence[Told]) -> Iterator[str]:
    for line, row in enumerate(told, 2):
        where = f"{folder / OWN_TABLE}:{line}"
        if not row.get("label"):
            yield f"{where}: no label; every picture is of something"
        if not row.get("file") or not (folder / row["file"]).is_file():
            yield f"{where}: {row.get('file', '')!r}: no such file in {folder}"
        if row.get("split", "") not in ("", *SPLITS):
            yield f"{where}: split {row['split']!r} is not one of {', '.join(SPLITS)}"


def _taken(folder: Path, told: Told, into: Path) -> Row:
    path = folder / told["file"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = f"pictures/{digest[:32]}{path.suffix.lower()}"
    shutil.copyfile(path, into / file)
    unit = told.get("unit") or digest[:32]
    columns = {key: value for key, value in told.items() if key not in OURS}
    return Row(file, told["label"], unit, told.get("split") or _split(unit), columns)


def _split(unit: str) -> str:
    """Say on which side a unit falls: by its digest, so that more pictures move none."""
    place = int.from_bytes(hashlib.sha256(unit.encode()).digest()[:4], "big") / 2**32
    return "test" if place < HELD_OUT else "train"
