"""Local action: how often, one at a time, and that nobody waits for it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgeagent.acting import Acting, try_here
from edgeagent.acting.occasion import Occasion
from edgeagent.acting.outcome import Outcome
from edgeagent.acting.worker import SAID_AT_ONCE, Worker
from edgeagent.clock import ManualClock
from edgeagent.config import ActionConfig, CameraConfig, Config
from edgeagent.errors import UsageError
from edgeagent.event import Event, Source, now
from edgeagent.health import Health

PERSON = Event(
    "object",
    now(ManualClock(), "k"),
    Source("door"),
    names=(("person", 0.9),),
    tracks=((1, "in"),),
)
PATIENCE_S = 30.0


def until(true: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


class Slow:
    """A deed that lasts until it is let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.let_go = threading.Semaphore(0)
        self.outcome = Outcome("done")
        self.is_open = False

    def open(self) -> str:
        self.is_open = True
        return ""

    def do(self, occasion: Occasion, stop: threading.Event) -> Outcome:
        self.begun.append(occasion.label)
        while not self.let_go.acquire(timeout=0.01):
            if stop.is_set():
                return Outcome("stopped", "was ended")
        return self.outcome

    def close(self) -> None:
        self.is_open = False


def an(label: str) -> Occasion:
    return Occasion(PERSON, 1, label)


@contextmanager
def working(clock: ManualClock, **rule: Any) -> Iterator[tuple[Worker, Slow, Health]]:  # noqa: ANN401
    deed, health = Slow(), Health()
    worker = Worker(ActionConfig(name="a", **rule), deed, health, clock.mono_s)
    worker.start()
    yield worker, deed, health
    worker.end()
    assert worker.join(PATIENCE_S)
    assert not deed.is_open


def test_of_a_flood_one_is_done_the_newest_waits_and_the_rest_is_counted() -> None:
    with working(ManualClock(), every_s=0) as (worker, deed, health):
        worker.offer(an("first"))
        until(lambda: deed.begun == ["first"])
        for number in range(1000):
            worker.offer(an(str(number)))
        deed.let_go.release(2)
        until(lambda: health.counted("actions_done_total.a") == 2)
        assert deed.begun == ["first", "999"]
        assert health.counted("actions_skipped_total.a") == 999


def test_it_is_done_no_more_often_than_every_s() -> None:
    clock = ManualClock()
    with working(clock, every_s=60) as (worker, deed, health):
        deed.let_go.release(9)
        worker.offer(an("first"))
        until(lambda: health.counted("actions_done_total.a") == 1)
        clock.advance(59)
        worker.offer(an("too soon"))
        clock.advance(1)
        worker.offer(an("second"))
        until(lambda: health.counted("actions_done_total.a") == 2)
        assert deed.begun == ["first", "second"]
        assert health.counted("actions_skipped_total.a") == 1


def test_an_end_does_not_wait_for_what_hangs() -> None:
    with working(ManualClock()) as (worker, deed, health):
        worker.offer(an("first"))
        until(lambda: deed.begun == ["first"])
    assert health.snapshot().counters == {}


def test_a_failure_is_a_state_until_it_goes_well_again_and_says_nothing_of_the_commands() -> None:
    with working(ManualClock(), every_s=0) as (worker, deed, health):
        deed.outcome = Outcome("failed", "ended with status 3", "password wrong: hunter2")
        deed.let_go.release()
        worker.offer(an("x"))
        until(lambda: health.counted("actions_failed_total.a") == 1)
        until(lambda: health.snapshot().states == {"action.a": "ended with status 3"})
        deed.outcome = Outcome("done")
        deed.let_go.release()
        worker.offer(an("x"))
        until(lambda: health.snapshot().states == {})


def test_the_log_is_cut_and_says_by_how_much(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    with caplog.at_level(logging.INFO), working(clock, every_s=0) as (worker, deed, health):
        deed.outcome = Outcome("failed", "ended with status 3", "no such device")
        for number in range(SAID_AT_ONCE + 20):
            deed.let_go.release()
            worker.offer(an(str(number)))
            until(lambda n=number + 1: health.counted("actions_failed_total.a") == n)  # type: ignore[misc]
        said = [record.getMessage() for record in caplog.records]
        assert said == ["action a: ended with status 3; it says: no such device"] * SAID_AT_ONCE
        clock.advance(60)
        deed.let_go.release()
        worker.offer(an("late"))
        until(lambda: len(caplog.records) > SAID_AT_ONCE)
        assert caplog.records[-1].getMessage().endswith("(20 more were not logged)")


class Broken(Slow):
    """A deed with a fault of our own."""

    def do(self, occasion: Occasion, stop: threading.Event) -> Outcome:
        raise ZeroDivisionError


def test_a_fault_of_our_own_ends_one_action_and_no_other() -> None:
    deed, health = Broken(), Health()
    worker = Worker(ActionConfig(name="a"), deed, health, ManualClock().mono_s)
    worker.start()
    worker.offer(an("x"))
    assert worker.join(PATIENCE_S)
    assert "fault in edgeagent itself" in health.snapshot().states["action.a"]
    worker.offer(an("y"))


def mine() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("action-")]


def config(*actions: ActionConfig) -> Config:
    return Config(device="pi", camera=[CameraConfig(name="door")], action=list(actions))


def shell(name: str, script: str, **rule: Any) -> ActionConfig:  # noqa: ANN401
    return ActionConfig(name=name, argv=["/bin/sh", "-c", script], every_s=0, **rule)


@pytest.fixture
def acting() -> Iterator[Acting]:
    acting = Acting(Health(), ManualClock(), "k")
    yield acting
    acting.close()
    acting.close()
    until(lambda: mine() == [])


def test_an_event_starts_its_commands_and_a_slow_one_holds_up_no_other(
    acting: Acting, tmp_path: Path
) -> None:
    touch = f"echo $EDGEAGENT_LABEL $EDGEAGENT_SEQ >>{tmp_path}/$EDGEAGENT_ACTION"
    acting.open(
        config(
            shell("hangs", f"{touch}; sleep 1000", time_limit_s=600.0),
            shell("quick", touch),
            shell("cats", touch, labels=["cat"]),
            ActionConfig(name="lamp", gpio=17, driver="mock", pulse_s=600),
        ),
        "3-0000000a",
    )
    acting.hear(PERSON, 41)
    until(lambda: (tmp_path / "hangs").exists() and (tmp_path / "quick").exists())
    acting.hear(PERSON, 42)
    until(lambda: (tmp_path / "quick").read_text() == "person 41\nperson 42\n")
    assert (tmp_path / "hangs").read_text() == "person 41\n"
    assert not (tmp_path / "cats").exists()


def test_a_reload_ends_what_runs_only_where_the_actions_differ(
    acting: Acting, tmp_path: Path
) -> None:
    script = f"echo on >>{tmp_path}/log; sleep 1000; echo off >>{tmp_path}/log"
    one = config(shell("a", script, time_limit_s=600.0))
    acting.open(one, "3-0000000a")
    acting.hear(PERSON, 1)
    until((tmp_path / "log").exists)
    (before,) = mine()
    acting.retune(one)
    assert mine() == [before]
    acting.retune(config())
    until(lambda: mine() == [])
    acting.hear(PERSON, 2)
    assert (tmp_path / "log").read_text() == "on\n"


def test_one_is_tried_by_name_whatever_its_rate_and_the_answer_says_how_it_went(
    acting: Acting, tmp_path: Path
) -> None:
    rule = {"kinds": ["zone"], "zones": ["bed"], "labels": ["cat"], "cameras": ["door"]}
    script = f"env | grep EDGEAGENT_ >{tmp_path}/env; echo 'no siren' >&2; exit 4"
    siren = shell("siren", script, **rule)
    acting.open(config(siren), "3-0000000a")
    for _ in range(2):
        told = acting.try_({"action": "siren"})
        assert (told["ended"], told["why"]) == ("failed", "ended with status 4")
        assert told["said"] == "no siren"
    found = (tmp_path / "env").read_text()
    for line in ("TRIAL=1", "ZONE=bed", "LABEL=cat", "CAMERA=door", "PHASE=in", "KIND=zone"):
        assert f"EDGEAGENT_{line}\n" in found
    assert "SEQ" not in found
    assert try_here(config(siren), "siren", ManualClock())["said"] == "no siren"


def test_what_is_not_there_is_not_tried(acting: Acting) -> None:
    acting.open(config(shell("siren", "true")), "3-0000000a")
    with pytest.raises(UsageError, match="'sirene': there is no such action; there is siren"):
        acting.try_({"action": "sirene"})
    with pytest.raises(UsageError, match="there is none"):
        try_here(config(), "siren", ManualClock())
