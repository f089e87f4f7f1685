"""When a frame was taken, by a clip's timestamps or a stream's, and which frames are too many."""

import threading

from edgeagent.clock import Clock, ahead_ms

JUMP_S = 1.0
"""A live frame this much later than its timestamp says means that the timestamps jumped."""

DRIFT = 0.01
"""Share of a frame's lateness by which the camera's clock is taken to have drifted: about a
hundred frames follow a drift, and the jitter of one does not show."""

TICK_S = 1e-6
"""The least by which a frame is later than the one before."""

SLACK = 0.25
"""A frame may come early by this share of the interval asked for, as jitter, and still count."""

Taken = tuple[float, int]
"""``(mono_s, wall_ms)`` of one frame."""


def _wall_ms(mono_s: float, clock: Clock) -> int:
    """Return what the wall clock as it is now said, or will say, at ``mono_s``."""
    return round(mono_s * 1000) + ahead_ms(clock)


class ClipTimes:
    """Stamps a clip by its own timestamps, counted from the moment of its first frame."""

    def __init__(self, clock: Clock, gap_s: float) -> None:
        """Take ``gap_s``, the clip's nominal interval, for frames without a usable timestamp."""
        self._clock = clock
        self._gap_s = gap_s
        self._begin_s: float | None = None
        self._zero_s: float | None = None
        self._base_s = 0.0
        self._elapsed_s = -gap_s

    def at(self, pts_s: float | None) -> Taken:
        """Return when the frame stamped ``pts_s`` was taken; always later than the last."""
        if self._begin_s is None:
            self._begin_s = self._clock.mono_s()
        self._elapsed_s = self._next_s(pts_s)
        mono_s = self._begin_s + self._elapsed_s
        return mono_s, _wall_ms(mono_s, self._clock)

    def restart(self) -> None:
        """Say that the clip begins again: its next frame follows the last by one interval."""
        self._base_s = self._elapsed_s + self._gap_s
        self._zero_s = None

    def _next_s(self, pts_s: float | None) -> float:
        follows_s = self._elapsed_s + self._gap_s
        if pts_s is None:
            return follows_s
        if self._zero_s is None:
            self._zero_s = pts_s
        next_s = self._base_s + pts_s - self._zero_s
        return next_s if next_s > self._elapsed_s else follows_s


class LiveTimes:
    """Stamps a stream by its timestamps, laid on our clock where they fit its arrivals best.

    Frames that a network held up and delivers in one burst so keep the spacing they were taken
    with. A stream without timestamps is stamped on arrival.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._anchor_s = float("-inf")
        self._last_s = float("-inf")

    def at(self, pts_s: float | None) -> Taken:
        """Return when the frame that has just come was taken; always later than the last."""
        now_s = self._clock.mono_s()
        taken_s = max(self._laid_s(pts_s, now_s), self._last_s + TICK_S)
        self._last_s = taken_s
        return taken_s, _wall_ms(taken_s, self._clock)

    def _laid_s(self, pts_s: float | None, now_s: float) -> float:
        if pts_s is None:
            return now_s
        late_s = now_s - (self._anchor_s + pts_s)
        if 0 <= late_s <= JUMP_S:
            self._anchor_s += late_s * DRIFT
        else:
            self._anchor_s = now_s - pts_s
        return self._anchor_s + pts_s


class Thinning:
    """Lets through so many frames a second and no more, by the frames' own times."""

    def __init__(self, fps: float) -> None:
        self._gap_s = 1 / fps
        self._due_s = float("-inf")
        self._begun = False

    def admits(self, mono_s: float) -> bool:
        """Return whether the frame taken at ``mono_s`` was asked for."""
        if mono_s < self._due_s - SLACK * self._gap_s:
            return False
        # A late frame may be made up for by one early one, so that the mean is as asked.
        lag_s = min(mono_s - self._due_s, self._gap_s) if self._begun else 0.0
        self._due_s = mono_s - lag_s + self._gap_s
        self._begun = True
        return True


def wait_until(mono_s: float, clock: Clock, stop: threading.Event) -> None:
    """Wait until ``clock`` shows ``mono_s`` or ``stop`` is set; not at all when it is past."""
    left_s = mono_s - clock.mono_s()
    if left_s > 0:
        stop.wait(left_s)
