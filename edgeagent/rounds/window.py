"""By how much a figure rose within the last minutes."""

from collections import deque
from collections.abc import Mapping

EVERY_S = 60.0
"""How often figures are kept."""
OVER_S = 600.0
"""How far back; so long a cause stands after the last time that it struck."""


class Window:
    """Figures of the last ten minutes, one set a minute. Not thread-safe."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Mapping[str, float]]] = deque()
        self._now: tuple[float, Mapping[str, float]] = (0.0, {})

    def add(self, at_s: float, figures: Mapping[str, float]) -> None:
        """Take in the figures of now."""
        self._now = (at_s, figures)
        if not self._kept or at_s - self._kept[-1][0] >= EVERY_S:
            self._kept.append(self._now)
        while len(self._kept) > 1 and at_s - self._kept[1][0] >= OVER_S:
            self._kept.popleft()

    @property
    def over_s(self) -> float:
        """How far back it goes now."""
        return self._now[0] - self._kept[0][0] if self._kept else 0.0

    def rise(self, name: str) -> float:
        """Return by how much the figure rose; one that was not there began at 0, unless all did.

        What was there at the first look is no rise: an outbox may be full of yesterday.
        """
        then = self._kept[0][1].get(name, 0.0) if self._kept else 0.0
        return self._now[1].get(name, 0.0) - then

    def least(self, name: str) -> float:
        """Return the smallest that the figure was."""
        return min((figures.get(name, 0.0) for _, figures in self._kept), default=0.0)
