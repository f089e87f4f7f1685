"""What is said of things over time."""

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.config import EventsConfig
from edgeagent.findings import WHOLE, Box, Detection, Finding, Label, Phase
from edgeagent.track import Tracker

CONFIG = EventsConfig(threshold=0.4, min_hits=2, gone_s=2.0, heartbeat_s=60.0)


def person(x: float, score: float = 0.8, name: str = "person", y: float = 0.5) -> Detection:
    return Detection(name, score, Box(x, y, x + 0.1, y + 0.3))


def feed(tracker: Tracker, looks: Sequence[Sequence[Finding]], start_s: float = 0.0) -> list[str]:
    """Ten looks a second; return what was said, as ``<phase> <number> <name>``."""
    said = []
    for n, findings in enumerate(looks):
        at_s = start_s + n / 10
        tracker.update(findings, at_s, [WHOLE])
        said += [f"{s.phase} {s.track} {s.finding.name}" for s in tracker.say(at_s)]
    return said


def test_a_thing_is_said_once_when_it_was_seen_often_enough() -> None:
    assert feed(Tracker(CONFIG), [[person(0.1)]] * 20) == ["in 1 person"]


def test_one_hit_alone_is_never_said() -> None:
    assert feed(Tracker(CONFIG), [[person(0.1)], *[[]] * 40]) == []


def test_a_thing_that_was_looked_for_in_vain_has_gone() -> None:
    said = feed(Tracker(CONFIG), [[person(0.1)]] * 3 + [[]] * 25)
    assert said == ["in 1 person", "out 1 person"]


def test_a_parked_car_is_said_once_although_nobody_looks_any_more() -> None:
    tracker = Tracker(CONFIG)
    feed(tracker, [[person(0.1, name="car")]] * 3)
    assert tracker.say(50.0) == []
    assert tracker.counts() == {"car": 1}


def test_what_stays_is_confirmed_by_a_look_before_it_is_said_again() -> None:
    tracker = Tracker(CONFIG)
    feed(tracker, [[person(0.1)]] * 3)
    assert not tracker.open_questions(59.0)
    assert tracker.open_questions(61.0)
    assert tracker.say(61.0) == []
    tracker.update([person(0.1)], 61.0, tracker.questions(61.0))
    assert [s.phase for s in tracker.say(61.0)] == [Phase.ON]


def test_when_all_went_still_what_is_in_view_is_looked_for_once_more() -> None:
    tracker = Tracker(CONFIG)
    feed(tracker, [[person(0.1)]] * 3)
    assert not tracker.open_questions(1.0)
    tracker.went_still()
    (box,) = tracker.questions(1.0)
    assert box.overlap(person(0.1).box) > 0.02
    assert not tracker.open_questions(1.0)


def test_a_look_elsewhere_proves_nothing() -> None:
    tracker = Tracker(CONFIG)
    feed(tracker, [[person(0.1)]] * 3)
    for n in range(50):
        tracker.update([], 1 + n / 10, [Box(0.6, 0.0, 1.0, 1.0)])
    assert tracker.say(6.0) == []
    assert tracker.counts() == {"person": 1}


def test_two_who_walk_past_each_other_keep_their_numbers() -> None:
    tracker = Tracker(CONFIG)
    looks: list[list[Finding]] = [
        [person(0.1 + n * 0.02, y=0.1), person(0.7 - n * 0.02, y=0.45)] for n in range(30)
    ]
    assert feed(tracker, looks) == ["in 1 person", "in 2 person"]


def test_a_fast_one_is_followed_although_its_boxes_do_not_overlap() -> None:
    looks: list[list[Finding]] = [[person(0.05 + n * 0.12)] for n in range(7)]
    assert feed(Tracker(CONFIG), looks) == ["in 1 person"]


def test_a_weak_score_keeps_a_track_but_begins_none() -> None:
    assert feed(Tracker(CONFIG), [[person(0.1, 0.3)]] * 10) == []
    strong_then_weak = [[person(0.1)]] * 2 + [[person(0.1, 0.3)]] * 40
    assert feed(Tracker(CONFIG), strong_then_weak) == ["in 1 person"]


def test_weak_looks_do_not_make_up_for_strong_ones() -> None:
    one_strong = [[person(0.1)], *[[person(0.1, 0.3)]] * 20]
    assert feed(Tracker(CONFIG), one_strong) == []


def test_the_score_said_is_the_best_there_was() -> None:
    tracker = Tracker(CONFIG)
    for n, score in enumerate((0.5, 0.9, 0.3)):
        tracker.update([person(0.1, score)], n / 10, [WHOLE])
    assert [s.finding.score for s in tracker.say(0.3)] == [0.9]


def test_a_car_that_is_also_a_truck_is_one_thing() -> None:
    both: list[Finding] = [person(0.1, 0.8, "car"), person(0.1, 0.6, "truck")]
    assert feed(Tracker(CONFIG), [both] * 20) == ["in 1 car"]


def test_only_the_labels_asked_for_are_followed() -> None:
    tracker = Tracker(msgspec.structs.replace(CONFIG, labels=["dog"]))
    both: list[Finding] = [person(0.1), person(0.5, name="dog")]
    assert feed(tracker, [both] * 3) == ["in 1 dog"]


def test_what_was_never_confident_is_marked_hard() -> None:
    for score, hard in ((0.45, True), (0.55, False)):
        tracker = Tracker(CONFIG)
        for n in range(3):
            tracker.update([person(0.1, score)], n / 10, [WHOLE])
        assert [s.hard for s in tracker.say(0.3)] == [hard]


def test_what_may_not_be_said_now_is_said_later_and_a_passer_by_never() -> None:
    tracker = Tracker(CONFIG)
    for n in range(3):
        tracker.update([person(0.1), person(0.6)], n / 10, [WHOLE])
    for n in range(30):
        tracker.update([person(0.1)], 1 + n / 10, [WHOLE])
    assert [(s.phase, s.track) for s in tracker.say(4.0)] == [(Phase.IN, 1)]


def test_labels_of_a_whole_picture_come_and_go_by_name() -> None:
    cat: list[Finding] = [Label("cat", 0.9)]
    dog: list[Finding] = [Label("dog", 0.9)]
    looks = [cat] * 3 + [dog] * 25
    said = feed(Tracker(CONFIG), looks)
    assert said == ["in 1 cat", "in 2 dog", "out 1 cat"]


@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(-0.2, 1.2), st.floats(0, 1), st.sampled_from(["a", "b"])),
            max_size=5,
        ),
        max_size=40,
    )
)
def test_every_track_comes_before_it_goes_and_goes_once(
    looks: list[list[tuple[float, float, str]]],
) -> None:
    tracker, phases = Tracker(CONFIG), dict[int, list[str]]()
    for n, look in enumerate(looks):
        tracker.update([person(x, s, name) for x, s, name in look], n / 2, [WHOLE])
        for sighting in tracker.say(n / 2):
            phases.setdefault(sighting.track, []).append(str(sighting.phase))
    for told in phases.values():
        assert told[0] == "in"
        assert told.count("in") == 1
        assert "out" not in told[:-1]
