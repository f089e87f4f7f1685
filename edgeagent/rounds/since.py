"""For how long each part has been as it is."""

from collections.abc import Mapping
from dataclasses import replace

from edgeagent.bulletin import State


class Since:
    """Remembers when level and code of a part last changed. Not thread-safe."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str, float]] = {}

    def aged(self, states: Mapping[str, State], now_s: float) -> dict[str, State]:
        """Return ``states`` with their ages; a part that is not among them is forgotten."""
        known: dict[str, tuple[str, str, float]] = {}
        for part, state in states.items():
            level, code, since_s = self._known.get(part, ("", "", now_s))
            same = (level, code) == (state.level, state.code)
            known[part] = (state.level, state.code, since_s if same else now_s)
        self._known = known
        return {
            part: replace(state, age_s=round(now_s - known[part][2], 1))
            for part, state in states.items()
        }
