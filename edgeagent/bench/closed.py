"""Closed loops: the next frame is given when the last is done. ``single``, ``soak``, ``offline``.

What waits for a slow frame is not counted here, because nothing is made to wait: see `paced`.
"""

import time
from collections.abc import Callable
from statistics import median

from edgeagent.bench.figures import percentile
from edgeagent.bench.found import Found, Plan
from edgeagent.bench.report import Slice
from edgeagent.bench.river import Kept, Progress, river
from edgeagent.machine import Weather

SLICES = 60
"""A soak is told in so many stretches."""
SLICE_S = 1.0
"""The least of one."""

LOOK = "a frame that is looked at, from in hand to its events"


def single(plan: Plan, progress: Progress) -> Found:
    """Take frames through until the model ran often enough (MLPerf's SingleStream).

    Raises:
        CameraError: the clip cannot be read.
    """
    with river(plan.config, plan.engines, plan.runs) as one, plan.frames() as frames:
        for frame in frames:
            one.see(frame)
            progress(one.kept.looks, plan.runs)
            if one.done:
                break
    return _found(one.kept, {"runs": plan.runs})


def _found(kept: Kept, asked: dict[str, float]) -> Found:
    see_ms = [lap / 1e6 for lap in kept.see_ns]
    return Found(LOOK, see_ms, kept.watch.laps_ns, kept, asked, {"events": kept.events})


def offline(plan: Plan, progress: Progress) -> Found:
    """Go flat out, decoding included and nothing else between: what the machine can do at most."""
    with (
        river(plan.config, plan.engines, plan.runs, measured=False) as one,
        plan.frames() as frames,
    ):
        began_s, cpu_s = time.perf_counter(), time.process_time()
        for frame in frames:
            if one.see(frame) and one.kept.looks == 1:
                # The warm-up has just ended, and this look is the first that counts.
                began_s, cpu_s = time.perf_counter(), time.process_time()
            progress(one.kept.looks, plan.runs)
            if one.done:
                break
        took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    found = _found(one.kept, {"runs": plan.runs})
    found.rates = {
        "frames_per_s": (one.kept.frames - 1) / took_s,
        "looks_per_s": (one.kept.looks - 1) / took_s,
        "cores": cpu_s / took_s,
    }
    return found


def soak(plan: Plan, progress: Progress) -> Found:
    """Go on for minutes: does the machine keep its pace when it is warm?"""
    step_s = max(plan.seconds / SLICES, SLICE_S)
    with river(plan.config, plan.engines, 1 << 40) as one, plan.frames() as frames:
        slices = _Slices(plan.surroundings.look)
        began_s = time.perf_counter()
        for frame in frames:
            one.see(frame)
            passed_s = time.perf_counter() - began_s
            progress(passed_s, plan.seconds)
            if passed_s >= slices.begun_s + step_s or passed_s >= plan.seconds:
                slices.cut(one.kept, passed_s)
            if passed_s >= plan.seconds:
                break
    found = _found(one.kept, {"seconds": plan.seconds})
    found.slices = tuple(slices.made)
    return found


class _Slices:
    """Cuts a soak into stretches."""

    def __init__(self, weather: Callable[[], Weather]) -> None:
        self.made: list[Slice] = []
        self.begun_s = 0.0
        self._weather = weather
        self._looks = 0

    def cut(self, kept: Kept, passed_s: float) -> None:
        """End the stretch that is under way; one without a look is left out."""
        ms = sorted(lap / 1e6 for lap in kept.see_ns[self._looks :])
        if ms:
            figures = len(ms), median(ms), percentile(ms, 0.9)
            self.made.append(Slice(round(self.begun_s, 1), *figures, self._weather()))
        self.begun_s, self._looks = passed_s, kept.looks
