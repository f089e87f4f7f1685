"""Lives the week: one deed after the other, and a look at the agent each second."""

import sys
import time
from dataclasses import dataclass, field

from scripts.benches.fire.broker import until
from scripts.benches.week import pulse
from scripts.benches.week.deeds import DOINGS
from scripts.benches.week.home import Home
from scripts.benches.week.plan import Day, Deed
from scripts.benches.week.pulse import Pulse

LOOK_S = 1.0
KILLS = "killed", "new kernel"
"""Beginnings of the names of deeds that kill the agent."""


@dataclass
class Facts:
    """What was noted while it lasted; times are monotonic seconds."""

    began_s: float
    wall_minus_mono_s: float
    pulses: list[Pulse] = field(default_factory=list)
    evenings: list[Pulse | None] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    written_bytes: list[int] = field(default_factory=list)
    """By the card's device on each day."""
    used_bytes: list[int] = field(default_factory=list)
    """Most that the outbox took on each day."""
    kept: list[tuple[float, int]] = field(default_factory=list)
    """When the agent was about to be killed, and how much it said was waiting."""
    statuses: list[int] = field(default_factory=list)
    """With what the agent ended without being told to."""
    is_empty: bool = False
    status: int = -1


class Watcher:
    """Waits, and looks meanwhile; starts the agent again where it ended by itself."""

    def __init__(self, home: Home, facts: Facts) -> None:
        self._home, self._facts = home, facts
        self._most_bytes = 0
        self._written_bytes = home.card.written_bytes

    def rest(self, until_s: float) -> None:
        """Return at ``until_s``."""
        while (left_s := until_s - time.monotonic()) > 0:
            self._look()
            time.sleep(min(LOOK_S, left_s))

    def _look(self) -> None:
        home = self._home
        status = home.agent.status
        if status is not None:
            self._facts.statuses.append(status)
            home.agent.start()
        seen = pulse.look(home.agent.pid, time.monotonic())
        if seen is not None:
            self._facts.pulses.append(seen)
        self._most_bytes = max(self._most_bytes, home.card.used_bytes())

    def end_day(self) -> None:
        """Close the day's books."""
        now_s, written = time.monotonic(), self._home.card.written_bytes
        self._facts.evenings.append(pulse.look(self._home.agent.pid, now_s))
        self._facts.ends_s.append(now_s)
        self._facts.written_bytes.append(written - self._written_bytes)
        self._facts.used_bytes.append(self._most_bytes)
        self._written_bytes, self._most_bytes = written, 0


def live(home: Home, week: list[Day], drain_s: float) -> Facts:
    """Let all of it happen; return what was noted."""
    home.proxy.is_old = True
    home.begin()
    until(lambda: len(home.said("stat")) > 2, 20)
    began_s = time.monotonic()
    facts = Facts(began_s, time.time() - began_s)
    watcher = Watcher(home, facts)
    for day in week:
        for deed in day.deeds:
            watcher.rest(began_s + deed.at_s)
            _do(home, deed, watcher, facts)
        watcher.rest(began_s + day.end_s)
        watcher.end_day()
        print(f"{day.name} is over", file=sys.stderr, flush=True)
    facts.is_empty = _drained(home, drain_s)
    facts.status = home.agent.end()
    home.peer.end()
    time.sleep(1.0)
    return facts


def _do(home: Home, deed: Deed, watcher: Watcher, facts: Facts) -> None:
    doing = DOINGS[deed.name]
    is_killing = deed.name.startswith(KILLS)
    is_dark = deed.name.endswith("dark")
    began_s = time.monotonic()
    if is_killing and not is_dark:
        _note_waiting(home, facts)
    doing.begin(home)
    watcher.rest(began_s + deed.hold_s / 2)
    if is_killing and is_dark:
        _note_waiting(home, facts)
    doing.middle(home)
    watcher.rest(began_s + deed.hold_s)
    doing.end(home)


def _note_waiting(home: Home, facts: Facts) -> None:
    at_s, pending = time.monotonic(), home.pending()
    if pending is not None:
        facts.kept.append((at_s, pending))


def _drained(home: Home, within_s: float) -> bool:
    """Wait until all but the newest is sent."""
    cameras = len(home.said("info")[-1]["cameras"]) if home.said("info") else 0
    return until(lambda: (home.pending() or 1000) <= cameras, within_s)
