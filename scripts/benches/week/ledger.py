"""Where each event of the week went, day by day: every one is in one column, or unaccounted for."""

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scripts.benches.fire.account import Id
from scripts.benches.fire.broker import Heard
from scripts.benches.fire.proxy import Sent

DAY_S = 86400.0
"""A clock is stepped by whole days alone, so that a delay is known in spite of it."""
CHANGING = {"age", "hist", "low", "ts", "tsq", "mono", "kb"}
"""What may differ between two copies of one event: known only when it is sent."""

Fields = dict[str, Any]


class Copy(NamedTuple):
    """One copy of an event, as the counter heard it."""

    id: Id
    made_s: float
    hist: bool
    content: str
    """All but what changes."""


@dataclass
class Day:
    """Of the events made on one day: where they went."""

    made: int = 0
    live: int = 0
    hist: int = 0
    """First heard with the mark of the backlog."""
    gaps: Counter[str] = field(default_factory=Counter)
    """Announced as given up, by cause, and never heard."""
    broker_lost: int = 0
    """Acknowledged by the broker, and never heard."""
    unaccounted: int = 0
    twice: int = 0
    """Copies heard beyond the first."""
    longest_s: float = 0.0
    """From the event to the broker's acknowledgement."""

    @property
    def is_balanced(self) -> bool:
        """Whether each event is in one column."""
        gone = sum(self.gaps.values()) + self.broker_lost + self.unaccounted
        return self.made == self.live + self.hist + gone


def made_s(fields: Fields, at_s: float, wall_minus_mono_s: float) -> float:
    """Return when an event seen at ``at_s`` was made, in the same clock; steps of days cancel."""
    seen_ms = round((at_s + wall_minus_mono_s) * 1000)
    return (
        at_s
        - (seen_ms - int(fields["t"] if "t" in fields else fields["ts"])) % (DAY_S * 1000) / 1000
    )


def identity(fields: Fields) -> Id | None:
    """Return boot and seq, of the peer's "" and its number; None of what has neither."""
    if "n" in fields and "boot" not in fields:
        return "", int(fields["n"])
    return (fields["boot"], fields["seq"]) if "seq" in fields else None


def copies(heard: Iterable[Heard], wall_minus_mono_s: float) -> list[Copy]:
    """Return all copies of all events, in the order heard."""
    found = []
    for one in heard:
        fields = json.loads(one.payload)
        who = identity(fields)
        if who is not None:
            rest = {name: value for name, value in fields.items() if name not in CHANGING}
            content = json.dumps(rest, sort_keys=True)
            made = made_s(fields, one.heard_s, wall_minus_mono_s)
            found.append(Copy(who, made, "hist" in fields, content))
    return found


class Calendar:
    """When each event was made; of one that was never heard, when the one before it was."""

    def __init__(self, told: Iterable[Copy]) -> None:
        known: defaultdict[str, dict[int, float]] = defaultdict(dict)
        for copy in told:
            known[copy.id[0]].setdefault(copy.id[1], copy.made_s)
        self._seqs = {boot: sorted(times) for boot, times in known.items()}
        self._times = known

    def at_s(self, who: Id) -> float:
        """Return when, 0 where nothing at all is known of the boot."""
        boot, seq = who
        seqs = self._seqs.get(boot)
        if not seqs:
            return 0.0
        nearest = seqs[max(bisect_right(seqs, seq) - 1, 0)]
        return self._times[boot][nearest]


def taken(sent: Iterable[Sent]) -> dict[Id, float]:
    """Return when the broker first acknowledged each event with success."""
    first: dict[Id, float] = {}
    for one in sent:
        who = identity(json.loads(one.payload)) if one.taken else None
        if who is not None:
            first[who] = min(one.acked_s, first.get(who, one.acked_s))
    return first


def gaps(sent: Iterable[Sent]) -> dict[Id, str]:
    """Return what acknowledged gaps name, and the cause."""
    named: dict[Id, str] = {}
    for fields in (json.loads(one.payload) for one in sent if one.taken):
        if fields.get("k") == "gap":
            boot = fields.get("of", fields["boot"])
            for seq in range(fields["from"], fields["to"] + 1):
                named.setdefault((boot, seq), fields["why"])
    return named


@dataclass
class Books:
    """All that is known of one who published."""

    stored: set[Id]
    copies: Sequence[Copy]
    taken: Mapping[Id, float]
    named: Mapping[Id, str]

    def __post_init__(self) -> None:
        self.calendar = Calendar(self.copies)

    def days(self, ends_s: Sequence[float]) -> list[Day]:
        """Return one for each end of a day; what was made after the last belongs to it."""
        days = [Day() for _ in ends_s]
        first: dict[Id, Copy] = {}
        times = Counter(copy.id for copy in self.copies)
        for copy in self.copies:
            first.setdefault(copy.id, copy)
        for who in self.stored:
            at_s = self.calendar.at_s(who)
            day = days[min(bisect_right(ends_s, at_s), len(days) - 1)]
            self._enter(day, who, first.get(who), at_s)
            day.twice += max(times[who] - 1, 0)
        return days

    def _enter(self, day: Day, who: Id, copy: Copy | None, at_s: float) -> None:
        day.made += 1
        if copy is not None:
            day.hist += copy.hist
            day.live += not copy.hist
        elif who in self.taken:
            day.broker_lost += 1
        elif who in self.named:
            day.gaps[self.named[who]] += 1
        else:
            day.unaccounted += 1
        if copy is not None and who in self.taken:
            day.longest_s = max(day.longest_s, self.taken[who] - at_s)

    def unlike(self) -> int:
        """Return how many copies say something else than the first of the same event."""
        first: dict[Id, str] = {}
        return sum(first.setdefault(copy.id, copy.content) != copy.content for copy in self.copies)

    def waiting(self, at_s: float) -> int:
        """Return how many events made by then the broker had not acknowledged by then."""
        return sum(
            self.calendar.at_s(who) <= at_s and self.taken.get(who, at_s) >= at_s
            for who in self.stored
        )


def summed(days: Iterable[Day]) -> Day:
    """Return the whole week as one day."""
    total = Day()
    for day in days:
        for name in ("made", "live", "hist", "broker_lost", "unaccounted", "twice"):
            setattr(total, name, getattr(total, name) + getattr(day, name))
        total.gaps += day.gaps
        total.longest_s = max(total.longest_s, day.longest_s)
    return total
