"""Held-out pictures as an evaluation knows them: what is on them, and where."""

from pathlib import Path

from edgeagent.evaluation.truth import Row, Shot, Truth, box_area
from edgeagent.workshop.training.album import Album
from edgeagent.workshop.training.boxes import Boxed


def of_album(held: Album) -> Truth:
    """Return what each picture shows."""
    rows = tuple(Row(place, held.labels[one]) for place, one in enumerate(held.classes.tolist()))
    return Truth(_shots(held.digests), rows)


def of_boxed(held: Boxed) -> Truth:
    """Return what is where in each picture, in pixels of the input."""
    rows = [
        _row(place, held.labels[one], box)
        for place, (boxes, classes) in enumerate(zip(held.boxes, held.classes, strict=True))
        for box, one in zip(boxes.tolist(), classes.tolist(), strict=True)
    ]
    return Truth(_shots(held.digests), tuple(rows))


def _shots(digests: tuple[str, ...]) -> tuple[Shot, ...]:
    # By what they are: where they lie is of no use to who reads the report.
    return tuple(Shot(one, Path(one)) for one in digests)


def _row(shot: int, label: str, box: list[float]) -> Row:
    left, top, right, bottom = box
    edges = left, top, right, bottom
    return Row(shot, label, edges, box_area(edges))
