"""The books of `scripts/proof-week` must balance, and its week must be the same for a seed."""

import json
from collections import Counter
from itertools import pairwise

import pytest

from scripts.benches.fire.broker import Heard
from scripts.benches.fire.proxy import Sent
from scripts.benches.week import ledger, pulse
from scripts.benches.week.deeds import DOINGS
from scripts.benches.week.ledger import Books, Calendar
from scripts.benches.week.plan import CALM_S, LONG, SPECIALS, plan
from scripts.benches.week.pulse import Pulse

WALL_S = 1_700_000_000.0
"""Wall clock less monotonic, of the witness."""
DAY_MS = 86_400_000


def fields(seq: int, made_s: float, days_off: int = 0, **more: object) -> bytes:
    ts = round((made_s + WALL_S) * 1000) + days_off * DAY_MS
    told = {"boot": "1-a", "seq": seq, "k": "motion", "ts": ts, "low": 0, **more}
    return json.dumps(told).encode()


def heard(seq: int, made_s: float, at_s: float, days_off: int = 0, **more: object) -> Heard:
    return Heard("edge/v1/home/pi/evt/c1", fields(seq, made_s, days_off, **more), at_s)


def sent(payload: bytes, acked_s: float, code: int = 0) -> Sent:
    return Sent("door", "edge/v1/home/pi/sys", payload, acked_s - 0.1, code, acked_s)


@pytest.mark.parametrize("days_off", [0, 1, -1])
def test_a_clock_stepped_by_a_day_does_not_hide_when_an_event_was_made(days_off: int) -> None:
    told = json.loads(fields(3, 100.0, days_off))
    assert ledger.made_s(told, 160.0, WALL_S) == pytest.approx(100.0)


def test_an_event_never_heard_was_made_when_the_one_before_it_was() -> None:
    told = ledger.copies([heard(2, 10.0, 11.0), heard(7, 50.0, 51.0)], WALL_S)
    calendar = Calendar(told)
    times = [calendar.at_s(("1-a", seq)) for seq in (0, 2, 6, 7, 9)]
    assert times == pytest.approx([10.0, 10.0, 10.0, 50.0, 50.0])
    assert calendar.at_s(("2-b", 0)) == 0.0


def test_each_event_is_in_one_column_of_the_day_it_was_made_on() -> None:
    came = [
        heard(0, 1.0, 1.1),
        heard(1, 2.0, 9.0, hist=True, age=7000),
        heard(1, 2.0, 9.5, hist=True, age=7500),
        heard(6, 11.0, 11.2),
    ]
    acked = [sent(one.payload, one.heard_s) for one in came] + [sent(fields(2, 3.0), 3.2)]
    gap = json.dumps({"boot": "1-a", "seq": 7, "k": "gap", "from": 3, "to": 4, "why": "full"})
    stored = {("1-a", seq) for seq in range(7)}
    books = Books(
        stored,
        ledger.copies(came, WALL_S),
        ledger.taken(acked),
        ledger.gaps([sent(gap.encode(), 12.0)]),
    )
    first, second = books.days([10.0, 20.0])
    assert (first.made, first.live, first.hist, first.twice) == (6, 1, 1, 1)
    assert (first.broker_lost, first.gaps, first.unaccounted) == (1, Counter(full=2), 1)
    assert first.longest_s == pytest.approx(7.0)
    assert (second.made, second.live, second.unaccounted) == (1, 1, 0)
    assert first.is_balanced
    total = ledger.summed([first, second])
    assert (total.made, total.live, total.unaccounted, total.gaps["full"]) == (7, 2, 1, 2)
    assert books.unlike() == 0


def test_a_gap_that_was_not_taken_and_a_refused_event_account_for_nothing() -> None:
    gap = json.dumps({"boot": "1-a", "seq": 7, "k": "gap", "from": 3, "to": 4, "why": "full"})
    assert ledger.gaps([sent(gap.encode(), 12.0, code=135)]) == {}
    assert ledger.taken([sent(fields(1, 2.0), 3.0, code=151)]) == {}


def test_a_copy_that_says_something_else_is_unlike() -> None:
    came = [heard(0, 1.0, 1.1, cam="c1"), heard(0, 1.0, 2.1, cam="c2", hist=True)]
    assert Books(set(), ledger.copies(came, WALL_S), {}, {}).unlike() == 1


def test_what_waited_at_a_kill_is_what_was_made_and_not_yet_acknowledged() -> None:
    came = [heard(seq, float(seq), 20.0) for seq in range(5)]
    acked = [sent(came[0].payload, 1.0), *(sent(one.payload, 20.0) for one in came[1:])]
    stored = {("1-a", seq) for seq in range(5)}
    books = Books(stored, ledger.copies(came, WALL_S), ledger.taken(acked), {})
    assert books.waiting(3.5) == 3


def test_the_peers_numbers_are_counted_like_events() -> None:
    payload = json.dumps({"n": 4, "t": round((WALL_S + 5.0) * 1000)}).encode()
    (copy,) = ledger.copies([Heard("peer/peer", payload, 8.0)], WALL_S)
    assert copy.id == ("", 4)
    assert copy.made_s == pytest.approx(5.0)


def life(pid: int, seconds: int, grows_kb: float) -> list[Pulse]:
    return [Pulse(float(s), pid, round(50_000 + grows_kb * s), 40, 18) for s in range(seconds)]


def test_a_leak_in_the_longest_life_is_found_and_a_flat_one_is_not() -> None:
    flat = pulse.longest_life([*life(1, 100, 90.0), *life(2, 400, 0.0)])
    leaking = pulse.longest_life(life(1, 400, 9.0))
    assert flat is not None
    assert leaking is not None
    assert [flat.trend_kb, flat.growth] == pytest.approx([0.0, 0.0])
    assert leaking.trend_kb == pytest.approx(9.0 * 339, rel=0.01)
    evening = Pulse(1.0, 1, 50_000, 40, 18)
    assert pulse.faults([evening], flat) == []
    assert pulse.faults([evening], leaking) == ["memory rose by 3051 kB in the longest life"]


def test_files_left_open_and_a_missing_agent_are_found() -> None:
    evening = Pulse(1.0, 1, 50_000, 40, 18)
    leaking = evening._replace(files=30)
    assert pulse.faults([evening, leaking], None) == ["files rose from 18 to 30"]
    assert pulse.faults([evening, None], None) == ["the agent was not there on 1 evenings"]


def test_a_process_of_less_than_a_minute_is_not_judged() -> None:
    assert pulse.longest_life(life(1, 60, 100.0)) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_week_has_every_fault_once_and_none_runs_into_the_next(seed: int) -> None:
    week = plan(seed, 7, 160.0)
    assert week == plan(seed, 7, 160.0)
    deeds = [deed for day in week for deed in day.deeds]
    names = Counter(deed.name for deed in deeds)
    assert all(names[name] == 1 for name in (*SPECIALS, LONG))
    assert set(names) <= set(DOINGS)
    for before, after in pairwise(deeds):
        assert after.at_s >= before.at_s + before.hold_s + CALM_S - 1e-6
    assert all(
        day.begin_s <= d.at_s and d.at_s + d.hold_s < day.end_s for day in week for d in day.deeds
    )


def test_other_seeds_make_other_weeks_and_a_short_one_has_no_long_outage() -> None:
    assert plan(1, 7, 160.0) != plan(2, 7, 160.0)
    short = {deed.name for day in plan(1, 2, 40.0) for deed in day.deeds}
    assert LONG not in short
    assert set(SPECIALS) <= short
