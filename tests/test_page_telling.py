"""What the page is told, in what words, and how often to whom."""

import json
from typing import Any

import pytest

from edgeagent import event as events
from edgeagent.bulletin import State
from edgeagent.clock import ManualClock
from edgeagent.event import CountPart, Event, MotionPart, Source, When
from edgeagent.findings import Notice
from edgeagent.glimpse import Glimpse
from edgeagent.histogram import Histogram
from edgeagent.page.readers import MOST, STALLED, Readers
from edgeagent.page.rehearsal import Rehearsal
from edgeagent.page.show import TICK_S, Show
from edgeagent.page.telling import EVENTS, Teller
from edgeagent.page.trends import KEPT, Trends
from edgeagent.page.words import words

NOW = When(1000, 1_700_000_000_000, True, "k")
DOOR = Source("door")


def motion(phase: str, direction_deg: int = 0, area: float = 0.05) -> Event:
    part = MotionPart(phase, area, (0.5, 0.5), direction_deg, 0.1, 12.0, bytes(48))
    return Event("motion", NOW, DOOR, motion=part)


def things(kind: str, **more: Any) -> Event:  # noqa: ANN401
    names, tracks = (("person", 0.9), ("dog", 0.8)), ((3, "in"), (4, "out"))
    return Event(kind, NOW, DOOR, names=names, tracks=tracks, **more)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (motion("in"), "something moves, 5 % of the picture"),
        (motion("in", area=0.002), "something moves, less than 1 % of the picture"),
        (motion("on", 91), "still moving after 12 s, 5 % of the picture, going down"),
        (motion("on", 350), "still moving after 12 s, 5 % of the picture, going right"),
        (motion("out"), "all is still again after 12 s"),
        (things("object"), "person #3 came, dog #4 left"),
        (things("cross", line="gate"), "person #3 crossed gate in, dog #4 crossed gate out"),
        (
            things("zone", zone="porch", durations_s=(0.0, 8.2)),
            "person #3 came into porch, dog #4 left porch after 8 s",
        ),
        (
            Event(
                "count",
                NOW,
                DOOR,
                counts={"person": 2},
                tally=CountPart(60.0, {"porch": {"dog": 1}}, {"gate": {"dog": (1, 2)}}),
            ),
            "in 60 s: 2 person came; 1 dog into porch; 1 in, 2 out over gate",
        ),
        (Event("count", NOW, DOOR, tally=CountPart(60.0, {}, {})), ""),
        (Event("look", NOW, DOOR, counts={"cat": 1}), "asked to look: 1 cat"),
        (Event("look", NOW, DOOR), "asked to look: nothing in view"),
        (Event("start", NOW, previous=("b", 1, "power")), "the agent started after a power cut"),
        (Event("start", NOW, previous=("b", 1, "clean")), "the agent started"),
        (Event("gap", NOW, first=3, last=5, why="full"), "3 events could not be kept: full"),
        (Event("vector", NOW, DOOR), ""),
        (
            events.from_notice(Notice("link", "lost", "no answer", ""), NOW),
            "link lost: no answer",
        ),
    ],
)
def test_an_event_is_said_in_words(event: Event, said: str) -> None:
    assert words(event) == said


def test_a_trend_is_what_came_since_and_has_a_gap_where_nothing_did() -> None:
    trends, slow = Trends(), Histogram()
    for _ in range(50):
        slow.add(8_000_000)
    trends.sample({"door": {"invoke": slow.copy(), "source": slow.copy()}})
    trends.sample({"door": {"invoke": slow.copy()}})
    slow.add(1_000_000)
    trends.sample({"door": {"invoke": slow.copy()}})
    ((stage, (first, none, last)),) = trends.of("door")
    assert stage == "invoke"
    assert first == pytest.approx(8.0, rel=0.07)
    assert none is None
    assert last == pytest.approx(1.0, rel=0.07)
    assert trends.of("yard") == []
    for _ in range(2 * KEPT):
        trends.sample({"door": {"invoke": slow.copy()}})
    assert len(trends.of("door")[0][1]) == KEPT


class Ear:
    """A reader who takes what he is sent, unless he stalls."""

    def __init__(self) -> None:
        self.is_full = False
        self.heard: list[bytes] = []
        self.is_closed = False

    def send(self, data: bytes) -> None:
        assert not self.is_full
        self.heard.append(data)

    def close(self) -> None:
        self.is_closed = True

    def kinds(self) -> list[str]:
        lines = b"".join(self.heard).decode().splitlines()
        return [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]

    def last(self, kind: str) -> Any:  # noqa: ANN401
        told = [m for m in b"".join(self.heard).decode().split("\n\n") if f"event: {kind}\n" in m]
        return json.loads(told[-1].partition("data: ")[2])


def test_each_reader_hears_all_there_is_and_then_only_what_is_new() -> None:
    readers, early = Readers(), Ear()
    readers.join(early)
    readers.tell({"plan": b"1", "live": b"2"})
    late = Ear()
    readers.join(late)
    readers.tell({"plan": b"1", "live": b"3"})
    readers.tell({"plan": b"1", "live": b"3"})
    assert early.heard == [
        b"event: plan\ndata: 1\n\nevent: live\ndata: 2\n\n",
        b"event: live\ndata: 3\n\n",
    ]
    assert late.heard == [b"event: plan\ndata: 1\n\nevent: live\ndata: 3\n\n"]


def test_one_who_stalls_holds_up_nobody_misses_nothing_that_lasts_and_is_hung_up_on() -> None:
    readers, stalled, good = Readers(), Ear(), Ear()
    for ear in (stalled, good):
        readers.join(ear)
    stalled.is_full = True
    for number in range(STALLED - 1):
        readers.tell({"live": b"%d" % number, **({"plan": b"new"} if number == 5 else {})})
    assert len(good.heard) == STALLED - 1
    assert stalled.heard == []
    stalled.is_full = False
    readers.tell({"live": b"now"})
    assert stalled.heard == [b"event: live\ndata: now\n\nevent: plan\ndata: new\n\n"]
    stalled.is_full = True
    for _ in range(STALLED):
        readers.tell({"live": b""})
    assert stalled.is_closed
    assert len(readers) == 1
    assert not good.is_closed


def test_a_message_is_made_once_for_all_who_read() -> None:
    readers, ears = Readers(), [Ear() for _ in range(MOST)]
    for ear in ears:
        readers.join(ear)
    assert readers.is_full
    readers.tell({"live": b"x" * 5000})
    assert len({id(ear.heard[0]) for ear in ears}) == 1


def show(play: Rehearsal) -> Show:
    return Show(play.feed, Teller(play.feed))


def test_nobody_looks_nobody_writes() -> None:
    play = Rehearsal(ManualClock())
    shown = show(play)
    for glimpse in play.feed.glimpses.values():
        assert not glimpse.wanted
    ear = Ear()
    shown.join(ear)
    assert all(glimpse.wanted for glimpse in play.feed.glimpses.values())
    shown.leave(ear)
    shown.leave(ear)
    assert not any(glimpse.wanted for glimpse in play.feed.glimpses.values())


def test_who_joins_hears_all_at_once_and_then_what_is_due() -> None:
    clock = ManualClock()
    play = Rehearsal(clock)
    shown, ear = show(play), Ear()
    shown.join(ear)
    assert ear.kinds() == ["plan", "state", "live", "events"]
    for _ in range(8):
        clock.advance(TICK_S)
        play.step()
        shown.tick()
    assert ear.kinds().count("live") == 9
    assert 2 <= ear.kinds().count("state") <= 3
    assert ear.kinds().count("plan") == 1


def test_what_moves_is_told_and_forgotten_when_it_is_long_ago() -> None:
    clock = ManualClock()
    play = Rehearsal(clock)
    shown, ear = show(play), Ear()
    shown.join(ear)
    clock.advance(6.0)
    play.step()
    shown.tick()
    door = ear.last("live")["door"]
    assert len(door["grid"]) == 48
    assert max(door["grid"]) > 0
    assert [thing["name"] for thing in door["things"]] == ["person", "dog"]
    assert ear.last("live")["hall"]["grid"] is None
    clock.advance(3.0)
    shown.tick()
    assert ear.last("live")["door"]["grid"] is None
    assert ear.last("live")["door"]["age_s"] == 3.0


def test_the_state_says_what_is_wrong_worst_first_with_the_cure() -> None:
    play = Rehearsal(ManualClock())
    play.states["link"] = State("warning", "away", "no answer", "see mqtt.host", 4.0)
    play.states["camera.hall"] = State("fault", "lost", "no frame", "see its cable", 9.0)
    shown, ear = show(play), Ear()
    shown.join(ear)
    told = ear.last("state")
    assert told["level"] == "fault"
    assert [(one["part"], one["cure"]) for one in told["unwell"]] == [
        ("camera.hall", "see its cable"),
        ("link", "see mqtt.host"),
    ]


def test_frames_a_second_are_told_once_they_have_been_counted() -> None:
    clock = ManualClock()
    play = Rehearsal(clock)
    teller = Teller(play.feed)
    teller.sample()
    assert json.loads(teller.state())["cameras"]["door"]["fps"] is None
    for _ in range(50):
        clock.advance(0.1)
        play.step()
    teller.sample()
    assert json.loads(teller.state())["cameras"]["door"]["fps"] == 10.0


def test_events_are_told_newest_first_and_no_more_than_fit() -> None:
    play = Rehearsal(ManualClock())
    for number in range(3 * EVENTS):
        play.say(Event("x_y", NOW, why=str(number)))
        play.say(Event("vector", NOW, DOOR))
    told = json.loads(Teller(play.feed).events())
    assert len(told) == EVENTS
    assert told[0]["text"] == f"x y: {3 * EVENTS - 1}"


def test_a_camera_that_is_new_and_has_shown_nothing_is_told_as_that() -> None:
    play = Rehearsal(ManualClock())
    play.feed.glimpses.clear()
    told = json.loads(Teller(play.feed).live())
    assert told["door"]["age_s"] is None
    assert Glimpse().motion is None
