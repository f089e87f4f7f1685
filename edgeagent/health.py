"""What the agent counts about itself: counters, gauges and the state of each part."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Health at one instant, safe to keep and to send."""

    counters: Mapping[str, int]
    """Only ever rise; named ``<what>_total``, with ``.<camera>`` where there are several."""
    gauges: Mapping[str, float]
    states: Mapping[str, str]
    """Part to what is wrong with it, in words; a part that is well does not appear."""


@dataclass(slots=True)
class Health:
    """One for the whole agent. Safe to call from any thread; nothing here waits or writes."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counters: dict[str, int] = field(default_factory=dict)
    _gauges: dict[str, float] = field(default_factory=dict)
    _states: dict[str, str] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Raise the counter ``name``."""
        with self._lock:
            self._counters[name] = self._counters.get(name, 0) + by

    def gauge(self, name: str, value: float) -> None:
        """Set the gauge ``name``."""
        self._gauges[name] = value

    def fault(self, part: str, why: str) -> None:
        """Say that ``part`` is not well, and why."""
        with self._lock:
            self._states[part] = why

    def well(self, part: str) -> None:
        """Say that ``part`` is well again."""
        with self._lock:
            self._states.pop(part, None)

    def counted(self, name: str) -> int:
        """Return how far the counter ``name`` has come."""
        return self._counters.get(name, 0)

    def snapshot(self) -> Snapshot:
        """Return a copy of everything."""
        with self._lock:
            return Snapshot(dict(self._counters), dict(self._gauges), dict(self._states))
