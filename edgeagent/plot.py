"""Draws what the gate thought of a clip: cells and thresholds, never the picture itself.

Needs matplotlib (the extra ``plot``), which is imported here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.errors import UsageError

Cells = NDArray[np.float64]
"""``(rows, columns)`` of the cell grid."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is drawn."""

    title: str
    times_s: Sequence[float]
    over_low: Sequence[int]
    """Of each frame, cells over the low threshold."""
    left: Sequence[int]
    """... after light and shake were explained."""
    moved: Sequence[bool]
    """Whether it was worth a look."""
    activity: Cells
    """Share of the frames in which each cell moved."""
    low: Cells
    """Mean low threshold of each cell, in luma levels."""


def draw(sheet: Sheet, file: Path) -> None:
    """Write ``sheet`` as a PNG.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("--plot needs matplotlib: pip install 'edgeagent[plot]'") from None
    figure = Figure(figsize=(11, 8), layout="constrained")
    places = figure.subplot_mosaic("TT;AL", height_ratios=[1, 2])
    figure.suptitle(sheet.title)
    _draw_times(places["T"], sheet)
    _draw_cells(figure, places["A"], sheet.activity, "share of the frames in which a cell moved")
    _draw_cells(figure, places["L"], sheet.low, "low threshold, luma levels (mean)")
    try:
        FigureCanvasAgg(figure).print_png(str(file))  # type: ignore[no-untyped-call]
    except OSError as error:
        raise UsageError(f"--plot {file}: {error.strerror}") from None


def _draw_times(axes: Any, sheet: Sheet) -> None:  # noqa: ANN401
    axes.plot(sheet.times_s, sheet.over_low, lw=0.7, color="0.6", label="cells that differed")
    axes.plot(sheet.times_s, sheet.left, lw=0.9, label="left after light and shake")
    top = axes.get_ylim()[1]
    axes.fill_between(sheet.times_s, 0, top, sheet.moved, alpha=0.15, label="worth a look")
    axes.set(xlabel="s", ylabel="cells", ylim=(0, top))
    axes.legend(loc="upper right", fontsize="small")


def _draw_cells(figure: Any, axes: Any, cells: Cells, title: str) -> None:  # noqa: ANN401
    figure.colorbar(axes.imshow(cells, extent=(0, 1, 1, 0), aspect="auto"), ax=axes, shrink=0.8)
    axes.set_title(title, fontsize="small")
