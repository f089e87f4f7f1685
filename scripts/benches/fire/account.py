"""What the witness and the counter saw, added up into one line of the table."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from scripts.benches.fire.broker import Heard
from scripts.benches.fire.proxy import Sent

Id = tuple[str, int]
"""Boot and seq; of the peer, "" and number."""


@dataclass
class Row:
    """One line: a fault, and how one of the two came through it."""

    fault: str
    who: str
    stored: int = 0
    taken: int = 0
    """Of what was stored, how many the broker acknowledged with success."""
    given_up: int = 0
    """Named in a gap that was acknowledged."""
    missing: int = 0
    """Neither taken nor given up."""
    broker_lost: int = 0
    """Taken by the broker, and never heard."""
    twice: int = 0
    """Copies heard beyond the first."""
    back_s: float | None = None
    """From a free way to the first PUBACK of something sent after it; the worst."""
    hist: int = 0
    """Heard with the mark of the backlog."""
    hist_per_s: int = 0
    """Most of them sent within a second in which there were live ones, too."""
    live_s: float = 0.0
    """The longest a live event waited on the device."""
    flying: int = 0
    """Most messages on their way at once."""
    births: int = 0
    """How often ``online`` was heard."""
    wills: int = 0
    """How often ``offline`` was."""
    faults: list[str] = field(default_factory=list)
    """Which bars were missed."""
    late: list[str] = field(default_factory=list)
    """Which bars on time were, which a busy machine can break, too."""


def ids(payloads: Iterable[bytes]) -> Counter[Id]:
    """Count the events of the agent by identity."""
    told = (json.loads(payload) for payload in payloads)
    return Counter((fields["boot"], fields["seq"]) for fields in told if "seq" in fields)


def numbers(payloads: Iterable[bytes]) -> Counter[Id]:
    """Count the peer's messages by number."""
    return Counter(("", json.loads(payload)["n"]) for payload in payloads)


def gaps(payloads: Iterable[bytes]) -> set[Id]:
    """Return what the agent said would never come."""
    named: set[Id] = set()
    for fields in map(json.loads, payloads):
        if fields.get("k") == "gap":
            boot = fields.get("of", fields["boot"])
            named |= {(boot, seq) for seq in range(fields["from"], fields["to"] + 1)}
    return named


def back_s(sent: Sequence[Sent], free_s: Sequence[float]) -> float | None:
    """Return the worst time from a free way to the first PUBACK; None where none came."""
    waits = [
        min((s.acked_s - at_s for s in sent if s.taken and s.sent_s > at_s), default=None)
        for at_s in free_s
    ]
    known = [wait for wait in waits if wait is not None]
    return max(known) if len(known) == len(waits) and known else None


def hist_per_s(sent: Sequence[Sent]) -> int:
    """Return how many of the backlog went out in the fullest second that had live ones, too."""
    marked = [(s.sent_s, "hist" in json.loads(s.payload)) for s in sent]
    most = 0
    for at, (begin_s, is_old) in enumerate(marked):
        within = [old for t, old in marked[at : at + 2000] if t < begin_s + 1.0]
        if is_old and not all(within):
            most = max(most, sum(within))
    return most


def live_s(sent: Sequence[Sent], free_s: Sequence[float]) -> float:
    """Return the longest that an event not of the backlog was on the device, in seconds."""
    told = [json.loads(s.payload) for s in sent if free_s and s.sent_s > free_s[0]]
    ages = [f.get("age", 0) / 1000 for f in told if "hist" not in f and f.get("k") == "motion"]
    return max(ages, default=0.0)


def add_up(row: Row, stored: set[Id], taken: set[Id], named: set[Id], heard: Counter[Id]) -> None:
    """Fill in the counts."""
    row.stored = len(stored)
    row.taken = len(stored & taken)
    row.given_up = len((stored & named) - taken)
    row.missing = len(stored - taken - named)
    row.broker_lost = len((stored & taken) - set(heard))
    row.twice = sum(heard.values()) - len(heard)


class Keeper(Protocol):
    """Who can look into the outbox of a device that has stopped."""

    def last_stored(self, boots: Iterable[str]) -> tuple[dict[str, int], int]:
        """Return the last seq stored in each of ``boots``, and how much waits."""
        ...


def stored(
    keeper: Keeper, told: Iterable[dict[str, Any]], lasts: dict[str, int]
) -> tuple[set[Id], int]:
    """Return all that was ever put on the device, and how much of it still waits there.

    Args:
        keeper: the device, stopped.
        told: all events heard of it.
        lasts: the last seq of boots that no ``start`` tells of.
    """
    for fields in told:
        if fields["k"] == "start":
            boot, last, _ = fields["prev"]
            lasts[boot] = max(last, lasts.get(boot, -1))
            lasts.setdefault(fields["boot"], -1)
    kept, depth = keeper.last_stored(lasts)
    lasts = {boot: max(known, kept[boot]) for boot, known in lasts.items()}
    return {(boot, seq) for boot, last in lasts.items() for seq in range(last + 1)}, depth


def payloads(heard: Iterable[Heard], begin: str, kinds: tuple[str, ...] = ("",)) -> list[bytes]:
    """Return what was heard below ``begin``, of topics with one of ``kinds`` in them."""
    return [
        h.payload
        for h in heard
        if h.topic.startswith(begin) and any(kind in h.topic for kind in kinds)
    ]


def fields_of(sent: Iterable[Sent]) -> list[dict[str, Any]]:
    """Return what was sent as tables."""
    return [json.loads(s.payload) for s in sent]
