"""Is an event one that an action waits for."""

from typing import Any

import pytest

from edgeagent.acting.occasion import fits
from edgeagent.clock import ManualClock
from edgeagent.config import ActionConfig
from edgeagent.event import Event, MotionPart, Source, now

WHEN = now(ManualClock(), "k")


def seen(*findings: tuple[str, float, str], kind: str = "object", **more: Any) -> Event:  # noqa: ANN401
    names = tuple((name, score) for name, score, _ in findings)
    tracks = tuple((number, phase) for number, (_, _, phase) in enumerate(findings))
    return Event(kind, WHEN, Source("door"), names=names, tracks=tracks, **more)


def moved(phase: str) -> Event:
    part = MotionPart(phase, 0.1, (0.5, 0.5), 0, 0.0, 0.0, b"")
    return Event("motion", WHEN, Source("door"), motion=part)


PERSON = seen(("person", 0.9, "in"))
LOST = Event("camera_lost", WHEN, why="gone", name="door")
CASES: list[tuple[dict[str, Any], Event, str | None]] = [
    ({}, PERSON, "person"),
    ({"labels": ["cat"]}, PERSON, None),
    ({"labels": ["cat", "person"]}, PERSON, "person"),
    ({"min_score": 0.9}, PERSON, "person"),
    ({"min_score": 0.91}, PERSON, None),
    ({"cameras": ["yard"]}, PERSON, None),
    ({"cameras": ["yard", "door"]}, PERSON, "person"),
    ({}, seen(("person", 0.9, "on")), None),
    ({"phases": ["out"]}, seen(("person", 0.9, "on"), ("dog", 0.5, "out")), "dog"),
    ({"phases": []}, seen(("person", 0.9, "on")), "person"),
    ({}, seen(("cat", 0.9, "in"), kind="label"), None),
    ({"kinds": ["label"]}, seen(("cat", 0.9, "in"), kind="label"), "cat"),
    (
        {"kinds": ["zone"], "zones": ["bed"]},
        seen(("cat", 0.9, "in"), kind="zone", zone="bed"),
        "cat",
    ),
    (
        {"kinds": ["zone"], "zones": ["bed"]},
        seen(("cat", 0.9, "in"), kind="zone", zone="sea"),
        None,
    ),
    ({"kinds": ["cross"], "lines": ["a"]}, seen(("cat", 0.9, "in"), kind="cross", line="b"), None),
    ({"kinds": ["cross"], "lines": ["b"]}, seen(("cat", 0.9, "in"), kind="cross", line="b"), "cat"),
    ({"kinds": ["motion"]}, moved("in"), ""),
    ({"kinds": ["motion"]}, moved("on"), None),
    ({"kinds": ["motion"], "labels": ["person"]}, moved("in"), None),
    ({"kinds": ["camera_lost"]}, LOST, ""),
    ({"kinds": ["camera_lost"], "cameras": ["yard"]}, LOST, None),
    ({"kinds": ["camera_lost"], "cameras": ["door"]}, LOST, ""),
]


@pytest.mark.parametrize(("rule", "event", "label"), CASES)
def test_an_action_waits_for_what_its_settings_name_and_for_nothing_else(
    rule: dict[str, Any], event: Event, label: str | None
) -> None:
    found = fits(ActionConfig(name="a", **rule), event, 1)
    assert (None if found is None else found.label) == label
