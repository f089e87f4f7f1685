"""The judged picture of the agent: the worst decides, and what is wrong comes first."""

import json

from edgeagent.bulletin import Bulletin, State, healthz, worst

WELL = State()
WARM = State("warning", "warm", "71 C", "give it air", 30.0)
LOST = State("fault", "lost", "no frames", "look at its cable", 60.0)
FULL = State("fault", "full", "the disk is full", "make room", 5.0)


def test_the_whole_is_as_well_as_its_worst_part() -> None:
    assert worst([]) == "ok"
    assert Bulletin(states={"clock": WELL}).level == "ok"
    assert Bulletin(states={"clock": WELL, "temperature": WARM}).level == "warning"
    assert Bulletin(states={"camera.a": LOST, "temperature": WARM}).level == "fault"


def test_what_is_unwell_is_told_the_worst_first_and_then_the_latest() -> None:
    bulletin = Bulletin(states={"temperature": WARM, "camera.a": LOST, "clock": WELL, "disk": FULL})
    assert list(bulletin.unwell) == ["disk", "camera.a", "temperature"]


def test_healthz_is_503_for_a_fault_alone_and_names_causes_and_cures() -> None:
    assert healthz(Bulletin(states={"clock": WELL})) == (200, b'{"state": "ok", "causes": []}')
    status, body = healthz(Bulletin(states={"temperature": WARM}))
    assert (status, json.loads(body)["state"]) == (200, "warning")
    status, body = healthz(Bulletin(states={"temperature": WARM, "camera.a": LOST}))
    told = json.loads(body)
    assert (status, told["state"]) == (503, "fault")
    assert told["causes"][0] == {
        "part": "camera.a",
        "state": "fault",
        "code": "lost",
        "why": "no frames",
        "cure": "look at its cable",
        "age_s": 60,
    }
    assert [cause["part"] for cause in told["causes"]] == ["camera.a", "temperature"]
