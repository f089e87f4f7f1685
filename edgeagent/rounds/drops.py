"""What was dropped, said in one line a minute, and not at all where nothing was."""

from collections.abc import Iterator, Mapping

EVERY_S = 60.0
_OF_A_CAMERA = {
    "dropped_total": "{n} frames of {camera} came while the last was looked at, or were broken",
    "unseen_total": "{n} frames of {camera} were not looked at, since no engine answered",
    "withheld_total": "{n} times news of {camera} was withheld (events.per_minute)",
}


class Drops:
    """Compares counts with those of before."""

    def __init__(self) -> None:
        self._of_sources: dict[str, int] = {}
        self._before: Mapping[str, float] = {}
        self._said_s: float | None = None

    def news(self, dropped: Mapping[str, int]) -> dict[str, int]:
        """Return how many frames each source dropped since the last call.

        Args:
            dropped: camera to its source's count, which begins anew with the source.
        """
        before, self._of_sources = self._of_sources, dict(dropped)
        fresh = {name: n - before.get(name, 0) for name, n in dropped.items()}
        return {name: by if by >= 0 else dropped[name] for name, by in fresh.items() if by}

    def said(self, counters: Mapping[str, int], gauges: Mapping[str, float], at_s: float) -> str:
        """Return the line that is due, "" where none is."""
        if self._said_s is not None and at_s - self._said_s < EVERY_S:
            return ""
        figures = {**counters, "outbox_lost": gauges.get("outbox_lost", 0)}
        before, self._before = self._before, figures
        is_first, self._said_s = self._said_s is None, at_s
        rises = {name: int(n - before.get(name, 0)) for name, n in figures.items()}
        told = [] if is_first else list(_told(rises))
        return f"in the last minute {'; '.join(told)}" if told else ""


def _told(rises: Mapping[str, int]) -> Iterator[str]:
    for name, by in rises.items():
        what, _, camera = name.partition(".")
        if by > 0 and what in _OF_A_CAMERA:
            yield _OF_A_CAMERA[what].format(n=by, camera=camera)
    if (lost := rises.get("outbox_lost", 0)) > 0:
        yield f"{lost} events were given up; a gap names them"
