"""Which pictures and things belong together: by camera, light, class, size, or any column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edgeagent.errors import UsageError
from edgeagent.evaluation.truth import LARGE_PX2, SMALL_PX2, Row, Truth
from edgeagent.manifest import did_you_mean

Flags = NDArray[np.bool_]

EVERY_SIZE = (0.0, 1e10)
SIZES = {
    "small": (0.0, SMALL_PX2),
    "medium": (SMALL_PX2, LARGE_PX2),
    "large": (LARGE_PX2, EVERY_SIZE[1]),
}
"""Square pixels of the picture from which and up to which a thing has that size."""


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Some of the things, and the pictures that they are looked for in."""

    key: tuple[tuple[str, str], ...]
    """Columns and their values; () is all there is."""
    rows: Flags
    """For each row of the truth, whether it counts."""
    shots: Flags
    """For each shot, whether what a detector says of it counts."""
    area_px2: tuple[float, float] = EVERY_SIZE
    """What a detector says of things of another size counts in no slice of one size."""

    @property
    def name(self) -> str:
        """What TensorFlow Model Analysis calls it: ``camera:door``, ``Overall``."""
        if not self.key:
            return "Overall"
        columns, values = zip(*self.key, strict=True)
        return f"{'_X_'.join(columns)}:{'_X_'.join(values)}"


def slices(truth: Truth, wanted: Sequence[str]) -> list[Slice]:
    """Return all there is, then a slice for each value of each of ``wanted``.

    Args:
        truth: what is cut.
        wanted: a column each, or several joined by commas to be crossed: ``camera,light``.

    Raises:
        UsageError: there is no such column, all of them named.
    """
    known = _columns(truth)
    columns = [name.split(",") for name in wanted]
    unknown = sorted({one for names in columns for one in names} - known)
    if unknown:
        raise UsageError(
            "\n".join(f"--slice {one}: no such column{did_you_mean(one, known)}" for one in unknown)
        )
    whole = Slice((), np.ones(len(truth.rows), bool), np.ones(len(truth.shots), bool))
    return [whole, *(part for names in columns for part in _parts(truth, names))]


def _columns(truth: Truth) -> set[str]:
    of_shots = {key for shot in truth.shots for key in shot.columns}
    of_rows = {key for row in truth.rows for key in row.columns}
    sizes = {"size"} if any(row.box_px for row in truth.rows) else set()
    return {"class"} | sizes | of_shots | of_rows


def _parts(truth: Truth, names: Sequence[str]) -> list[Slice]:
    cuts = [_cut(truth, name) for name in names]
    parts = []
    for choice in product(*cuts):
        rows, shots = choice[0].rows, choice[0].shots
        area_px2 = choice[0].area_px2
        for other in choice[1:]:
            rows, shots = rows & other.rows, shots & other.shots
            area_px2 = other.area_px2 if other.area_px2 != EVERY_SIZE else area_px2
        if rows.any():
            parts.append(Slice(tuple(p for one in choice for p in one.key), rows, shots, area_px2))
    return parts


def _cut(truth: Truth, name: str) -> list[Slice]:
    """Return a slice for each value of one column."""
    told = [_value(truth, row, name) for row in truth.rows]
    said = np.array(told, dtype=object)
    values = [value for value in SIZES if value in told] if name == "size" else sorted(set(told))
    return [
        Slice(
            ((name, value),),
            np.asarray(said == value, bool),
            _shots(truth, name, value, told),
            SIZES[value] if name == "size" else EVERY_SIZE,
        )
        for value in values
        if value
    ]


def _value(truth: Truth, row: Row, name: str) -> str:
    if name == "class":
        return row.label
    if name == "size":
        return row.size
    return row.columns.get(name) or truth.shots[row.shot].columns.get(name, "")


def _shots(truth: Truth, name: str, value: str, told: Sequence[str]) -> Flags:
    """Say in which pictures the model is held to account for a column's value.

    In all for a class or a size; in those that have the value where it is the picture's; and
    where it is a thing's, in those that hold such a thing.
    """
    if name in ("class", "size"):
        return np.ones(len(truth.shots), bool)
    with_it = {row.shot for row, one in zip(truth.rows, told, strict=True) if one == value}
    return np.array(
        [_of_shot(shot.columns, name) == value or number in with_it
         for number, shot in enumerate(truth.shots)],
        bool,
    )  # fmt: skip


def _of_shot(columns: Mapping[str, str], name: str) -> str:
    return columns.get(name, "")
