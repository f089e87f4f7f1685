"""For how long each part has been as it is."""

from collections.abc import Mapping
from dataclasses import replace

from edgeagent.bulletin import State


class Since:
    """Remembers when the cause of a part's state last changed. Not thread-safe."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, float]] = {}

    def aged(self, states: Mapping[str, State], now_s: float) -> dict[str, State]:
        """Return ``states`` with their ages; a part that is not among them is forgotten."""
        known: dict[str, tuple[str, float]] = {}
        for part, state in states.items():
            code, since_s = self._known.get(part, (state.code, now_s))
            known[part] = state.code, since_s if code == state.code else now_s
        self._known = known
        return {
            part: replace(state, age_s=round(now_s - known[part][1], 1))
            for part, state in states.items()
        }
