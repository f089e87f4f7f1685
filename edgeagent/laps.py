"""Where the time of one frame goes: a stop-watch that the river carries and the bench reads."""

import time
from array import array
from typing import Protocol


class Laps(Protocol):
    """Told at the end of each stage. Called on the hot path: no allocation, no lock, no log."""

    def mark(self, stage: str) -> None:
        """Say that ``stage`` has just ended; the next one starts now."""
        ...


class NoLaps:
    """Keeps nothing: what the daemon carries when nobody asks."""

    def mark(self, stage: str) -> None:
        """See `Laps.mark`."""


class StopWatch:
    """Keeps every lap: for ``edgeagent bench``, where a run is finite."""

    def __init__(self) -> None:
        self.laps_ns: dict[str, array[int]] = {}
        self._last_ns = 0

    def start(self) -> None:
        """Begin a frame."""
        self._last_ns = time.perf_counter_ns()

    def mark(self, stage: str) -> None:
        """See `Laps.mark`."""
        now_ns = time.perf_counter_ns()
        laps_ns = self.laps_ns.get(stage)
        if laps_ns is None:
            laps_ns = self.laps_ns[stage] = array("q")
        laps_ns.append(now_ns - self._last_ns)
        self._last_ns = now_ns
