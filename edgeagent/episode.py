"""Motion over time: when it began, where it went, when all was still again."""

import math

from edgeagent.config import MotionConfig
from edgeagent.findings import Episode, Motion, Phase


class Episodes:
    """Turns the gate's answer to each frame into one story per stretch of motion.

    `update` is told of every frame; `say` returns what has not been said yet. One thread's own.
    """

    def __init__(self, config: MotionConfig) -> None:
        self.config = config
        self._motion: Motion | None = None
        self._still = False
        self._said: Phase | None = None
        self._said_s = 0.0
        self._began_s = 0.0
        self._last_s = 0.0
        self._from = (0.0, 0.0)
        self._peak = b""

    def update(self, motion: Motion | None, at_s: float) -> bool:
        """Take in one frame's motion at ``at_s`` (monotonic); return True when all went still."""
        if motion is not None:
            self._take(motion, at_s)
            return False
        went_still = self._motion is not None and at_s - self._last_s >= self.config.still_s
        if not went_still or self._still:
            return False
        self._still = True
        if self._said is None:
            self._motion = None
        return True

    def _take(self, motion: Motion, at_s: float) -> None:
        if self._motion is None:
            self._began_s, self._from, self._peak, self._said = at_s, motion.centroid, b"", None
        self._peak = bytes(map(max, self._peak, motion.grid)) or motion.grid
        self._motion, self._last_s, self._still = motion, at_s, False

    def say(self, at_s: float) -> Episode | None:
        """Return what is new: that motion began, goes on (every ``every_s``), or ended."""
        if self._motion is None or (phase := self._phase(at_s)) is None:
            return None
        episode = self._episode(self._motion, phase)
        self._said, self._said_s, self._peak = phase, at_s, b""
        if phase is Phase.OUT:
            self._motion = None
        return episode

    def has_news(self, at_s: float) -> bool:
        """Return whether `say` has something to say."""
        return self._motion is not None and self._phase(at_s) is not None

    def _phase(self, at_s: float) -> Phase | None:
        if self._still:
            return Phase.OUT
        if self._said is None:
            return Phase.IN
        return Phase.ON if at_s - self._said_s >= self.config.every_s else None

    def _episode(self, motion: Motion, phase: Phase) -> Episode:
        """Sum up: the last motion, with the strongest activity since something was last said."""
        lasted_s = self._last_s - self._began_s
        dx, dy = (motion.centroid[0] - self._from[0], motion.centroid[1] - self._from[1])
        summary = Motion(motion.area, motion.centroid, self._peak or motion.grid, motion.regions)
        direction_deg = round(math.degrees(math.atan2(dy, dx))) % 360
        speed = math.hypot(dx, dy) / lasted_s if lasted_s else 0.0
        return Episode(phase, summary, lasted_s, direction_deg, speed)
