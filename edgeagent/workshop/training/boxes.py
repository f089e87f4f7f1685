"""Pictures with boxes drawn on them: COCO's JSON, or a CSV; faults are named before any work."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.errors import DAMAGED, UsageError
from edgeagent.findings import Box
from edgeagent.workshop.training.album import digest, read_all, split
from edgeagent.workshop.training.front import put

NAMES = "boxes.json", "boxes.csv"
COLUMNS = "file", "label", "left", "top", "right", "bottom"

Edges = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture."""

Drawn = Mapping[str, Sequence[tuple[str, Edges]]]
"""File to what is on it; a file with nothing on it counts, too."""


@dataclass(frozen=True, slots=True)
class Boxed:
    """Pictures as the model will see them, and what is where on each."""

    labels: tuple[str, ...]
    images: NDArray[np.uint8]
    """``[n, side, side, 3]``."""
    boxes: tuple[NDArray[np.float32], ...]
    """``[k, 4]`` for each picture: left, top, right, bottom in pixels of the input."""
    classes: tuple[NDArray[np.intp], ...]
    """``[k]`` for each, places among ``labels``."""
    digests: tuple[str, ...]
    """sha256 of each file."""

    def part(self, places: Sequence[int]) -> "Boxed":
        """Return some of them."""
        return Boxed(
            self.labels,
            self.images[np.array(places, np.intp)],
            tuple(self.boxes[place] for place in places),
            tuple(self.classes[place] for place in places),
            tuple(self.digests[place] for place in places),
        )

    def halves(self) -> tuple["Boxed", "Boxed"]:
        """Return what to learn from, and a fifth that is held out."""
        learnt, held = split([0] * len(self.digests), self.digests)
        return self.part(learnt), self.part(held)


def read_boxed(path: Path, side_px: int, labels: Sequence[str] = ()) -> Boxed:
    """Read pictures and their boxes.

    Args:
        path: the JSON or CSV, or a folder in which it is ``boxes.json`` or ``boxes.csv``; files of
            pictures are named from where it is.
        side_px: of the model's input.
        labels: what is known already; () takes those of the file.

    Raises:
        UsageError: it cannot be read, names nothing, or pictures are missing or broken.
    """
    table = _table(path)
    names, drawn = (_from_coco if table.suffix == ".json" else _from_csv)(table)
    names = tuple(labels) or names
    _check(table, names, drawn)
    paths = [table.parent / name for name in drawn]
    images = read_all(paths)
    placed = [put(image, side_px) for image in images]
    sizes = [(image.shape[1], image.shape[0]) for image in images]
    boxes = [
        _within([edges for _, edges in said], size, used, side_px)
        for said, size, (_, used) in zip(drawn.values(), sizes, placed, strict=True)
    ]
    classes = [np.array([names.index(n) for n, _ in said], np.intp) for said in drawn.values()]
    return Boxed(
        names, np.stack([image for image, _ in placed]), tuple(boxes), tuple(classes),
        tuple(digest(one) for one in paths),
    )  # fmt: skip


def _table(path: Path) -> Path:
    if path.is_file() and path.suffix in (".json", ".csv"):
        return path
    found = [path / name for name in NAMES if (path / name).is_file()]
    if not found:
        raise UsageError(
            f"{path}: no boxes; give COCO's .json, a .csv with {', '.join(COLUMNS)} in pixels, or "
            f"a folder with {' or '.join(NAMES)}"
        )
    return found[0]


def _from_coco(table: Path) -> tuple[tuple[str, ...], Drawn]:
    try:
        told: Mapping[str, Any] = json.loads(table.read_text())
        files = {one["id"]: str(one["file_name"]) for one in told["images"]}
        kinds = {one["id"]: str(one["name"]) for one in told["categories"]}
        drawn: dict[str, list[tuple[str, Edges]]] = {name: [] for name in files.values()}
        for one in told["annotations"]:
            left, top, width, height = map(float, one["bbox"])
            edges = left, top, left + width, top + height
            drawn[files[one["image_id"]]].append((kinds[one["category_id"]], edges))
    except (*DAMAGED, OverflowError, KeyError, TypeError) as error:
        raise UsageError(f"{table}: is not COCO's format: {error!r}") from error
    # COCO's own list has 80; what nothing shows cannot be learnt.
    used = {name for said in drawn.values() for name, _ in said}
    return tuple(kinds[key] for key in sorted(kinds) if kinds[key] in used), drawn


def _from_csv(table: Path) -> tuple[tuple[str, ...], Drawn]:
    drawn: dict[str, list[tuple[str, Edges]]] = {}
    with table.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                left, top, right, bottom = (float(row[column]) for column in COLUMNS[2:])
                said = str(row["label"]), (left, top, right, bottom)
                drawn.setdefault(row["file"], []).append(said)
            except (KeyError, ValueError, TypeError) as error:
                raise UsageError(
                    f"{table}:{number}: {error!r}; wanted are the columns {', '.join(COLUMNS)}"
                ) from error
    return tuple(sorted({name for said in drawn.values() for name, _ in said})), drawn


def _check(table: Path, names: Sequence[str], drawn: Drawn) -> None:
    faults = [f"{table}: {fault}" for fault in _faults(table, names, drawn)]
    if faults:
        raise UsageError("\n".join(faults))


def _faults(table: Path, names: Sequence[str], drawn: Drawn) -> Iterator[str]:
    if not any(drawn.values()):
        yield "has no box; a detector learns from boxes"
    if len(drawn) < 2:
        yield f"has {len(drawn)} pictures; one is held out to judge by, so two are the least"
    missing = [name for name in drawn if not (table.parent / name).is_file()]
    if missing:
        yield f"names pictures that are not there: {', '.join(missing)}"
    for file, said in drawn.items():
        for name, (left, top, right, bottom) in said:
            if name not in names:
                yield f"{file}: nothing was learnt of {name!r}; known are {', '.join(names)}"
            if not (left < right and top < bottom):
                yield f"{file}: a box of {name!r} has no area: {left} {top} {right} {bottom}"


def _within(
    edges: Sequence[Edges], size: tuple[int, int], used: Box, side_px: int
) -> NDArray[np.float32]:
    """Return boxes of a picture as they lie in the input."""
    shares = np.array(edges, np.float32).reshape(-1, 4) / (*size, *size)
    scale = np.array([used.width, used.height] * 2)
    moved = np.array([used.left, used.top] * 2) + shares * scale
    return np.asarray(moved * side_px, np.float32)
