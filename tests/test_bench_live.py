"""The running agent's own times as a report: all of them, or what came while one waited."""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from edgeagent.bench.judge import judged
from edgeagent.bench.live import live
from edgeagent.bench.show import compared, table
from edgeagent.bench.verdict import together
from edgeagent.errors import RetryError, UsageError
from edgeagent.histogram import Histogram

SCHEMA = json.loads((resources.files("edgeagent.bench") / "report.schema.json").read_text())
ENGINE = {
    "name": "cpu",
    "model": "coco16-320",
    "digest8": "c5805c0d",
    "size_bytes": 2974448,
    "takes": "1x320x320x3 uint8",
    "load_ms": 12.5,
    "first_ms": 20.25,
}


class Agent:
    """Answers as the running one does, and counts frames when it is told to."""

    def __init__(self, *cameras: str) -> None:
        self.pid, self.up_s, self.cpu_s = 7, 100.0, 50.0
        self.engines = [ENGINE]
        self.cameras: dict[str, dict[str, Histogram]] = {name: {} for name in cameras}

    def see(self, name: str, n: int, invoke_ms: float = 0.0) -> None:
        stages = {"source": 30.0, "motion": 1.0, "see": 2.0 + invoke_ms}
        if invoke_ms:
            stages |= {"invoke": invoke_ms, "looked": 2.0 + invoke_ms}
        for stage, ms in stages.items():
            for _ in range(n):
                self.cameras[name].setdefault(stage, Histogram()).add(round(ms * 1e6))

    def __call__(self) -> Mapping[str, Any]:
        told = {
            "ok": True,
            "version": "0.1.0",
            "pid": self.pid,
            "unit": "",
            "up_s": self.up_s,
            "cpu_s": self.cpu_s,
            "engines": self.engines,
            "cameras": {
                name: {s: {"sum_us": h.sum_us, "n": h.sparse()} for s, h in stages.items()}
                for name, stages in self.cameras.items()
            },
        }
        return dict(json.loads(json.dumps(told)))


def unheard(done: float, whole: float) -> None:
    pass


@pytest.fixture
def agent() -> Agent:
    agent = Agent("door", "yard")
    agent.see("door", 200)
    agent.see("door", 60, invoke_ms=20)
    agent.see("yard", 40, invoke_ms=80)
    return agent


def test_all_since_the_cameras_were_begun_is_a_report_like_any_other(agent: Agent) -> None:
    made = live(agent, unheard)
    plain = json.loads(msgspec.json.encode(made))
    Draft202012Validator(SCHEMA).validate(plain)
    assert (made.scenario, made.engine, made.model) == ("live", "cpu", "coco16-320 c5805c0d")
    assert (made.counts, made.clip) == ({"frames": 300, "looks": 100}, "door, yard")
    assert list(made.stages) == ["source", "motion", "invoke"]
    assert made.stages["invoke"].n == 100
    assert made.stages["invoke"].p90 == pytest.approx(80, rel=1 / 16)
    assert made.headline.figures.mean == pytest.approx((60 * 22 + 40 * 82) / 100)
    assert made.see is not None
    assert made.see.n == 300
    assert made.first_ms == 20.25
    told = table(made)
    assert "coco16-320 c5805c0d on cpu, door, yard: live" in told
    assert "2 cameras together" in told
    assert "invoke" in compared(made, made, ("a", "b"))


def test_one_camera_can_be_asked_for_and_one_that_is_none_is_refused(agent: Agent) -> None:
    made = live(agent, unheard, camera="yard")
    assert (made.clip, made.counts["looks"]) == ("yard", 40)
    with pytest.raises(UsageError, match="no camera 'none'; there is door, yard"):
        live(agent, unheard, camera="none")


def test_only_what_came_meanwhile_counts_and_a_drift_is_seen(agent: Agent) -> None:
    takes_ms = iter((20.0, 20.0, 60.0))

    def wait(seconds: float) -> None:
        assert seconds == 10
        agent.up_s += seconds
        agent.cpu_s += 5
        agent.see("door", 50, invoke_ms=next(takes_ms))

    made = live(agent, unheard, seconds=30, wait=wait)
    assert made.asked == {"seconds": 30.0}
    assert made.counts == {"frames": 150, "looks": 150}
    assert made.rates == {"frames_per_s": 5.0, "looks_per_s": 5.0, "cores": 0.5}
    figures = made.headline.figures
    assert (figures.first_third, figures.last_third) == pytest.approx((22, 62), rel=1 / 16)
    assert "slower towards the end" in table(made)


def test_a_camera_begun_anew_meanwhile_counts_from_its_beginning(agent: Agent) -> None:
    def wait(seconds: float) -> None:
        agent.up_s += seconds
        agent.cameras["door"] = {}
        agent.see("door", 10)

    assert live(agent, unheard, seconds=3, wait=wait).counts == {"frames": 10, "looks": 0}


@pytest.mark.parametrize(("limit_ms", "status"), [(1000.0, 0), (30.0, 1)])
def test_a_limit_on_p90_is_judged_as_for_any_other(
    limit_ms: float, status: int, agent: Agent
) -> None:
    agent.see("door", 100, invoke_ms=80)
    made = judged(live(agent, unheard), limit_ms, None, 0.0)
    assert together(made.verdicts) == status


def test_where_no_frame_was_looked_at_nobody_can_say_how_fast_that_is() -> None:
    agent = Agent("door")
    agent.see("door", 500)
    made = judged(live(agent, unheard), 1000.0, None, 0.0)
    assert made.headline.what == "a frame, none of which was looked at"
    assert (together(made.verdicts), "invoke" in made.stages) == (2, False)
    assert "no frame was looked at" in table(made)


def test_without_a_model_there_is_a_report_of_motion_alone() -> None:
    agent = Agent("door")
    agent.engines = []
    agent.see("door", 5)
    made = live(agent, unheard)
    assert (made.engine, made.model, made.models) == ("", "", ())


def test_an_agent_without_a_frame_has_no_times_yet() -> None:
    with pytest.raises(RetryError, match="no frame came yet"):
        live(Agent("door"), unheard)
    with pytest.raises(RetryError, match="no frame came within 3 s"):
        live(Agent("door"), unheard, seconds=3, wait=lambda _: None)


def test_a_restart_meanwhile_is_said(agent: Agent) -> None:
    def wait(seconds: float) -> None:
        agent.pid += 1

    with pytest.raises(RetryError, match="started anew"):
        live(agent, unheard, seconds=3, wait=wait)


GOOD = dict(Agent("door")())


@pytest.mark.parametrize(
    "answer",
    [
        {key: value for key, value in GOOD.items() if key != "cameras"},
        {**GOOD, "pid": "x"},
        {**GOOD, "cameras": {"door": {"see": {"sum_us": 1, "n": [[-1, 1]]}}}},
        {**GOOD, "cameras": {"door": {"see": {"sum_us": 1, "n": [3]}}}},
    ],
)
def test_an_answer_of_another_release_is_an_error_in_words(answer: dict[str, Any]) -> None:
    with pytest.raises(RetryError, match="cannot be read"):
        live(lambda: answer, unheard)
