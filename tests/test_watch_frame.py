"""A fleet as lines: as many as there is room for, none too wide, the troubled first."""

import re
from datetime import UTC
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeagent.terminal import Ink, clean, columns
from edgeagent.watch.frame import Now, frame, plain

from .test_watch_fleet import JSON, KEYS, NOW_MS, Station

COLOUR = re.compile("\x1b\\[[0-9;]+m")


def now(width: int = 100, lines: int = 24, **more: Any) -> Now:  # noqa: ANN401
    return Now(1003.0, NOW_MS, width, lines, "broker:8883", zone=UTC, **more)


@pytest.fixture
def station() -> Station:
    station = Station()
    station.say("status", s="online")
    station.say("info", agent="0.1.0", engines=["cpu"], cameras=["front"], models={"coco16": "c5"})
    station.event(0, cls=[["person", 0.82]], trk=[[3, "in"]])
    return station


def test_one_device_is_told_with_its_link_rate_engine_and_events(station: Station) -> None:
    lines = frame(station.fleet, now(), Ink())
    assert lines[0].startswith("broker:8883   1 device, 1 online   1 event")
    assert lines[0].endswith("08:00:00")
    words = lines[2].split()
    assert words[:4] == ["home/door", "online", "▅", "1/min"]
    assert words[-4:] == ["complete", "cpu", "coco16", "0.1.0"]
    assert lines[4] == "08:00:00  front  object  in person #3 0.82"


def test_several_cameras_are_told_apart(station: Station) -> None:
    station.event(1, cam="yard", cls=[["cat", 0.5]])
    lines = frame(station.fleet, now(), Ink())
    assert lines[3].split()[:2] == ["front", "3"]
    assert lines[4].endswith("object cat 0.50")


def test_faults_stand_below_their_device(station: Station) -> None:
    station.say("stat", c={}, g={"outbox_depth": 7}, f={"disk": "full"})
    lines = frame(station.fleet, now(), Ink())
    assert "7 to send" in lines[2]
    assert lines[3].strip() == "! disk: full"


def test_what_is_lost_is_counted(station: Station) -> None:
    station.event(5)
    lines = frame(station.fleet, now(), Ink())
    assert "4 lost" in lines[2]


def test_of_many_devices_the_troubled_come_first(station: Station) -> None:
    for number in range(40):
        station.say("status", f"d{number:02}", s="online")
    station.say("status", "d33", s="offline")
    lines = frame(station.fleet, now(lines=20), Ink())
    assert lines[2].split()[:2] == ["home/d33", "offline"]
    (more,) = [line.strip() for line in lines if line.startswith("and ")]
    assert more == "and 29 more, 29 of them well"
    assert any(line.endswith("offline  the broker lost it") for line in lines)


def test_trouble_with_the_broker_is_said_at_the_top(station: Station) -> None:
    lines = frame(station.fleet, now(trouble="the broker hung up"), Ink())
    assert lines[1].strip() == "the broker hung up"


def test_before_anything_is_heard_it_says_so() -> None:
    assert "nothing heard yet" in frame(Station().fleet, now(), Ink())[2]


def test_what_comes_late_is_marked_and_lines_for_a_pipe_have_the_date(station: Station) -> None:
    (told,) = station.event(1, hist=True, cls=[["cat", 0.5]])
    assert plain(told, UTC) == "2027-01-15 08:00:00  home/door  front  object  cat 0.50  (late)"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=9),
    st.dictionaries(st.sampled_from(KEYS.split()), JSON, max_size=6),
    st.integers(1, 140),
    st.integers(1, 50),
)
def test_a_frame_has_its_size_and_nothing_but_colours(
    names: list[tuple[str, str]], message: dict[str, Any], width: int, lines: int
) -> None:
    station = Station()
    for seq, (name, why) in enumerate(names):
        topic = f"edge/v1/home/{name}"
        for rest in ("info", "stat", "status"):
            station.say(rest, **{**message, "dev": name})
        payload = b'{"boot": "1-a", "seq": %d, "low": 0, "k": "x", "dev": "d"}' % seq
        station.fleet.hear(f"{topic}/evt/{why}", payload, 1000.0, NOW_MS)
        station.event(3 * seq, why=why, cam=name)
    bare = frame(station.fleet, now(width, lines), Ink())
    assert len(bare) == lines
    assert all(columns(line) <= width for line in bare)
    assert all(clean(line) == line for line in bare)
    coloured = frame(station.fleet, now(width, lines), Ink(True))
    assert [COLOUR.sub("", line).rstrip() for line in coloured] == [line.rstrip() for line in bare]
