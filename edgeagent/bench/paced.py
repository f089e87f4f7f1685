"""An open loop: frames come when they are due, whether or not anybody is ready. ``rate``.

A closed loop asks the next question when the last is answered, and so never sees what a slow
answer does to those that wait (coordinated omission). Here a frame's time runs from when it was
due, as its latency does for who stands before the camera.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

from edgeagent.bench.found import Found, Plan
from edgeagent.bench.river import Kept, Progress, river
from edgeagent.clock import Clock, SystemClock
from edgeagent.frame import Frame
from edgeagent.sources import Source
from edgeagent.sources.latest import Latest
from edgeagent.sources.timeline import wait_until

LEAD_S = 0.2
"""The first frame is due so long after the start, so that all threads stand ready."""


class Metronome:
    """A `Source` that gives another's frames at a fixed rate, stamped with when they were due."""

    def __init__(self, source: Source, rate_per_s: float, clock: Clock) -> None:
        self._source, self._rate_per_s, self._clock = source, rate_per_s, clock
        self._stop = threading.Event()

    @property
    def ends(self) -> bool:
        """See `Source.ends`."""
        return self._source.ends

    @property
    def dropped(self) -> int:
        """See `Source.dropped`."""
        return self._source.dropped

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`. A frame that is not ready when it is due comes late, as due then."""
        begin_s = self._clock.mono_s() + LEAD_S
        for number, frame in enumerate(self._source.frames()):
            due_s = begin_s + number / self._rate_per_s
            wait_until(due_s, self._clock, self._stop)
            if self._stop.is_set():
                return
            yield replace(frame, seq=number, mono_s=due_s)

    def close(self) -> None:
        """See `Source.close`."""
        self._stop.set()
        self._source.close()


class Row(NamedTuple):
    """One frame that was taken up."""

    number: int
    """Of those that were due."""
    latency_s: float
    """From when it was due until it was done."""
    looked: bool


def rate(plan: Plan, progress: Progress) -> Found:
    """Give frames at ``plan.rate_per_s``; the newest wins, as in the agent, and drops are counted.

    Raises:
        CameraError: the clip cannot be read.
    """
    clock, rows = SystemClock(), list[Row]()
    with (
        river(plan.config, plan.engines, plan.runs, clock, measured=False) as one,
        plan.source(clock) as played,
        closing(Latest(Metronome(played, plan.rate_per_s, clock), "clip")) as source,
    ):
        for frame in source.frames():
            before = one.kept
            looked = one.see(frame)
            if one.kept is not before:
                # The warm-up has just ended.
                rows.clear()
                continue
            rows.append(Row(frame.seq, clock.mono_s() - frame.mono_s, looked))
            progress(one.kept.looks, plan.runs)
            if one.done:
                break
    return _found(one.kept, rows, plan)


def latencies_s(rows: Sequence[Row], gap_s: float) -> Iterator[float]:
    """Yield how long each frame waited for its answer, of those looked at and those dropped.

    A dropped frame has the answer of the next that was taken up: leaving it out would hide just
    what a slow look does.

    Args:
        rows: the frames that were taken up, in order.
        gap_s: between two that are due.
    """
    before = rows[0].number - 1 if rows else 0
    for row in rows:
        dropped = row.number - before - 1
        before = row.number
        if row.looked:
            yield from (row.latency_s + earlier * gap_s for earlier in range(dropped, -1, -1))


def _found(kept: Kept, rows: Sequence[Row], plan: Plan) -> Found:
    gap_s = 1 / plan.rate_per_s
    latency_s = list(latencies_s(rows, gap_s))
    pairs = zip((row.latency_s for row in rows if row.looked), kept.see_ns, strict=True)
    queued_ns = [max(round(late_s * 1e9) - see_ns, 0) for late_s, see_ns in pairs]
    due = rows[-1].number - rows[0].number + 1 if rows else 0
    return Found(
        "a frame that is looked at, from when it was due to its own events or a newer one's",
        [late_s * 1000 for late_s in latency_s],
        {"queued": queued_ns, **kept.watch.laps_ns, "looked at": kept.see_ns},
        kept,
        {"runs": plan.runs, "rate_per_s": plan.rate_per_s},
        {
            "due": due,
            "dropped": due - len(rows),
            "late": sum(late_s > gap_s for late_s in latency_s),
            "events": kept.events,
        },
        {"frames_per_s": plan.rate_per_s * len(rows) / max(due, 1)},
        (
            "dropped: a newer frame was there before the agent was ready, as with a camera; it "
            "counts until that one was done",
            "late: done only after the next frame was due",
        ),
    )
