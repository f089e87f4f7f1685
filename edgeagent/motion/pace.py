"""Time, as the frames tell it, so that every rate of learning is in seconds."""

FIRST_INTERVAL_S, LONGEST_INTERVAL_S = 0.1, 2.0
"""Time between frames: assumed before the second one, and the most that is believed."""

INTERVAL_WEIGHT = 0.125
"""How much one frame says about the usual interval."""


class Pace:
    """Time, as the frames tell it: never back, never far at once."""

    def __init__(self, mono_s: float) -> None:
        self.now_s = 0.0
        """Sum of what `step` returned."""
        self._interval_s = FIRST_INTERVAL_S
        self._last_s = mono_s - FIRST_INTERVAL_S

    def step(self, mono_s: float) -> float:
        """Return the seconds since the frame before; the usual interval where that is odd."""
        elapsed_s = min(mono_s - self._last_s, LONGEST_INTERVAL_S)
        self._last_s = mono_s
        if not elapsed_s > 0:
            elapsed_s = self._interval_s
        self._interval_s += INTERVAL_WEIGHT * (elapsed_s - self._interval_s)
        self.now_s += elapsed_s
        return elapsed_s

    def frames(self, seconds: float) -> int:
        """Return how many frames come in ``seconds``; at least one unless it is 0."""
        return max(1, round(seconds / self._interval_s)) if seconds > 0 else 0

    def due(self, since_s: float, period_s: float) -> bool:
        """Return whether ``period_s`` has passed, to the nearest frame."""
        return self.now_s - since_s + self._interval_s / 2 >= period_s
