"""Draws what the gate thought of a clip (cells, never pictures), looks' times, and a model's worth.

Needs matplotlib (the extra ``plot``), which is imported here and nowhere else.
"""

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, time after time."""

    title: str
    what: str
    """What was measured, in words."""
    durations_ms: Sequence[float]
    """In the order in which they were measured."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Figures between 0 and 1, each with an interval, of several things side by side."""

    title: str
    names: Sequence[str]
    figures: Mapping[str, Sequence[tuple[float, float, float]]]
    """Metric to value, low and high end for each of the names."""


def draw(sheet: Sheet, file: Path) -> None:
    """Write ``sheet`` as a PNG.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    figure = _figure(sheet.title)
    places = figure.subplot_mosaic("TT;AL", height_ratios=[1, 2])
    _draw_times(places["T"], sheet)
    _draw_cells(figure, places["A"], sheet.activity, "share of the frames in which a cell moved")
    _draw_cells(figure, places["L"], sheet.low, "low threshold, luma levels (mean)")
    _write(figure, file)


def draw_times(times: Times, file: Path) -> None:
    """Write ``times`` as a PNG: one after the other, and which share took no longer.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    figure = _figure(times.title)
    places = figure.subplot_mosaic("T;S")
    ms = np.asarray(times.durations_ms)
    places["T"].plot(ms, ".", ms=3)
    places["T"].set(title=times.what, xlabel="in order", ylabel="ms", ylim=(0, None))
    places["S"].step(np.sort(ms), np.arange(1, len(ms) + 1) / len(ms), where="post")
    for share in (0.5, 0.9):
        at_ms = float(np.quantile(ms, share, method="inverted_cdf"))
        places["S"].axvline(at_ms, lw=0.8, color="0.5")
        places["S"].text(at_ms, 0.02, f" p{100 * share:.0f} {at_ms:.2f} ms", fontsize="small")
    places["S"].set(xlabel="ms", ylabel="share that took no longer", ylim=(0, 1))
    _write(figure, file)


def draw_spans(spans: Spans, file: Path) -> None:
    """Write ``spans`` as a PNG: a panel for each metric, a line for each name.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    figure = _figure(spans.title)
    panels = figure.subplots(1, len(spans.figures), sharey=True, squeeze=False)[0]
    places = np.arange(len(spans.names))
    for axes, (metric, each) in zip(panels, spans.figures.items(), strict=True):
        values, lows, highs = np.asarray(each, np.float64).T
        axes.hlines(places, lows, highs, lw=6, alpha=0.3)
        axes.plot(values, places, "o", ms=5)
        axes.set(title=metric, xlim=(0, 1.02))
        axes.grid(axis="x", lw=0.4)
    panels[0].set_yticks(places, spans.names)
    panels[0].invert_yaxis()
    _write(figure, file)


def _figure(title: str) -> Any:  # noqa: ANN401
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("--plot needs matplotlib: pip install 'edgeagent[plot]'") from None
    figure = Figure(figsize=(11, 8), layout="constrained")
    figure.suptitle(title)
    return figure


def _write(figure: Any, file: Path) -> None:  # noqa: ANN401
    from matplotlib.backends.backend_agg import FigureCanvasAgg

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
