"""How well regions match a clip's truth: counted by frame, as the model's work is.

A frame with a person (at least half in view) is found when a region covers a quarter of one. An
empty frame with any region is false; the frames just around a person's coming and going are not
asked. The first seconds of each nuisance are for getting used to it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Region = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

Truth = dict[str, Any]

GRACE_FRAMES = 40
"""Not counted at the start of each nuisance."""

AROUND_FRAMES = 3
"""Not counted before and after a person, where there is none."""

IN_VIEW = 0.5
COVERED = 0.25
RASTER = 12
PAD_PX = 16
"""A region so close to a person is about that person."""


@dataclass
class Tally:
    """Frames of each sort."""

    found: int = 0
    missed: int = 0
    false: int = 0
    quiet: int = 0

    def add(self, other: "Tally") -> None:
        """Add another's frames."""
        self.found += other.found
        self.missed += other.missed
        self.false += other.false
        self.quiet += other.quiet

    @property
    def precision(self) -> float:
        """Share of the frames let through that were worth it."""
        return self.found / max(1, self.found + self.false)

    @property
    def recall(self) -> float:
        """Share of the frames with somebody that were let through."""
        return self.found / max(1, self.found + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.found / max(1, 2 * self.found + self.false + self.missed)

    @property
    def false_share(self) -> float:
        """Share of the empty frames that were let through."""
        return self.false / max(1, self.false + self.quiet)


def score(regions: Sequence[Sequence[Region]], truth: Sequence[Truth]) -> dict[str, Tally]:
    """Return a tally for each nuisance."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    occupied = [any(box[4] >= IN_VIEW for box in said["boxes"]) for said in truth]
    for n, (found, said) in enumerate(zip(regions, truth, strict=True)):
        if said["half"] == 0 and said["t"] < GRACE_FRAMES:
            continue
        tally = tallies[said["nu"]]
        if occupied[n]:
            _count_person(tally, found, said["boxes"])
        elif not any(occupied[max(0, n - AROUND_FRAMES) : n + AROUND_FRAMES]):
            tally.false += bool(found)
            tally.quiet += not found
    return tallies


def total(tallies: Iterable[Tally]) -> Tally:
    """Return all together."""
    together = Tally()
    for tally in tallies:
        together.add(tally)
    return together


def _count_person(tally: Tally, found: Sequence[Region], boxes: Sequence[Sequence[float]]) -> None:
    matched = [region for region in found if any(_near(region, box) for box in boxes)]
    if any(_cover(box, matched) >= COVERED for box in boxes):
        tally.found += 1
    else:
        tally.missed += 1


def _near(region: Region, box: Sequence[float]) -> bool:
    across = region[0] < box[2] + PAD_PX and box[0] - PAD_PX < region[2]
    return across and region[1] < box[3] + PAD_PX and box[1] - PAD_PX < region[3]


def _cover(box: Sequence[float], regions: Iterable[Region]) -> float:
    """Return the share of ``box`` that the regions cover together, on a coarse raster."""
    left, top = box[0], box[1]
    width, height = max(1, box[2] - left), max(1, box[3] - top)
    mask = np.zeros((RASTER, RASTER), np.bool_)
    for region in regions:
        x0, x1 = (_bin((edge - left) / width) for edge in (region[0], region[2]))
        y0, y1 = (_bin((edge - top) / height) for edge in (region[1], region[3]))
        mask[y0:y1, x0:x1] = True
    return float(mask.mean())


def _bin(share: float) -> int:
    return min(max(int(np.floor(share * RASTER + 0.5)), 0), RASTER)
