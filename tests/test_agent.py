"""The whole river on the device, with a scripted engine and a synthetic camera, nothing patched."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from edgeagent import event as events
from edgeagent.agent import Agent, Engines
from edgeagent.clock import ManualClock
from edgeagent.config import (
    ArmedConfig,
    CameraConfig,
    Config,
    EventsConfig,
    LineConfig,
    MotionConfig,
    ZoneConfig,
)
from edgeagent.engines import Engine, Seat
from edgeagent.engines.accelerator import Accelerator
from edgeagent.engines.failover import Failover
from edgeagent.engines.scripted import Scripted
from edgeagent.errors import AcceleratorError
from edgeagent.event import Event
from edgeagent.findings import Box
from edgeagent.frame import Detail
from edgeagent.health import Health
from edgeagent.laps import StopWatch
from edgeagent.model import bundles_folder, load_bundle
from edgeagent.sources.synthetic import Script, Synthetic
from edgeagent.tensor import Tensor

CAMERA = CameraConfig(name="yard", source="synthetic", width=640, height=480, fps=10)
CONFIG = Config(events=EventsConfig(min_hits=2, gone_s=1.0), motion=MotionConfig(still_s=1.0))
DETECTOR = load_bundle(bundles_folder() / "coco16-320")
VECTORS = load_bundle(bundles_folder() / "embed88-128")
CAT = DETECTOR.labels.index("cat")


def sees_the_square(image: Tensor) -> Mapping[str, Tensor]:
    """Answer as a detector would: one cat where the input is brightest."""
    heat, box = np.zeros((1, 80, 80, 16), np.uint8), np.zeros((1, 80, 80, 4), np.uint8)
    rows, columns = np.nonzero(image.astype(np.uint8)[0, :, :, 0] > 170)
    if len(rows) > 20:
        y, x = int(rows.mean()) // 4, int(columns.mean()) // 4
        heat[0, y, x, CAT] = 200
        spec = DETECTOR.files["cpu"].outputs["box"]
        reach = [
            4 * x - columns.min(),
            4 * y - rows.min(),
            columns.max() - 4 * x,
            rows.max() - 4 * y,
        ]
        box[0, y, x] = spec.quantise(np.array(reach, np.float32))
    return {"heat": heat, "box": box}


def see_all(
    agent: Agent, frames: int, pace: bool = False, script: Script | None = None
) -> list[tuple[int, Event]]:
    source = Synthetic(CAMERA, ManualClock(), pace, script=script or Script(end_at=frames))
    return [(frame.seq, event) for frame in source.frames() for event in agent.see(frame)]


def new_agent(config: Config = CONFIG, vector: bool = False) -> Agent:
    engines = Engines(Scripted(DETECTOR, sees_the_square), Scripted(VECTORS) if vector else None)
    return Agent(CAMERA, config, engines, ManualClock(), kernel="cafe0123")


def test_one_crossing_is_one_motion_and_one_cat_where_the_square_is() -> None:
    agent = new_agent()
    said = see_all(agent, 60)
    assert [event.kind for _, event in said] == ["motion", "object"]
    seq, seen = said[1]
    (name, score), (left, top, right, bottom) = seen.names[0], seen.boxes[0]
    truth = Synthetic(CAMERA, ManualClock(), False).box_at(seq)
    assert (name, round(score, 2)) == ("cat", 0.78)
    assert Box(left, top, right, bottom).iou(truth) > 0.7
    assert seen.tracks == ((1, "in"),)
    assert seen.counts == {"cat": 1}
    assert seen.source is not None
    assert (seen.source.camera, seen.source.engine) == ("yard", "scripted")
    assert seen.when.kernel == "cafe0123"


def test_a_still_scene_asks_the_model_nothing() -> None:
    engine = Scripted(DETECTOR)
    agent = Agent(CAMERA, CONFIG, Engines(engine), ManualClock())
    still = Synthetic(msgspec.structs.replace(CAMERA, fps=60.0), ManualClock(), False)
    first = next(iter(still.frames()))
    for n in range(100):
        frame = type(first)(first.luma, first.picture, n, n / 10, n * 100)
        assert agent.see(frame) == []
    assert engine.saw == []
    assert agent.health.counted("frames_total.yard") == 100


def test_without_a_model_motion_is_still_reported() -> None:
    agent = Agent(CAMERA, CONFIG, Engines(), ManualClock())
    said = see_all(agent, 60)
    assert [event.kind for _, event in said] == ["motion"]
    motion = said[0][1].motion
    assert motion is not None
    assert len(motion.grid) == 48
    assert max(motion.grid) > 0


def test_a_new_track_gets_one_vector_when_a_vector_model_is_named() -> None:
    said = see_all(new_agent(vector=True), 60)
    (vector,) = [event for _, event in said if event.kind == "vector"]
    assert vector.vector is not None
    assert len(vector.vector.values) == 88
    assert vector.tracks == ((1, "in"),)
    assert vector.source is not None
    assert vector.source.model == VECTORS.files["cpu"].digest8
    assert events.topic_of(vector) == "vec/yard"


def test_a_rate_limit_delays_what_is_said_and_loses_no_state() -> None:
    slow = msgspec.structs.replace(CONFIG.events, per_minute=6.0)
    agent = new_agent(msgspec.structs.replace(CONFIG, events=slow))
    said = see_all(agent, 150)
    assert agent.health.counted("withheld_total.yard") > 0
    things = [event for _, event in said if event.kind == "object"]
    assert things[0].tracks[0][1] == "in"


def test_without_the_gate_every_frame_is_looked_at_whole() -> None:
    engine = Scripted(DETECTOR)
    motion = msgspec.structs.replace(CONFIG.motion, gate=False)
    agent = Agent(
        CAMERA, msgspec.structs.replace(CONFIG, motion=motion), Engines(engine), ManualClock()
    )
    see_all(agent, 12)
    assert len(engine.saw) == 12


def test_a_limit_on_looks_is_kept() -> None:
    engine = Scripted(DETECTOR)
    model = msgspec.structs.replace(CONFIG.model, looks_per_s=2.0)
    agent = Agent(
        CAMERA, msgspec.structs.replace(CONFIG, model=model), Engines(engine), ManualClock()
    )
    see_all(agent, 100)
    assert 15 <= len(engine.saw) <= 21


def test_the_same_frames_give_the_same_events() -> None:
    runs = [
        [
            events.encode(msgspec.structs.replace(e, source=None))
            for _, e in see_all(new_agent(), 90)
        ]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_live_settings_are_taken_over_before_the_next_frame() -> None:
    agent = new_agent()
    deaf = msgspec.structs.replace(CONFIG.events, labels=["dog"])
    agent.retune(msgspec.structs.replace(CONFIG, events=deaf))
    assert [event.kind for _, event in see_all(agent, 60)] == ["motion"]


def test_every_stage_is_marked_in_the_order_of_the_river() -> None:
    agent, watch, order = new_agent(), StopWatch(), list[str]()

    class Order:
        def mark(self, stage: str) -> None:
            watch.mark(stage)
            order.append(stage)

    for frame in Synthetic(CAMERA, ManualClock(), False, script=Script(end_at=40)).frames():
        order.clear()
        agent.see(frame, Order())
    assert order == ["motion", "aim", "wait", "preprocess", "invoke", "decode", "track", "event"]
    assert set(watch.laps_ns) == set(order)


def test_run_puts_every_event_and_ends_with_its_source() -> None:
    taken: list[Event] = []
    agent = new_agent()
    agent.run(Synthetic(CAMERA, ManualClock(), False, script=Script(end_at=60)), taken.append)
    assert [event.kind for event in taken] == ["motion", "object", "count"]
    assert agent.health.stuck(1e9, 1.0) == []


# The square walks from the left edge to the right in 8 s.
GATE = LineConfig(name="gate", start=(0.5, 1.0), end=(0.5, 0.0))
RIGHT = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
EVERYWHERE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def placed(**places: Any) -> CameraConfig:  # noqa: ANN401
    return msgspec.structs.replace(CAMERA, **places)


def told_of(camera: CameraConfig, frames: int = 100, config: Config = CONFIG) -> list[Event]:
    taken: list[Event] = []
    agent = Agent(camera, config, Engines(Scripted(DETECTOR, sees_the_square)), ManualClock())
    source = Synthetic(CAMERA, ManualClock(), False, script=Script(end_at=frames))
    agent.run(source, taken.append)
    return taken


def test_a_crossing_is_told_with_its_direction_and_summed_up_at_the_end() -> None:
    told = told_of(placed(line=[GATE]), frames=70)
    assert [event.kind for event in told] == ["motion", "object", "cross", "count"]
    crossed, counted = told[2:]
    assert (crossed.line, crossed.tracks, crossed.names[0][0]) == ("gate", ((1, "in"),), "cat")
    assert counted.counts == {"cat": 1}
    assert counted.tally is not None
    assert counted.tally.lines == {"gate": {"cat": (1, 0)}}


def test_a_visit_ends_when_the_thing_has_gone() -> None:
    zone = ZoneConfig(name="yard", polygon=RIGHT)
    often = msgspec.structs.replace(CONFIG.events, heartbeat_s=1.0)
    config = msgspec.structs.replace(CONFIG, events=often)
    told = [e for e in told_of(placed(zone=[zone]), 130, config) if e.kind == "zone"]
    assert [event.tracks for event in told[:2]] == [((1, "in"),), ((1, "out"),)]
    assert 3.0 <= told[1].durations_s[0] <= 4.5


def test_what_moves_in_a_mask_reaches_neither_the_model_nor_the_wire() -> None:
    engine = Scripted(DETECTOR)
    zone = ZoneConfig(name="tree", kind="ignore", polygon=EVERYWHERE)
    agent = Agent(placed(zone=[zone]), CONFIG, Engines(engine), ManualClock())
    assert see_all(agent, 100) == []
    assert engine.saw == []
    assert agent.health.counted("moved_total.yard") == 0


def test_what_stands_in_a_mask_for_its_label_is_not_said() -> None:
    zone = ZoneConfig(name="cats", kind="ignore", polygon=EVERYWHERE, labels=["cat"])
    assert {event.kind for event in told_of(placed(zone=[zone]))} == {"motion"}


def test_counts_withheld_are_said_when_speech_is_allowed_again() -> None:
    slow = msgspec.structs.replace(CONFIG.events, per_minute=1.0)
    told = told_of(placed(line=[GATE]), 100, msgspec.structs.replace(CONFIG, events=slow))
    assert [event.kind for event in told] == ["motion", "cross", "count"]


def test_a_zone_is_taken_over_while_it_runs() -> None:
    agent = new_agent()
    zone = ZoneConfig(name="tree", kind="ignore", polygon=EVERYWHERE)
    agent.retune(msgspec.structs.replace(CONFIG, camera=[placed(zone=[zone])]))
    assert see_all(agent, 60) == []


def test_a_camera_that_is_not_armed_takes_frames_and_says_nothing() -> None:
    clock, engine = ManualClock(wall_ms=1_700_000_000_000), Scripted(DETECTOR)
    today = datetime.fromtimestamp(1_700_000_000, UTC).astimezone()
    other = "mon" if today.weekday() == 3 else "thu"
    camera = placed(armed=[ArmedConfig(start="00:00", end="23:59", days=[other])])
    agent = Agent(camera, CONFIG, Engines(engine), clock)
    assert see_all(agent, 100) == []
    assert agent.health.counted("frames_total.yard") == 100
    assert engine.saw == []
    clock.is_trusted = False
    untrusting = Agent(camera, CONFIG, Engines(engine), clock)
    assert [event.kind for _, event in see_all(untrusting, 60)] == ["motion"]


@pytest.mark.parametrize("size", [(33, 47), (1920, 1080), (320, 1000)])
def test_odd_and_tall_pictures_pass_through(size: tuple[int, int]) -> None:
    camera = msgspec.structs.replace(CAMERA, width=size[0], height=size[1])
    agent = new_agent()
    for frame in Synthetic(camera, ManualClock(), False, script=Script(end_at=25)).frames():
        agent.see(frame)
    assert agent.health.counted("frames_total.yard") == 25


def test_a_look_is_at_the_main_streams_picture_and_the_event_tells_its_age() -> None:
    main = replace(CAMERA, width=1280, height=960)
    larger = Synthetic(main, ManualClock(), False, script=Script(end_at=60)).frames()
    asked: list[int] = []
    agent, said = new_agent(), []

    def detail() -> Detail:
        asked.append(seq)
        return Detail(picture, 0.04)

    for frame in Synthetic(CAMERA, ManualClock(), False, script=Script(end_at=60)).frames():
        seq, picture = frame.seq, next(larger).picture
        said += agent.see(dataclasses.replace(frame, detail=detail))
    objects = [event for event in said if event.kind == "object"]
    assert [event.source.later_ms for event in objects if event.source] == [40] * len(objects)
    assert objects
    assert len(asked) == agent.health.counted("looks_total.yard") < 60


def test_while_the_main_stream_is_away_the_frames_own_picture_is_looked_at() -> None:
    agent, said = new_agent(), []
    for frame in Synthetic(CAMERA, ManualClock(), False, script=Script(end_at=60)).frames():
        said += agent.see(dataclasses.replace(frame, detail=lambda: None))
    sources = [event.source for event in said if event.kind == "object"]
    assert sources
    assert not [s for s in sources if s is None or s.later_ms is not None]


def test_attention_rests_after_still_s_without_anything_and_rises_at_once() -> None:
    agent = new_agent()
    frames = list(Synthetic(CAMERA, ManualClock(), False, script=Script(end_at=80)).frames())
    still = frames[40]
    every = []
    for at in range(80):
        shown = still if at < 60 else frames[at]
        agent.see(dataclasses.replace(shown, mono_s=frames[at].mono_s))
        every.append(agent.attention.every)
    rested = every.index(False)
    # Warmed up for .75 s, then still for 1 s.
    assert 16 <= rested <= 18
    assert not any(every[rested:60])
    assert every[60]


def test_a_look_that_was_asked_for_is_taken_at_once_and_nothing_is_an_answer() -> None:
    engine = Scripted(DETECTOR)
    agent = Agent(CAMERA, CONFIG, Engines(engine), ManualClock())
    still = next(iter(Synthetic(CAMERA, ManualClock(), False).frames()))
    assert agent.see(still) == []
    agent.attention.every = False
    first, second = agent.look_soon("a1"), agent.look_soon("a2")
    assert agent.attention.every
    said = agent.see(dataclasses.replace(still, mono_s=still.mono_s + 0.1))
    assert [(e.kind, e.name, e.names, e.counts) for e in said] == [
        ("look", "a1", (), {}),
        ("look", "a2", (), {}),
    ]
    assert (first.is_settled, first.seen, second.why) == (True, (), "")
    assert len(engine.saw) == 1
    assert agent.see(dataclasses.replace(still, mono_s=still.mono_s + 0.2)) == []


def test_a_look_that_was_asked_for_sees_what_does_not_move() -> None:
    agent = new_agent()
    camera = Synthetic(CAMERA, ManualClock(), False)
    frame = next(frame for frame in camera.frames() if frame.seq == 20)
    assert agent.see(frame) == []
    glance = agent.look_soon("a1")
    (event,) = agent.see(dataclasses.replace(frame, mono_s=frame.mono_s + 0.1))
    (seen,) = glance.seen
    assert (seen.name, event.counts, event.source and event.source.camera) == (
        "cat",
        {"cat": 1},
        "yard",
    )
    (left, top, right, bottom) = event.boxes[0]
    assert Box(left, top, right, bottom).iou(camera.box_at(20)) > 0.6


@pytest.mark.parametrize(
    ("camera", "engines", "why"),
    [
        (CAMERA, Engines(), "no model looks"),
        (
            replace(CAMERA, armed=[ArmedConfig(start="00:00", end="00:01", days=["mon"])]),
            Engines(Scripted(DETECTOR)),
            "it is not armed now",
        ),
    ],
)
def test_a_camera_that_may_not_look_says_why(
    camera: CameraConfig, engines: Engines, why: str
) -> None:
    agent = Agent(camera, replace(CONFIG, camera=[camera]), engines, ManualClock())
    glance = agent.look_soon("a1")
    assert agent.see(next(iter(Synthetic(CAMERA, ManualClock(), False).frames()))) == []
    assert glance.why.startswith(why)


class Away(Scripted):
    """An engine at which nobody answers at present."""

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        raise AcceleratorError("tpu usb:0: is away (hang)", cause="hang")
        yield self


def test_while_nothing_answers_frames_are_counted_unseen_and_motion_is_told() -> None:
    agent = Agent(CAMERA, CONFIG, Engines(Away(DETECTOR)), ManualClock())
    assert [event.kind for _, event in see_all(agent, 60)] == ["motion"]
    assert agent.health.counted("unseen_total.yard") > 20
    assert agent.health.counted("looks_total.yard") == 0


def test_a_vector_that_cannot_be_made_takes_nothing_else_along() -> None:
    engines = Engines(Scripted(DETECTOR, sees_the_square), Away(VECTORS))
    agent = Agent(CAMERA, CONFIG, engines, ManualClock())
    assert [event.kind for _, event in see_all(agent, 60)] == ["motion", "object"]
    assert agent.health.counted("unseen_total.yard") == 1


def test_an_event_names_the_engine_and_the_file_that_answered() -> None:
    compiled = dataclasses.replace(DETECTOR.files["cpu"], sha256="e" * 64)
    bundle = dataclasses.replace(DETECTOR, files={**DETECTOR.files, "edgetpu": compiled})
    fails = {0}

    def open_tpu() -> list[Engine]:
        return [Scripted(bundle, sees_the_square, fails=fails, name="tpu", file=compiled)]

    clock, health = ManualClock(), Health()
    accelerator = Accelerator("usb:0", open_tpu, lambda _: None, health, clock)
    cpu = Scripted(bundle, sees_the_square, name="cpu")
    engines = Engines(Failover(bundle, cpu, accelerator, clock))
    answered = []
    for _ in range(2):
        accelerator.attempt()
        said = see_all(Agent(CAMERA, CONFIG, engines, clock, health), 60)
        answered += [event.source for _, event in said if event.kind == "object"]
        fails.clear()
    assert [(s.engine, s.model) for s in answered if s] == [
        ("cpu", "c5805c0d"), ("tpu", "eeeeeeee")]  # fmt: skip
    counters = health.snapshot().counters
    assert counters["runs_total.cpu"] > 20
    assert counters["runs_total.tpu"] > 20


def test_a_slow_engine_is_asked_less_often() -> None:
    engine = Scripted(DETECTOR)
    engine.ease = 0.2
    agent = Agent(CAMERA, CONFIG, Engines(engine), ManualClock())
    see_all(agent, 100)
    assert 15 <= len(engine.saw) <= 21
