"""What the agent counts about itself: counters, gauges and the state of each part."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeagent.findings import Notice


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Health at one instant, safe to keep and to send."""

    counters: Mapping[str, int]
    """Only ever rise; named ``<what>_total``, with ``.<camera>`` where there are several."""
    gauges: Mapping[str, float]
    states: Mapping[str, str]
    """Part to what is wrong with it, in words; a part that is well does not appear."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a part said when it was lost."""

    why: str
    at_s: float
    """Monotonic seconds."""


@dataclass(slots=True)
class Health:
    """One for the whole agent. Safe to call from any thread; nothing here waits or writes."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counters: dict[str, int] = field(default_factory=dict)
    _gauges: dict[str, float] = field(default_factory=dict)
    _states: dict[str, str] = field(default_factory=dict)
    _busy_since_s: dict[str, float] = field(default_factory=dict)
    _last_s: dict[str, float] = field(default_factory=dict)
    _lost: dict[tuple[str, str], Lost] = field(default_factory=dict)

    def busy(self, part: str, at_s: float) -> None:
        """Say that ``part`` has taken something up at ``at_s`` (monotonic seconds)."""
        self._busy_since_s[part] = self._last_s[part] = at_s

    def rests(self, part: str) -> None:
        """Say that ``part`` has finished, and waits for more."""
        self._busy_since_s.pop(part, None)

    def stuck(self, at_s: float, limit_s: float) -> list[str]:
        """Return the parts that have been busy with one thing for longer than ``limit_s``."""
        busy = list(self._busy_since_s.items())
        return [part for part, since_s in busy if at_s - since_s > limit_s]

    def last_s(self, part: str) -> float | None:
        """Return when ``part`` last took something up, None: never."""
        return self._last_s.get(part)

    def hear(self, notice: Notice, at_s: float) -> None:
        """Remember what was ``lost``, and why, until it is ``back``."""
        part = notice.part, notice.name
        if notice.what == "lost":
            self._lost[part] = Lost(notice.why, at_s)
        elif notice.what == "back":
            self._lost.pop(part, None)

    def lost(self, part: str, name: str = "") -> Lost | None:
        """Return what was said when that part was lost, None where it was not, or is back."""
        return self._lost.get((part, name))

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
