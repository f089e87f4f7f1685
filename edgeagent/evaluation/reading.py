"""Reads what is known of pictures: a folder per class, COCO's JSON, MOT's rows, or a CSV."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeagent.errors import DAMAGED, UsageError
from edgeagent.evaluation.truth import Corners, Gathering, Row, Shot, Truth, box_area
from edgeagent.sources.images import SUFFIXES

CORNERS = ("left", "top", "right", "bottom")

FRAMES_A_UNIT = 25
"""So many neighbours of a clip count as one in a bootstrap: two and a half seconds at 10 frames a
second, in which most of what is seen stays."""

MOST_FRAMES = 1_000_000
"""Of a clip: eleven hours at 25 a second."""


def read_truth(data: Path, table: Path | None, label: str = "person", every: int = 1) -> Truth:
    """Read what is known of the pictures in ``data``.

    Args:
        data: a folder, a clip, COCO's JSON with the pictures beside it, or a CSV with them beside.
        table: a CSV with a head, or MOT's rows without one; None: ``data`` says it all.
        label: what MOT's rows are of, which do not say it.
        every: only each so many-th frame of a clip.

    Returns:
        What is known; `Truth.faults` says all that is wrong in it.

    Raises:
        UsageError: there is no such file, or it is of another kind.
    """
    if not data.exists():
        raise UsageError(f"{data}: no such file or folder; give the pictures")
    try:
        if table is None:
            return _alone(data)
        if _is_mot(table):
            return from_mot(data, table, label, every)
        return from_table(table, data if data.is_dir() else data.parent)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{table or data}: is no text ({error.reason})") from error


def _alone(data: Path) -> Truth:
    """Read what says by itself what is in the pictures."""
    if data.is_dir():
        return from_folders(data)
    match data.suffix.lower():
        case ".json":
            return from_coco(data)
        case ".csv":
            return from_table(data, data.parent)
    raise UsageError(f"{data}: what is in it? say so with --csv FILE")


def stills_in(folder: Path) -> list[Path]:
    """Return the pictures in ``folder`` and below, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def from_folders(folder: Path) -> Truth:
    """Read a folder that has one for each class, named as the label is."""
    gathering = Gathering(str(folder))
    for one in sorted(path for path in folder.iterdir() if path.is_dir()):
        stills = stills_in(one)
        if not stills:
            gathering.fault(f"{one}: no picture in it; it takes {' '.join(sorted(SUFFIXES))}")
        for path in stills:
            name = str(path.relative_to(folder))
            gathering.row(Row(gathering.shot(Shot(name, path, unit=name)), one.name), name)
    return gathering.done()


def from_coco(file: Path) -> Truth:
    """Read COCO's JSON; its pictures are beside it, or in ``images`` there."""
    try:
        told = json.loads(file.read_text())
        images = {one["id"]: one for one in told["images"]}
        names = {one["id"]: str(one["name"]) for one in told["categories"]}
        gathering = Gathering(str(file))
        places = {key: gathering.shot(_coco_shot(file, one)) for key, one in images.items()}
        for number, one in enumerate(told["annotations"]):
            label = names[one["category_id"]]
            gathering.row(
                _coco_row(one, places[one["image_id"]], label), f"{file}: annotation {number}"
            )
    except (*DAMAGED, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file}: is not what COCO's instances are: {error!r}") from error
    return gathering.done()


def _coco_shot(file: Path, one: Mapping[str, Any]) -> Shot:
    name = str(one["file_name"])
    path = file.parent / name
    within = file.parent / "images" / name
    return Shot(name, within if within.is_file() and not path.is_file() else path, unit=name)


def _coco_row(one: Mapping[str, Any], shot: int, label: str) -> Row:
    left, top, width, height = (float(value) for value in one["bbox"])
    area_px2 = float(one.get("area", width * height))
    crowd = bool(one.get("iscrowd", 0))
    return Row(shot, label, (left, top, left + width, top + height), area_px2, crowd)


def _is_mot(table: Path) -> bool:
    """Say whether there are numbers where a CSV has its head."""
    with table.open() as file:
        first = file.readline().split(",")
    return len(first) >= 6 and all(_number(value) is not None for value in first)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e9 else None


def from_mot(data: Path, table: Path, label: str, every: int) -> Truth:
    """Read rows of frame, id, left, top, width and height, frames from 1, as MOTChallenge has them.

    Where ids are given they are the column ``id``: which one it is, for models that make vectors.
    A row whose seventh number is 0 is one that MOTChallenge's own ground truth leaves out of the
    count: neither asked for nor held against the model.
    """
    gathering = Gathering(str(table))
    stills = stills_in(data) if data.is_dir() else []
    last = 0
    for line, values in enumerate(csv.reader(table.read_text().splitlines()), 1):
        where = f"{table}:{line}"
        told = _mot_numbers(values)
        number = int(told[0]) - 1 if told else -1
        if told is None or number < 0:
            gathering.fault(f"{where}: is not frame,id,left,top,width,height, frames from 1")
        elif number >= (len(stills) if data.is_dir() else MOST_FRAMES):
            there = (
                f"{len(stills)} stills in {data}" if data.is_dir() else f"at most {MOST_FRAMES:,}"
            )
            gathering.fault(f"{where}: frame {number + 1} of {there}")
        else:
            last = max(last, number)
            if number % every == 0:
                place = gathering.shot(_mot_shot(data, stills, number))
                gathering.row(_mot_row(place, label, told), where)
    # Frames of which nothing is said are known to be empty.
    for number in range(0, last + 1, every):
        gathering.shot(_mot_shot(data, stills, number))
    return gathering.done()


def _mot_numbers(values: Sequence[str]) -> list[float] | None:
    """Return the first six, and the seventh or -1; None: they are no numbers."""
    numbers = [_number(value) for value in [*values[:7], "-1"][:7]]
    known = [number for number in numbers if number is not None]
    return known if len(values) >= 6 and len(known) == 7 else None


def _mot_row(shot: int, label: str, told: Sequence[float]) -> Row:
    _, ident, left, top, width, height, counts = told
    box = (left, top, left + width, top + height)
    columns = {"id": f"{ident:.0f}"} if ident > 0 else {}
    return Row(shot, label, box, box_area(box), counts == 0, columns)


def _mot_shot(data: Path, stills: Sequence[Path], number: int) -> Shot:
    unit = str(number // FRAMES_A_UNIT)
    if data.is_dir():
        return Shot(stills[number].name, stills[number], unit=unit)
    return Shot(f"{data.name}#{number + 1}", data, number, unit)


def from_table(table: Path, folder: Path) -> Truth:
    """Read a CSV of ``file,label,left,top,right,bottom`` and any other columns.

    Boxes are in pixels and may be left out, all four; a row without a label says that there is
    nothing in the picture. Every other column can be a slice; ``unit`` says which pictures are
    alike, and are drawn together in a bootstrap.
    """
    reader = csv.DictReader(table.read_text().splitlines())
    gathering = Gathering(str(table))
    head = reader.fieldnames or ()
    missing = [name for name in ("file", "label") if name not in head]
    if missing:
        raise UsageError(f"{table}:1: no column {' nor '.join(missing)}; there are {list(head)}")
    rows = [(line, {k: v or "" for k, v in row.items() if k}) for line, row in enumerate(reader, 2)]
    alike = _alike([row for _, row in rows])
    for line, row in rows:
        where, name = f"{table}:{line}", row["file"]
        columns = {key: row[key] for key in alike[name]}
        shot = gathering.shot(Shot(name, folder / name, -1, row.get("unit") or name, columns))
        box = _corners(row, where, gathering)
        if row["label"]:
            others = {key: row[key] for key in _others(row)}
            area_px2 = box_area(box) if box else 0.0
            gathering.row(Row(shot, row["label"], box, area_px2, False, others), where)
    return gathering.done()


def _others(row: Mapping[str, str]) -> Iterator[str]:
    return (key for key in row if key not in ("file", "label", "unit", *CORNERS))


def _alike(rows: Sequence[Mapping[str, str]]) -> dict[str, set[str]]:
    """Return, for each picture, the columns in which all of its rows say the same."""
    first: dict[str, Mapping[str, str]] = {}
    alike: dict[str, set[str]] = {}
    for row in rows:
        known = first.setdefault(row["file"], row)
        same = {key for key in _others(row) if row[key] == known.get(key)}
        alike[row["file"]] = alike.get(row["file"], same) & same
    return alike


def _corners(row: Mapping[str, str], where: str, gathering: Gathering) -> Corners | None:
    told = [row.get(key, "") for key in CORNERS]
    if not any(told):
        return None
    numbers = [_number(value) for value in told]
    if None in numbers:
        gathering.fault(f"{where}: {','.join(told)}: a box is {','.join(CORNERS)} in pixels")
        return None
    left, top, right, bottom = (value or 0.0 for value in numbers)
    return left, top, right, bottom
