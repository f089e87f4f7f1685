"""Each scenario, on an engine whose pace is scripted."""

import json
import os
import time
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from edgeagent.bench.closed import offline, single, soak
from edgeagent.bench.core import CoreWait
from edgeagent.bench.found import Found, Plan, report
from edgeagent.bench.guard import guard
from edgeagent.bench.judge import judged
from edgeagent.bench.paced import Row, latencies_s, rate
from edgeagent.bench.pipeline import pipeline
from edgeagent.bench.report import Report, Scenario
from edgeagent.bench.river import Progress
from edgeagent.bench.show import table
from edgeagent.bench.swap import swap
from edgeagent.bench.verdict import BAD
from edgeagent.bench.yardstick import Yardstick
from edgeagent.config import Config, MotionConfig
from edgeagent.engines import open_engine
from edgeagent.engines.scripted import Scripted, nothing
from edgeagent.errors import UsageError
from edgeagent.looker import Engines
from edgeagent.model import Bundle, bundles_folder, find_bundle
from edgeagent.tensor import Tensor

STILL = Path(__file__).parent.parent / "edgeagent" / "clips" / "cockatoo.mp4"
EVERY = Config(motion=MotionConfig(gate=False))
"""Each frame is looked at."""


def bundle(name: str = "coco16-320") -> Bundle:
    return find_bundle(name, [bundles_folder()])


def unheard(done: float, whole: float) -> None:
    assert 0 <= done <= max(whole, done)


def plan(
    scenario: Scenario = "single",
    engine: Scripted | None = None,
    runs: int = 20,
    config: Config = EVERY,
    **more: float,
) -> Plan:
    engines = Engines(engine or Scripted(bundle()))
    return Plan(scenario, STILL, config, engines, runs=runs, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    made = json.loads((resources.files("edgeagent.bench") / "report.schema.json").read_text())
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def made(asked: Plan, scenario: Callable[[Plan, Progress], Found]) -> Report:
    return report(asked, scenario(asked, unheard))


def valid(one: Report, schema: Draft202012Validator) -> Report:
    schema.validate(json.loads(msgspec.json.encode(one)))
    return one


def test_single_measures_the_engines_pace_and_every_stage(schema: Draft202012Validator) -> None:
    told = valid(made(plan(engine=Scripted(bundle(), delay_s=0.02)), single), schema)
    assert told.scenario == "single"
    assert told.headline.figures.n == told.stages["invoke"].n == 20
    assert told.stages["invoke"].min >= 20
    assert told.headline.figures.min >= told.stages["invoke"].min
    assert {"motion", "aim", "wait", "preprocess", "decode", "track", "event"} <= set(told.stages)
    assert told.see is not None
    assert told.see.n == told.frames
    assert sum(bucket.n for bucket in told.histogram) == 20


def test_a_long_run_begins_with_looks_that_are_not_kept() -> None:
    engine = Scripted(bundle())
    told = made(plan(engine=engine, runs=50), single)
    assert told.headline.figures.n == told.stages["invoke"].n == 50
    assert len(engine.saw) == 55
    assert len(told.blocks) == 32


def stalling(every: int, stall_s: float) -> Scripted:
    """An engine that takes 4 ms, and each so many calls much longer."""
    held, calls = bundle(), 0

    def answer(_: Tensor) -> Mapping[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls % every == 0:
            time.sleep(stall_s)
        return nothing(held.files["cpu"])

    return Scripted(held, answer, delay_s=0.004)


def test_rate_shows_the_queueing_that_single_hides(schema: Draft202012Validator) -> None:
    """One call in 25 takes 0.6 s: a closed loop meets it 4 times in 100, and its p90 is well."""
    closed = made(plan(engine=stalling(25, 0.6), runs=100), single)
    opened = valid(made(plan("rate", stalling(25, 0.6), runs=100, rate_per_s=20.0), rate), schema)
    assert closed.headline.figures.p90 < 150
    assert opened.headline.figures.p90 > 2 * closed.headline.figures.p90
    # Whoever looks at service times alone does not see it here either.
    assert opened.stages["looked at"].p90 < 150
    assert opened.counts["dropped"] > 10
    assert opened.counts["due"] == opened.headline.figures.n


def test_at_a_rate_the_engine_cannot_keep_every_frame_waits() -> None:
    told = made(plan("rate", Scripted(bundle(), delay_s=0.08), runs=20, rate_per_s=20.0), rate)
    assert told.rates["frames_per_s"] < 15
    assert told.headline.figures.p50 > 1.2 * told.stages["looked at"].p50
    assert told.counts["late"] > 0.8 * told.counts["due"]


def test_a_frame_that_was_dropped_waits_for_the_next_ones_answer() -> None:
    rows = [Row(4, 0.01, True), Row(7, 0.05, True), Row(9, 0.02, False), Row(10, 0.02, True)]
    waited = list(latencies_s(rows, 0.1))
    assert waited == pytest.approx([0.01, 0.25, 0.15, 0.05, 0.02])
    assert list(latencies_s([], 0.1)) == []


def test_offline_says_how_many_frames_a_second_there_are_at_most() -> None:
    told = made(plan("offline", Scripted(bundle(), delay_s=0.02), runs=30), offline)
    assert 0 < told.rates["looks_per_s"] < 50
    assert told.rates["looks_per_s"] <= told.rates["frames_per_s"]
    assert 0 < told.rates["cores"] < 4
    assert told.blocks == ()


def test_soak_tells_its_course_and_stops_when_it_is_over(schema: Draft202012Validator) -> None:
    began_s = time.monotonic()
    asked = plan("soak", Scripted(bundle(), delay_s=0.005), runs=1, seconds=3.0)
    told = valid(made(asked, soak), schema)
    assert 3 <= time.monotonic() - began_s < 20
    assert 2 <= len(told.slices) <= 3
    assert sum(one.looks for one in told.slices) == told.headline.figures.n
    assert "at s" in table(told)


def test_a_soak_that_slows_down_is_said_to() -> None:
    engine, calls = Scripted(bundle()), 0

    def slower(_: Tensor) -> Mapping[str, Tensor]:
        nonlocal calls
        calls += 1
        time.sleep(0.002 + calls * 0.0005)
        return nothing(engine.file)

    told = made(plan(engine=Scripted(bundle(), slower), runs=60), single)
    assert "slower towards the end" in table(told)


@pytest.mark.parametrize("name", ["coco16-320", "embed88-128"])
def test_the_guard_passes_the_release_and_catches_a_fast_wrong_model(name: str) -> None:
    engine = open_engine(bundle(name))
    passed = guard(engine)
    assert passed is not None
    assert (passed.asked, passed.agreed, passed.differences) == (2, 2, ())
    engine.close()
    # Bytes that are not the model's: it answers at once, and what it says is noise.
    wrong = Scripted(bundle(name), lambda _: _noise(bundle(name)))
    wrong.name = "fast"
    caught = guard(wrong)
    assert caught is not None
    assert not caught.good
    assert caught.differences


def _noise(held: Bundle) -> Mapping[str, Tensor]:
    random = np.random.default_rng(0)
    outputs = held.files["cpu"].outputs
    return {
        role: random.integers(0, 120, spec.shape).astype(spec.dtype)
        for role, spec in outputs.items()
    }


def test_a_scripted_engine_is_not_held_to_goldens() -> None:
    assert guard(Scripted(bundle())) is None


def test_wrong_answers_are_bad_however_fast(schema: Draft202012Validator) -> None:
    wrong = Scripted(bundle(), lambda _: _noise(bundle()))
    wrong.name = "fast"
    asked = plan(engine=wrong, runs=3)
    told = valid(
        judged(report(asked, single(asked, unheard), guard(wrong)), None, None, 0.1), schema
    )
    assert [verdict.status for verdict in told.verdicts] == [BAD]
    assert "0 of 2 goldens agree" in table(told)


def test_pipeline_times_every_stage_to_the_acknowledgement(
    tmp_path: Path, schema: Draft202012Validator
) -> None:
    asked = plan("pipeline", runs=30, config=Config())
    told = valid(report(asked, pipeline(asked, unheard, tmp_path / "box", None)), schema)
    stages = {"source", "motion", "invoke", "event", "record", "outbox", "publish", "PUBACK"}
    assert stages <= set(told.stages)
    assert told.counts["events"] == told.counts["acknowledged"] == told.stages["PUBACK"].n > 10
    assert told.stages["invoke"].n == 30
    # The stages come to the whole, within what threads take to wake each other.
    parts = ("record", "outbox", "publish", "PUBACK")
    assert told.headline.figures.p90 > sum(told.stages[part].min for part in parts)
    assert "no broker" in " ".join(told.notes)


def test_swap_shows_what_a_change_of_models_costs() -> None:
    held = [bundle("coco16-320"), bundle("embed88-128")]
    last: list[str] = []

    def reloading(one: Bundle) -> Callable[[Tensor], Mapping[str, Tensor]]:
        def answer(_: Tensor) -> Mapping[str, Tensor]:
            time.sleep(0.02 if last[-1:] != [one.name] else 0.001)
            last[:] = [one.name]
            return nothing(one.files["cpu"])

        return answer

    look, vector = (Scripted(one, reloading(one)) for one in held)
    asked = Plan("swap", STILL, EVERY, Engines(look, vector), runs=50)
    told = made(asked, swap)
    assert set(told.stages) == {f"{one.name} {how}" for one in held for how in ("alone", "in turn")}
    assert 25 < told.rates["swap_ms"] < 80


def test_swap_needs_two_models() -> None:
    with pytest.raises(UsageError, match="--vector"):
        swap(plan("swap"), unheard)


def test_a_clip_in_which_nothing_moves_says_what_to_do(tmp_path: Path) -> None:
    asked = plan(runs=2, config=Config())
    with pytest.raises(UsageError, match="nothing moves in it"):
        report(asked, Found("", []))


def test_waiting_for_a_core_is_told_from_working_and_from_sleeping() -> None:
    core = CoreWait()
    if not core.known:
        assert core.ns() == 0
        return
    before_ns, began_ns = core.ns(), time.perf_counter_ns()
    time.sleep(0.05)
    slept_ns = time.perf_counter_ns() - began_ns - (core.ns() - before_ns)
    assert slept_ns >= 49e6
    core.close()
    core.close()
    assert not core.known


def test_a_thread_that_was_kept_from_its_core_is_not_blamed_for_it() -> None:
    """Two programs on one core: each takes twice as long, and its own work no longer."""
    core = CoreWait()
    if not core.known:
        return
    cores = os.sched_getaffinity(0)
    yardstick = Yardstick(core)
    alone_ns = min(yardstick.ns() for _ in range(20))
    os.sched_setaffinity(0, {min(cores)})
    child = os.posix_spawn("/bin/sh", ["sh", "-c", "while :; do :; done"], os.environ)
    try:
        began_ns, waited_ns = time.perf_counter_ns(), core.ns()
        shared_ns = [yardstick.ns() for _ in range(20)]
        took_ns, waited_ns = time.perf_counter_ns() - began_ns, core.ns() - waited_ns
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.sched_setaffinity(0, cores)
        core.close()
    assert waited_ns > 0.2 * took_ns
    assert min(shared_ns) < 1.5 * alone_ns
