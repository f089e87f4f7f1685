"""Goes round the parts of the running agent, and says how each fares: the bulletin.

A thread of its own reads what may be slow (disk, temperature, firmware), so that whoever asks for
a bulletin never waits for them; it also says in the log what nobody else tells.
"""

import logging
import threading
from collections.abc import Mapping

from edgeagent import __version__
from edgeagent.bulletin import Bulletin, State
from edgeagent.clock import Clock
from edgeagent.diagnosis import judge
from edgeagent.health import Health, Snapshot
from edgeagent.machine import Machine
from edgeagent.rounds.drops import Drops
from edgeagent.rounds.gather import Parts, gather
from edgeagent.rounds.gauges import gauges
from edgeagent.rounds.since import Since
from edgeagent.rounds.slow import Slow
from edgeagent.rounds.window import Window

__all__ = ["Parts", "Rounds"]

_log = logging.getLogger(__name__)

ROUND_S = 5.0
"""How often everything is judged, asked or not: no age is off by more."""
TOLD_HERE = ("motion", "outbox", "clock", "disk", "temperature")
"""Parts whose states are put into the log here; of the others notices tell."""
STOP_S = 1.0


class Rounds:
    """One for the whole agent. `bulletin` from any thread."""

    def __init__(self, parts: Parts, health: Health, clock: Clock, machine: Machine) -> None:
        """Prepare; `start` begins.

        Args:
            parts: of the running agent.
            health: what they counted and said.
            clock: for all ages.
            machine: that it runs on.
        """
        self._parts, self._health, self._clock = parts, health, clock
        self._slow = Slow(machine, parts.folder, clock)
        self._began_s = clock.mono_s()
        self._lock = threading.Lock()
        self._since = Since()
        self._window = Window()
        self._drops = Drops()
        self._told: dict[str, tuple[str, str]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin to go round; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; one that waits for a disk that hangs is left behind. Twice is safe."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def bulletin(self) -> Bulletin:
        """Return how the agent fares now; takes about a millisecond and waits for nothing slow."""
        parts, now_s = self._parts, self._clock.mono_s()
        snapshot = self._counted()
        told = {**snapshot.gauges, **gauges(parts, self._slow, self._clock)}
        up_s = now_s - self._began_s
        with self._lock:
            self._window.add(now_s, {**snapshot.counters, **told})
            readings = gather(parts, self._health, self._slow, self._window, up_s, now_s)
            states = self._since.aged(judge(readings), now_s)
        return Bulletin(
            device=parts.config().device_name,
            version=__version__,
            up_s=round(up_s, 1),
            states=states,
            counters=dict(snapshot.counters),
            gauges={**told, **{f"silent_s.{n}": c.silent_s for n, c in readings.cameras.items()}},
            stages=parts.cameras.histograms(),
            engines={name: engine.runs for name, engine in readings.engines.items()},
        )

    def _counted(self) -> Snapshot:
        with self._lock:
            for name, by in self._drops.news(self._parts.cameras.dropped()).items():
                self._health.count(f"dropped_total.{name}", by)
        return self._health.snapshot()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._slow.look_if_due()
                self._say(self.bulletin())
            except Exception:  # noqa: BLE001  the agent sees without us; the next round may do better
                _log.exception("a fault in going round")
            self._stop.wait(ROUND_S)

    def _say(self, bulletin: Bulletin) -> None:
        self._say_changes(bulletin.states)
        dropped = self._drops.said(bulletin.counters, bulletin.gauges, self._clock.mono_s())
        if dropped:
            _log.info("%s", dropped)

    def _say_changes(self, states: Mapping[str, State]) -> None:
        for part in TOLD_HERE:
            state = states[part]
            before, self._told[part] = self._told.get(part, ("ok", "")), (state.level, state.code)
            if before == self._told[part] or before[0] == state.level == "ok":
                continue
            if state.level == "ok":
                _log.info("%s: well again", part)
            else:
                _log.warning("%s: %s: %s; %s", part, state.level, state.why, state.cure)
