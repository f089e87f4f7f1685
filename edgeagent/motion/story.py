"""Why a frame was, or was not, worth a look; told only when somebody asks, after the fact."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.findings import Box, Motion
from edgeagent.motion.grid import CellGrid, Cells, Indices, Mask
from edgeagent.motion.light import Light

LEARNING, QUIET, OTHER_SCENE = "learning", "quiet", "another scene"
NO_GROUP, WORTH_A_LOOK = "no group was let through", "worth a look"

TOO_FEW, NO_PROOF, NOT_CONFIRMED, LET_THROUGH = (
    "too few cells",
    "no cell over the high threshold",
    "not confirmed by an earlier frame",
    "let through",
)


@dataclass(frozen=True, slots=True)
class Suspect:
    """One connected group of cells over the low threshold."""

    cells: int
    strong: int
    """Those of them over the high threshold."""
    box: Box
    why: str
    """`TOO_FEW`, `NO_PROOF`, `NOT_CONFIRMED` or `LET_THROUGH`."""


@dataclass(slots=True)
class Story:
    """What the gate thought of one frame."""

    verdict: str = QUIET
    motion: Motion | None = None
    cells: int = 0
    """Of the whole frame."""
    over_low: int = 0
    """Cells that differed, before anything was explained."""
    left: int = 0
    """Cells that still did when light and shake were taken away."""
    over_high: int = 0
    fitted: bool = False
    """Whether light and shake were looked for: enough cells moved anew."""
    light: Light | None = None
    """What was found; None though looked for: no fit explained enough."""
    suspects: list[Suspect] = field(default_factory=list)
    """Largest first."""
    moved: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    """The cells counted in ``left``."""
    low: Cells = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """Each cell's low threshold, in luma levels."""


def suspects(
    grid: CellGrid,
    moved: Mask,
    where: Indices,
    proof: NDArray[np.bool_],
    confirmed: Mask,
    min_cells: int,
) -> list[Suspect]:
    """Return every group of ``moved``, and what became of it.

    Args:
        grid: for places.
        moved: cells over the low threshold.
        where: the same as indices.
        proof: for each of ``where``, whether it is over the high one.
        confirmed: cells of the groups that were let through.
        min_cells: fewest cells of a group.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        moved.view(np.uint8), connectivity=8, ltype=cv2.CV_16U
    )
    numbers = np.asarray(labels, np.uint16).take(where)
    strong = np.bincount(numbers[proof], minlength=count)
    shown = np.bincount(numbers[confirmed.take(where)], minlength=count) > 0
    found = []
    for n in range(1, count):
        left, top, width, height, cells = (int(value) for value in stats[n])
        why = _why(cells >= min_cells, bool(strong[n]), bool(shown[n]))
        box = grid.box(left, top, left + width, top + height)
        found.append(Suspect(cells, int(strong[n]), box, why))
    return sorted(found, key=lambda suspect: -suspect.cells)


def _why(is_large: bool, is_proved: bool, is_confirmed: bool) -> str:
    if not is_large:
        return TOO_FEW
    if not is_proved:
        return NO_PROOF
    return LET_THROUGH if is_confirmed else NOT_CONFIRMED
