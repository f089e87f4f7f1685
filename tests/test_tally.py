"""What is counted of tracks: crossings, visits, and sums that lose nothing."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edgeagent.config import EventsConfig, LineConfig, ZoneConfig
from edgeagent.findings import Box, Crossing, Detection, Label, Phase, Told, Visit
from edgeagent.tally import MOST_NEWS, Tally

# Drawn from below upwards: its right hand is the right of the picture.
GATE = LineConfig(name="gate", start=(0.5, 0.9), end=(0.5, 0.1))
YARD = ZoneConfig(name="yard", polygon=[(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)])
CONFIG = EventsConfig(counts_s=60.0)


def at(x: float, y: float = 0.5, name: str = "person") -> Detection:
    return Detection(name, 0.9, Box(x - 0.05, y - 0.2, x + 0.05, y))


def walk(tally: Tally, xs: list[float], y: float = 0.5, start_s: float = 0.0) -> None:
    for n, x in enumerate(xs):
        tally.update([(1, at(x, y))], start_s + n / 10)


def ways(told: Told) -> list[str]:
    return [str(crossing.direction) for crossing in told.crossings]


def test_from_left_to_right_of_the_line_is_in_and_back_is_out() -> None:
    tally = Tally([], [GATE], CONFIG)
    walk(tally, [0.3, 0.4, 0.6])
    assert tally.say(1.0).crossings == (Crossing("gate", Phase.IN, 1, at(0.6)),)
    walk(tally, [0.6, 0.3], start_s=1.0)
    assert ways(tally.say(2.0)) == ["out"]
    assert tally.say(3.0) == Told()


def test_who_trembles_on_the_line_has_not_crossed_it() -> None:
    tally = Tally([], [GATE], CONFIG)
    walk(tally, [0.3, *[0.495, 0.505] * 20])
    assert not tally.has_news(1.0)
    walk(tally, [0.6], start_s=5.0)
    assert ways(tally.say(6.0)) == ["in"]


def test_who_goes_round_the_end_of_the_line_has_not_crossed_it() -> None:
    tally = Tally([], [GATE], CONFIG)
    walk(tally, [0.3, 0.7], y=0.95)
    assert not tally.has_news(1.0)


def test_who_begins_on_the_line_is_not_counted() -> None:
    tally = Tally([], [GATE], CONFIG)
    walk(tally, [0.5, 0.7])
    assert not tally.has_news(1.0)


def test_each_direction_is_counted_once_until_it_is_crossed_back() -> None:
    tally = Tally([], [GATE], CONFIG)
    walk(tally, [0.3, 0.7])
    walk(tally, [0.7, 0.3], y=0.95, start_s=1.0)
    walk(tally, [0.3, 0.7], start_s=2.0)
    assert ways(tally.say(3.0)) == ["in"]


@given(st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=30))
def test_a_walk_and_its_reverse_cancel(xs: list[float]) -> None:
    tally = Tally([], [GATE], CONFIG)
    walk(tally, [0.0, *xs, *xs[::-1], 0.0])
    said = ways(tally.say(10.0))
    assert said.count("in") == said.count("out")
    assert all(before != after for before, after in pairwise(said))


def test_only_the_labels_of_a_line_cross_it() -> None:
    line = LineConfig(name="gate", start=GATE.start, end=GATE.end, labels=["dog"])
    tally = Tally([], [line], CONFIG)
    walk(tally, [0.3, 0.7])
    assert not tally.has_news(1.0)


def test_a_visit_says_how_long_it_was() -> None:
    tally = Tally([YARD], [], CONFIG)
    walk(tally, [0.3, 0.6, 0.7, 0.8])
    assert tally.say(0.4).visits == (Visit("yard", Phase.IN, 1, at(0.6), 0.0),)
    tally.update([(1, at(0.9))], 20.1)
    tally.update([], 23.0)
    (left,) = tally.say(23.0).visits
    assert (left.phase, round(left.duration_s, 1), left.thing) == (Phase.OUT, 20.0, at(0.9))


def test_a_step_outside_does_not_end_a_visit() -> None:
    tally = Tally([YARD], [], CONFIG)
    walk(tally, [0.6, 0.45, 0.6, 0.45, 0.6])
    assert [visit.phase for visit in tally.say(1.0).visits] == [Phase.IN]
    tally.update([(1, at(0.3))], 2.0)
    assert [visit.phase for visit in tally.say(2.0).visits] == [Phase.OUT]


def test_a_track_not_seen_anew_does_not_stay_longer() -> None:
    tally, parked = Tally([YARD], [], CONFIG), at(0.7)
    for n in range(10):
        tally.update([(1, parked)], float(n))
    tally.update([], 10.0)
    assert tally.say(10.0).visits[-1].duration_s == 0.0


def test_counts_are_said_after_a_whole_period_and_each_track_once() -> None:
    tally = Tally([YARD], [GATE], CONFIG)
    walk(tally, [0.3, 0.7, 0.3, 0.7], start_s=61.0)
    tally.update([(2, at(0.8, name="dog")), (3, Label("cat", 0.9))], 62.0)
    assert tally.say(119.9).counts is None
    counts = tally.say(120.0).counts
    assert counts is not None
    assert counts.period_s == 60.0
    assert counts.view == {"person": 1, "dog": 1, "cat": 1}
    assert counts.zones == {"yard": {"person": 1, "dog": 1}}
    assert counts.ways_in == {"gate": {"person": 2}}
    assert counts.ways_out == {"gate": {"person": 1}}
    assert not tally.has_news(1000.0)


def test_no_count_is_lost_by_waiting() -> None:
    tally = Tally([], [GATE], CONFIG)
    for number in range(MOST_NEWS):
        tally.update([(number, at(0.3))], 1.0)
        tally.update([(number, at(0.7))], 2.0)
        tally.update([(number, at(0.3))], 200.0)
    told = tally.say(400.0)
    assert len(told.crossings) == MOST_NEWS
    assert told.counts is not None
    assert told.counts.ways_in == told.counts.ways_out == {"gate": {"person": MOST_NEWS}}
    assert told.counts.period_s == 360.0


def test_without_a_period_nothing_is_summed_up() -> None:
    tally = Tally([], [GATE], EventsConfig(counts_s=0.0))
    walk(tally, [0.3, 0.7])
    told = tally.say(1000.0, last=True)
    assert ways(told) == ["in"]
    assert told.counts is None
    assert not tally.has_news(2000.0)


def test_the_last_word_holds_what_the_period_so_far_has() -> None:
    tally = Tally([], [], CONFIG)
    tally.update([(1, at(0.3))], 65.0)
    counts = tally.say(70.0, last=True).counts
    assert counts is not None
    assert (counts.period_s, counts.view) == (10.0, {"person": 1})


def test_a_line_that_was_moved_is_not_crossed_by_the_move() -> None:
    tally = Tally([YARD], [GATE], CONFIG)
    walk(tally, [0.6, 0.65])
    moved = LineConfig(name="gate", start=(0.8, 0.9), end=(0.8, 0.1))
    tally.say(1.0)
    tally.retune([], [moved], CONFIG)
    walk(tally, [0.65, 0.7], start_s=2.0)
    assert not tally.has_news(3.0)
