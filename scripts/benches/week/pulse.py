"""How large the agent is, second by second, and whether it grows."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

WARM_UP_S = 60.0
"""A new process is not judged before."""
GROWTH_MAX = 0.03
"""From the third quarter of the longest life to its last one, anonymous memory grows no more."""
TREND_MAX_KB = 2048.0
"""Nor does the line through that life rise by more, from its beginning to its end."""
SPARE = 4
"""So many more threads, and files open, than on the first evening are no leak."""


class Pulse(NamedTuple):
    """One look at the process."""

    at_s: float
    pid: int
    anonymous_kb: int
    threads: int
    files: int


def look(pid: int, at_s: float) -> Pulse | None:
    """Return how it is, None where it is no more."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    told = dict(line.split(":", 1) for line in lines)
    if "RssAnon" not in told:
        return None
    return Pulse(at_s, pid, int(told["RssAnon"].split()[0]), int(told["Threads"]), files)


class Life(NamedTuple):
    """The longest life of one process, its first minute left out."""

    minutes: float
    mean_kb: float
    trend_kb: float
    """By how much the line through it rises from end to end."""
    growth: float
    """Mean of its last quarter over that of its third, less one."""


def longest_life(pulses: Iterable[Pulse]) -> Life | None:
    """Return how the process that lived longest grew; None where none outlived its first minute."""
    lives = [list(group) for _, group in groupby(pulses, key=lambda pulse: pulse.pid)]
    settled = [[p for p in life if p.at_s >= life[0].at_s + WARM_UP_S] for life in lives]
    life = max(settled, key=len, default=[])
    if len(life) < 8:
        return None
    span_s = life[-1].at_s - life[0].at_s
    sizes = [float(pulse.anonymous_kb) for pulse in life]
    half, quarter = len(sizes) // 2, len(sizes) * 3 // 4
    growth = fmean(sizes[quarter:]) / fmean(sizes[half:quarter]) - 1
    rise = slope([(pulse.at_s, float(pulse.anonymous_kb)) for pulse in life])
    return Life(span_s / 60, fmean(sizes), rise * span_s, growth)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares through points (x, y)."""
    mean_x, mean_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def faults(evenings: Sequence[Pulse | None], life: Life | None) -> list[str]:
    """Return which bars the memory, the threads and the open files miss."""
    there = [pulse for pulse in evenings if pulse]
    away = len(evenings) - len(there)
    found = [f"the agent was not there on {away} evenings"] * (away > 0)
    for name in ("threads", "files"):
        counts = [getattr(pulse, name) for pulse in there]
        if counts and max(counts) > counts[0] + SPARE:
            found.append(f"{name} rose from {counts[0]} to {max(counts)}")
    if life and life.growth > GROWTH_MAX:
        found.append(f"memory grew by {life.growth:.1%} in the last half of the longest life")
    if life and life.trend_kb > TREND_MAX_KB:
        found.append(f"memory rose by {life.trend_kb:.0f} kB in the longest life")
    return found
