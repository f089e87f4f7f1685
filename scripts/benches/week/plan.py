"""What happens to the owner on which day: drawn from a seed, nothing left to chance otherwise."""

import random
from dataclasses import dataclass
from typing import NamedTuple

NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OUTAGES = ("cut", "lossy", "forgotten")
"""One of them every day."""
OUTAGE_SHARES = 0.08, 0.2
"""Shortest and longest of them, in days."""
REBOOTS = ("killed", "killed in the dark", "new kernel", "new kernel in the dark")
"""On the first three days and the last, so that one life of the agent is days long."""
DARK = {"killed in the dark", "new kernel in the dark"}
"""Killed while the link is cut: that is the outage of their day."""
SPECIALS = {
    "slow evening": 0.3,
    "clock": 0.2,
    "disk full": 0.15,
    "camera lost": 0.12,
    "broker upgraded": 0.08,
    "broker forgets": 0.08,
    "reload": 0.02,
}
"""Each once a week, and for how many days."""
CAMERA_LOST = "camera lost"
LONG = "long cut"
LONG_SHARE = 0.62
LONG_DAYS = 6
"""A shorter week has no long outage: nothing would overflow."""
SHORTEST_S = 5.0
CALM_S = 3.0
"""Between two faults at least."""
EVENING_SHARE = 0.1
"""Of each day nothing happens in the last part: it is measured there."""


class Deed(NamedTuple):
    """One fault."""

    name: str
    at_s: float
    """From the beginning of the week."""
    hold_s: float


@dataclass(frozen=True)
class Day:
    """One day, and what happens in it, in order."""

    name: str
    begin_s: float
    end_s: float
    deeds: tuple[Deed, ...]


def plan(seed: int, days: int, day_s: float) -> list[Day]:
    """Return the week: the same for the same arguments."""
    draw = random.Random(f"week {seed}")
    lists = _dealt(draw, days)
    week = []
    for number, shares in enumerate(lists):
        begin_s = number * day_s
        deeds = _laid_out(draw, shares, begin_s, day_s)
        week.append(Day(NAMES[number % 7], begin_s, begin_s + day_s, deeds))
    return week


def _dealt(draw: random.Random, days: int) -> list[dict[str, float]]:
    """Return for each day what happens, and for which share of it."""
    lists: list[dict[str, float]] = [{} for _ in range(days)]
    long_day = draw.randrange(3, days - 1) if days >= LONG_DAYS else -1
    if long_day >= 0:
        lists[long_day][LONG] = LONG_SHARE
    for day, reboot in _reboots(draw, days):
        lists[day][reboot] = draw.uniform(*OUTAGE_SHARES) if reboot in DARK else 0.0
    for number, shares in enumerate(lists):
        if number != long_day and DARK.isdisjoint(shares):
            shares[draw.choice(OUTAGES)] = draw.uniform(*OUTAGE_SHARES)
    for special, share in SPECIALS.items():
        # A camera that is back is opened after a wait of up to half a minute: not in the last hour.
        until = days - 1 if special == CAMERA_LOST else days
        free = [shares for shares in lists[:until] if LONG not in shares]
        least = min(free, key=lambda shares: (sum(shares.values()), draw.random()))
        least[special] = share
    return lists


def _reboots(draw: random.Random, days: int) -> list[tuple[int, str]]:
    when = sorted({day for day in (0, 1, 2, days - 1) if day < days})
    kinds = draw.sample(REBOOTS, len(when)) if len(when) > 2 else [REBOOTS[0], REBOOTS[3]]
    return list(zip(when, kinds, strict=False))


def _laid_out(
    draw: random.Random, shares: dict[str, float], begin_s: float, day_s: float
) -> tuple[Deed, ...]:
    """Return the deeds in a drawn order, with drawn times of calm between them."""
    names = draw.sample(list(shares), len(shares))
    holds_s = [max(SHORTEST_S, shares[name] * day_s) for name in names]
    free_s = day_s * (1 - EVENING_SHARE) - sum(holds_s) - CALM_S * len(names)
    parts = sorted(draw.uniform(0, max(0.0, free_s)) for _ in names)
    deeds, gone_s = [], 0.0
    for name, hold_s, part_s in zip(names, holds_s, parts, strict=True):
        gone_s += CALM_S
        deeds.append(Deed(name, begin_s + part_s + gone_s, hold_s))
        gone_s += hold_s
    return tuple(deeds)
