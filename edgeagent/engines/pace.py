"""Whether a device has become slow: hot and throttled, or come back in a slower port."""

from statistics import median

BATCH_CALLS = 15
"""Calls of which one reading, their median, is taken: one late call says nothing."""

SLOW_FACTOR = 1.5
"""Slow is a reading of so many times the usual. A throttled Edge TPU halves its clock at least
(Coral's M.2 data sheet, dynamic frequency scaling)."""

WELL_FACTOR = 1.25
"""Well again is one of less than this; between the two nothing changes."""

SUSTAINED_S = 20.0
"""Readings must say the same for so long, or the machine was merely busy."""


class Pace:
    """Learns how long a call usually takes, and says when calls have long taken much longer.

    What is usual is the lowest reading there ever was, also before the device was lost and opened
    again. Pure: told numbers, it tells numbers. One thread's at a time.
    """

    def __init__(self) -> None:
        self.is_slow = False
        self.usual_us = 0.0
        """The baseline, 0 before the first reading."""
        self.now_us = 0.0
        """The last reading."""
        self._batch: list[int] = []
        self._differs_since_s: float | None = None

    @property
    def ease(self) -> float:
        """How much less often to ask while it is slow: as much as it takes longer."""
        return min(self.usual_us / self.now_us, 1.0) if self.is_slow else 1.0

    def note(self, took_us: int, at_s: float) -> bool:
        """Take a call that took ``took_us`` and ended at ``at_s``; return whether a change is news.

        Returns:
            True where ``is_slow`` has just changed.
        """
        self._batch.append(took_us)
        if len(self._batch) < BATCH_CALLS:
            return False
        self.now_us = float(median(self._batch))
        self._batch.clear()
        self.usual_us = min(self.usual_us or self.now_us, self.now_us)
        return self._judge(at_s)

    def forget(self) -> None:
        """Drop the calls not yet read: the device was lost, and what comes is another one's."""
        self._batch.clear()
        self._differs_since_s = None

    def _judge(self, at_s: float) -> bool:
        times = self.now_us / max(self.usual_us, 1.0)
        differs = times < WELL_FACTOR if self.is_slow else times > SLOW_FACTOR
        if not differs:
            self._differs_since_s = None
            return False
        if self._differs_since_s is None:
            self._differs_since_s = at_s
        if at_s - self._differs_since_s < SUSTAINED_S:
            return False
        self.is_slow, self._differs_since_s = not self.is_slow, None
        return True
