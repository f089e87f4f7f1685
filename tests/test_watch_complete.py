"""What is lost, by the rule of docs/complete.py, from wherever one begins to listen."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docs.complete import Consumer
from edgeagent.watch.complete import MAX_BOOTS, Ledger


def stream(seed: int) -> list[dict[str, Any]]:
    """Return what an agent might say in one boot: overtaking, repeats, gaps, and some losses."""
    dice = random.Random(seed)
    waiting, messages, low = list(range(60)), [], 0
    kept = dict.fromkeys(waiting, False)
    while waiting:
        seq = waiting.pop(0) if dice.random() < 0.7 else waiting.pop(dice.randrange(len(waiting)))
        kept[seq] = True
        low = next((n for n, sent in kept.items() if not sent), 60)
        message = {"dev": "pi", "boot": "1-a", "seq": seq, "low": min(low, seq), "k": "object"}
        if dice.random() < 0.1 and seq > 5:
            first = dice.randrange(seq)
            message |= {"k": "gap", "from": first, "to": min(first + 2, seq - 1)}
        messages += [message] * (2 if dice.random() < 0.1 else 1)
    end = {"dev": "pi", "boot": "1-a", "seq": 60, "low": 60, "k": "stop"}
    return [m for m in messages if dice.random() > 0.1] + [end]


def hear(ledger: Ledger, message: dict[str, Any]) -> None:
    ledger.hear(message["boot"], message["seq"], message["low"])
    if message["k"] == "gap":
        ledger.gap(message["boot"], message["from"], message["to"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6))
def test_heard_from_the_beginning_it_tells_what_the_example_tells(seed: int) -> None:
    ledger, consumer = Ledger(), Consumer()
    ledger.hear("1-a", 0, 0)
    consumer.hear({"dev": "pi", "boot": "1-a", "seq": 0, "low": 0, "k": "start"})
    for message in stream(seed):
        hear(ledger, message)
        consumer.hear(message)
    told = consumer.lost().get(("pi", "1-a"), [])
    ranges = ledger.missing().get("1-a", [])
    assert [seq for first, last in ranges for seq in range(first, last + 1)] == told
    assert ledger.lost == len(told)


def test_nothing_is_lost_of_what_was_said_before_we_came() -> None:
    ledger = Ledger()
    ledger.hear("1-a", 500, 500)
    ledger.hear("1-a", 501, 501)
    assert ledger.lost == 0


def test_a_live_event_may_overtake_the_backlog() -> None:
    ledger = Ledger()
    ledger.hear("1-a", 100, 10)
    assert ledger.lost == 0
    for seq in range(10, 100):
        ledger.hear("1-a", seq, seq)
    ledger.hear("1-a", 101, 101)
    assert ledger.lost == 0


def test_what_is_missing_below_low_is_lost_until_it_comes_or_a_gap_names_it() -> None:
    ledger = Ledger()
    ledger.hear("1-a", 0, 0)
    ledger.hear("1-a", 9, 9)
    assert ledger.missing() == {"1-a": [(1, 8)]}
    ledger.hear("1-a", 4, 9)
    ledger.gap("1-a", 1, 2)
    ledger.gap("1-a", 6, 7)
    assert ledger.missing() == {"1-a": [(3, 3), (5, 5), (8, 8)]}


def test_what_was_said_while_nobody_listened_is_not_judged() -> None:
    ledger = Ledger()
    ledger.hear("1-a", 0, 0)
    ledger.interrupted()
    ledger.hear("1-a", 40, 40)
    ledger.hear("1-a", 42, 42)
    assert ledger.missing() == {"1-a": [(41, 41)]}


@pytest.mark.parametrize("low", [10**9, 1 << 53])
def test_a_liar_costs_no_memory(low: int) -> None:
    ledger = Ledger()
    ledger.hear("1-a", 0, 0)
    ledger.hear("1-a", low, low)
    assert ledger.lost == low - 1
    ledger.gap("1-a", 0, low)
    assert ledger.lost == 0


def test_boots_that_are_forgotten_are_still_counted() -> None:
    ledger = Ledger()
    for boot in range(3 * MAX_BOOTS):
        ledger.hear(f"{boot}-a", 0, 0)
        ledger.hear(f"{boot}-a", 2, 2)
    assert ledger.lost == 3 * MAX_BOOTS
    assert len(ledger.missing()) == MAX_BOOTS
