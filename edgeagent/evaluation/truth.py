"""What is known to be in the pictures, from whatever file says so; all that is wrong at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from edgeagent.errors import UsageError

Corners = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture."""

SMALL_PX2, LARGE_PX2 = 32.0**2, 96.0**2
"""COCO's bounds between small, medium and large things, in square pixels of the picture."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture that the model is asked about."""

    name: str
    path: Path
    """The still, or the clip that it is a frame of."""
    frame: int = -1
    """Which frame of the clip, from 0; -1: it is a still."""
    unit: str = ""
    """Shots of one unit are drawn together in a bootstrap: neighbours in a clip are alike."""
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is known to be in a shot."""

    shot: int
    """Its place in `Truth.shots`."""
    label: str
    """What it is; where vectors are compared, which one it is."""
    box_px: Corners | None = None
    """Where; None: the whole picture is of it."""
    area_px2: float = 0.0
    """By which it is small or large; COCO counts a thing's own pixels where it knows them."""
    crowd: bool = False
    """It stands for many, as COCO says: neither asked for nor held against the model."""
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> str:
        """``small``, ``medium`` or ``large``, as COCO has it; empty without a box."""
        if self.box_px is None:
            return ""
        if self.area_px2 < SMALL_PX2:
            return "small"
        return "medium" if self.area_px2 < LARGE_PX2 else "large"


@dataclass(frozen=True, slots=True)
class Truth:
    """All that is known."""

    shots: tuple[Shot, ...]
    rows: tuple[Row, ...]
    faults: tuple[str, ...] = ()
    """What is wrong with it; `fitting` refuses it."""


class Gathering:
    """Collects what a file says, and every fault of it, so that all are told at once."""

    def __init__(self, what: str) -> None:
        """Take what is read, for the messages."""
        self._what = what
        self._places: dict[str, int] = {}
        self._shots: list[Shot] = []
        self._rows: list[Row] = []
        self._faults: list[str] = []

    def shot(self, shot: Shot) -> int:
        """Return the place of ``shot``, which may have come before."""
        if shot.name not in self._places:
            self._places[shot.name] = len(self._shots)
            self._shots.append(shot)
            if not shot.path.is_file():
                self.fault(f"{shot.path}: no such file")
        return self._places[shot.name]

    def row(self, row: Row, where: str) -> None:
        """Take ``row``; ``where`` it was read is said if it will not do."""
        if row.box_px is not None:
            left, top, right, bottom = row.box_px
            if not (left < right and top < bottom):
                self.fault(f"{where}: a box from {left:g},{top:g} to {right:g},{bottom:g} is none")
                return
        self._rows.append(row)

    def fault(self, text: str) -> None:
        """Remember that something is wrong."""
        self._faults.append(text)

    def done(self) -> Truth:
        """Return all that was read, and all that is wrong with it."""
        if not self._shots and not self._faults:
            self.fault(f"{self._what}: there is no picture in it")
        return Truth(tuple(self._shots), tuple(self._rows), tuple(dict.fromkeys(self._faults)))


def box_area(box_px: Corners) -> float:
    """Return width by height, in square pixels."""
    return (box_px[2] - box_px[0]) * (box_px[3] - box_px[1])


def fitting(
    truth: Truth, labels: Sequence[str], task: str, known_only: bool, broken: Sequence[str] = ()
) -> Truth:
    """Return ``truth`` as a model can be asked about it.

    Args:
        truth: what is known.
        labels: what the model knows; where it makes vectors, any will do.
        task: the model's.
        known_only: leave out what the model has no label for, instead of refusing it.
        broken: what is wrong with the pictures themselves.

    Raises:
        UsageError: with every fault there is, one a line: of the file that says what is known, of
            the pictures, labels that the model does not know, things without a box for a detector.
    """
    unknown = sorted({row.label for row in truth.rows} - set(labels)) if task != "embed" else []
    rows = tuple(row for row in truth.rows if row.label not in unknown)
    faults = [*truth.faults, *broken]
    if unknown and not known_only:
        faults += [f"label {one!r}: the model has none{_near(one, labels)}" for one in unknown]
        faults.append("give --known-only to leave out what the model does not know")
    if task == "detect":
        boxless = sorted({truth.shots[row.shot].name for row in rows if row.box_px is None})
        faults += [f"{name}: a detector is judged by boxes, and it has none" for name in boxless]
    if not rows and not faults:
        faults.append("nothing that the model knows is in the pictures: there is nothing to judge")
    if faults:
        raise UsageError("\n".join(faults))
    return replace(truth, rows=rows)


def _near(word: str, labels: Sequence[str]) -> str:
    # Not all there are, as for settings: a model may know a thousand.
    near = get_close_matches(word, labels, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def by_identity(truth: Truth) -> Truth:
    """Return ``truth`` with which one a thing is in the place of what it is.

    The column ``id`` says it; what it was stands in the column ``class_of_id``. Rows without are
    left out.

    Raises:
        UsageError: no row has an id.
    """
    rows = tuple(
        replace(row, label=row.columns["id"], columns={**row.columns, "class_of_id": row.label})
        for row in truth.rows
        if row.columns.get("id")
    )
    if not rows:
        raise UsageError("--identity: no row has an id; give a column id, or MOT's second")
    return replace(truth, rows=rows)
