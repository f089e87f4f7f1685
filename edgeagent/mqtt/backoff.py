"""How long to wait between two attempts to connect, so that a fleet does not come back as one.

The wait grows with the time since the loss and not with the number of attempts: all that lost
their broker at one instant then wait about equally long, and come back evenly spread over half the
time it was away. Doubling with full jitter leaves most of them with a short wait and a few with a
long one; its fullest tenth of a second held 3 to 5 times what this one's does.
"""

import random
import time
from collections.abc import Callable

FIRST_S = 1.0
"""The first attempt after a loss comes within so long, anywhere in it."""
GROWTH = 0.5
"""The waits after it are so large a share of the time since the loss."""
JITTER = 0.2
"""And up to so much shorter than that."""
SOUND_S = 30.0
"""A connection that lasted so long is sound: the next loss is a new one. Two devices with one id
throw each other out about so often."""
TAKEN_OVER = 142
"""Reason code 0x8E, Session taken over (MQTT 5.0, 3.14.2.1): another device has our client id."""
TAKEN_OVER_S = 60.0
"""How long, at least, we leave the session to the one that took it over."""


class Backoff:
    """One link's own; not shared between threads."""

    def __init__(
        self,
        most_s: float,
        draw: Callable[[float, float], float] = random.uniform,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with no loss.

        Args:
            most_s: the longest wait, but for a session that was taken over.
            draw: picks a number between two.
            now_s: monotonic seconds.
        """
        self._most_s, self._draw, self._now_s = most_s, draw, now_s
        self._lost_s: float | None = None

    def wait_s(self, lasted_s: float, code: int = 0) -> float:
        """Return how long to wait after a connection or an attempt has ended.

        Args:
            lasted_s: from the beginning of the attempt to the end of the connection.
            code: reason code with which it ended.
        """
        least_s = TAKEN_OVER_S if code == TAKEN_OVER else 0.0
        if self._lost_s is None or lasted_s > SOUND_S:
            self._lost_s = self._now_s()
            return least_s + self._draw(0.0, min(FIRST_S, self._most_s))
        away_s = self._now_s() - self._lost_s
        bound_s = min(GROWTH * (FIRST_S + away_s), self._most_s)
        return least_s + self._draw((1 - JITTER) * bound_s, bound_s)
