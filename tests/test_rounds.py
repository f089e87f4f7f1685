"""Ages, rises and drops, and what the rounds make of the parts of an agent."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from edgeagent.agent import Agent
from edgeagent.bulletin import Bulletin, State, of_fields, to_fields
from edgeagent.cameras import Cameras
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config, HealthConfig, MqttConfig, OutboxConfig
from edgeagent.event import Event
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.looker import Engines
from edgeagent.machine import Machine
from edgeagent.outbox import Outbox
from edgeagent.pauses import Pauses
from edgeagent.pausing import Pausing
from edgeagent.rounds import Parts, Rounds
from edgeagent.rounds.drops import Drops
from edgeagent.rounds.since import Since
from edgeagent.rounds.slow import Slow
from edgeagent.rounds.window import Window
from edgeagent.watching import Watches

LOST = State("fault", "lost", "no answer")


def test_an_age_counts_from_the_change_of_cause_and_not_of_level_or_words() -> None:
    since = Since()
    assert since.aged({"link": State()}, 100.0)["link"].age_s == 0
    assert since.aged({"link": State()}, 130.0)["link"].age_s == 30
    assert since.aged({"link": LOST}, 140.0)["link"].age_s == 0
    other = State("warning", "lost", "in other words")
    assert since.aged({"link": other}, 150.0)["link"].age_s == 10
    assert since.aged({}, 160.0) == {}
    assert since.aged({"link": other}, 170.0)["link"].age_s == 0


def test_a_rise_is_over_ten_minutes_and_forgotten_after_them() -> None:
    window = Window()
    assert (window.rise("x"), window.over_s, window.least("x")) == (0, 0, 0)
    window.add(0.0, {"x": 5})
    assert window.rise("x") == 0
    for minute in range(1, 30):
        window.add(60.0 * minute, {"x": 8, "y": minute})
        assert window.rise("x") == (3 if minute <= 10 else 0)
    assert window.over_s == 600
    assert window.rise("y") == 10
    assert window.least("y") == 19


def test_frames_a_source_dropped_are_counted_on_over_its_being_begun_anew() -> None:
    drops = Drops()
    assert drops.news({"door": 3, "yard": 0}) == {"door": 3}
    assert drops.news({"door": 3, "yard": 0}) == {}
    assert drops.news({"door": 1, "yard": 2}) == {"door": 1, "yard": 2}


def test_drops_are_said_in_one_line_a_minute_and_only_where_there_were_any() -> None:
    drops, counters = Drops(), {"dropped_total.door": 5, "unseen_total.door": 0}
    assert drops.said(counters, {}, 0.0) == ""
    counters = {"dropped_total.door": 7, "unseen_total.door": 4, "withheld_total.yard": 1}
    assert drops.said(counters, {}, 59.0) == ""
    line = drops.said(counters, {"outbox_lost": 2.0}, 60.0)
    assert "2 frames of door" in line
    assert "4 frames of door were not looked at" in line
    assert "1 times news of yard" in line
    assert "2 events were given up" in line
    assert drops.said(counters, {"outbox_lost": 2.0}, 120.0) == ""


def test_a_disk_is_looked_at_seldom_and_its_wear_told_after_a_day(tmp_path: Path) -> None:
    clock = ManualClock()
    slow = Slow(Machine(tmp_path / "sys", tmp_path / "proc", "/nowhere"), tmp_path, clock)
    assert slow.disk is None
    slow.look_if_due()
    first = slow.disk
    assert first is not None
    slow.look_if_due()
    assert slow.disk is first
    clock.advance(30)
    slow.look_if_due()
    assert slow.disk is not first
    assert slow.waits_s(clock.mono_s()) == 0


def until(happened: Callable[[], object], patience_s: float = 60.0) -> bool:
    """Return whether it did within that time."""
    end_s = time.monotonic() + patience_s
    while not happened() and time.monotonic() < end_s:
        time.sleep(0.02)
    return bool(happened())


class Ward:
    """One camera that shows moving squares, an outbox and a link, with hands on each."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.health, self.over = ManualClock(), Health(), threading.Event()
        self.config = Config(
            device="porch",
            camera=[CameraConfig(name="door", source="synthetic", fps=30)],
            mqtt=MqttConfig(host="hub"),
            outbox=OutboxConfig(max_bytes=262144, segment_bytes=4096),
            health=HealthConfig(stuck_s=30),
        )
        self.is_connected = True
        self.events: list[Event] = []
        self.errors: list[Exception] = []
        self.engines = Engines()
        self.outbox = Outbox.open(folder, "1-00000000", self.config.outbox, self.hear, self.clock)
        self.watches = Watches(
            lambda camera: Agent(camera, self.config, self.engines, self.clock, self.health),
            self.events.append,
            self.errors.append,
            self.hear,
            self.clock,
            self.over,
            Pauses(folder, self.clock, "", self.health),
        )
        self.cameras = Cameras(self.watches, self.hear)
        self.rounds = Rounds(
            Parts(
                config=lambda: self.config,
                cameras=self.cameras,
                engines=self.engines,
                outbox=self.outbox,
                connected=lambda: self.is_connected,
                clock=self.clock,
                folder=folder,
            ),
            self.health,
            self.clock,
            Machine(folder / "sys", folder / "proc", "/nowhere"),
        )

    def hear(self, notice: Notice) -> None:
        self.health.hear(notice, self.clock.mono_s())

    def code(self, part: str) -> str:
        state = self.rounds.bulletin().states[part]
        return f"{state.level} {state.code}".strip()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "outbox")
    yield ward
    ward.rounds.close()
    ward.cameras.close()
    ward.outbox.close()


def test_a_camera_that_cannot_be_opened_is_a_fault_after_a_quarter_of_a_minute(
    ward: Ward, tmp_path: Path
) -> None:
    film = CameraConfig(name="door", address=str(tmp_path / "none.mp4"))
    ward.config = msgspec.structs.replace(ward.config, camera=[film])
    ward.watches.open(ward.config.camera)
    assert until(lambda: ward.code("camera.door") == "warning lost")
    assert "none.mp4" in ward.rounds.bulletin().states["camera.door"].why
    ward.clock.advance(15)
    assert ward.code("camera.door") == "fault lost"


def test_a_camera_that_is_lent_is_well_whatever_was_before(ward: Ward) -> None:
    ward.watches.open(ward.config.camera)
    assert until(lambda: ward.rounds.bulletin().counters.get("frames_total.door"))
    with ward.cameras.lent({"camera": "door"}):
        ward.clock.advance(600)
        assert ward.code("camera.door") == "ok lent"
    assert ward.code("camera.door") == "ok"


def test_a_camera_that_is_paused_is_well_and_shown(ward: Ward) -> None:
    ward.watches.open(ward.config.camera)
    pausing = Pausing(ward.watches, ward.hear)
    pausing.pause({}, "local", "by somebody here")
    ward.clock.advance(600)
    assert ward.code("camera.door") == "ok paused"
    assert ward.rounds.bulletin().gauges["paused.door"] == 1
    pausing.resume({}, "local", "by somebody here")
    assert ward.code("camera.door") == "ok"


def test_a_main_stream_that_was_lost_is_forgotten_when_its_camera_is_begun_anew(ward: Ward) -> None:
    ward.watches.open(ward.config.camera)
    ward.clock.advance(1)
    ward.hear(Notice("detail", "lost", "404", "door"))
    assert ward.code("camera.door") == "warning detail"
    ward.clock.advance(1)
    with ward.cameras.lent({"camera": "door"}):
        assert ward.code("camera.door") == "ok lent"
    assert ward.code("camera.door") == "ok"


def test_a_link_is_down_from_its_notice_on_and_the_figures_say_so(ward: Ward) -> None:
    assert ward.code("link") == "ok"
    ward.is_connected = False
    ward.hear(Notice("link", "lost", "connection refused"))
    assert ward.code("link") == "warning down"
    ward.clock.advance(900)
    assert ward.code("link") == "fault down"
    bulletin = ward.rounds.bulletin()
    assert "connection refused" in bulletin.states["link"].why
    assert bulletin.gauges["link_up"] == 0
    ward.is_connected = True
    assert ward.code("link") == "ok"


def test_what_the_broker_does_not_take_is_the_links_and_a_stuck_publisher_is_not(
    ward: Ward,
) -> None:
    ward.health.fault("publisher", "the broker does not take evt/door from us")
    assert ward.code("link") == "fault denied"
    ward.health.busy("publisher", ward.clock.mono_s())
    ward.clock.advance(31)
    assert ward.code("link") == "ok"
    assert ward.code("publisher") == "fault stuck"


def test_an_outbox_that_drops_is_a_fault_for_ten_minutes_after(ward: Ward) -> None:
    assert ward.code("outbox") == "ok"
    ward.is_connected = False
    for _ in range(400):
        ward.outbox.put("object", b"x" * 1000)
    assert ward.code("outbox") == "fault dropping"
    for _ in range(11):
        ward.clock.advance(60)
        ward.code("outbox")
    assert ward.code("outbox") == "warning filling"


def test_an_unset_clock_is_a_warning_after_three_minutes(ward: Ward) -> None:
    ward.clock.is_trusted = False
    assert ward.code("clock") == "ok waiting"
    ward.clock.advance(180)
    assert ward.code("clock") == "warning unset"


def test_models_that_nothing_runs_are_faults_by_the_settings_names(ward: Ward) -> None:
    ward.health.fault("engine", "model.tflite: too short")
    assert ward.code("engine.coco16-320") == "fault refused"
    assert ward.rounds.bulletin().engines == {"coco16-320": "none"}


def test_a_reload_that_was_refused_and_a_stuck_part_are_parts_of_their_own(ward: Ward) -> None:
    ward.health.fault("config", "mqtt.port: 70000 is not within 0 to 65535")
    ward.health.fault("commands", "busy with one thing")
    assert ward.code("config") == "warning refused"
    assert ward.code("commands") == "fault stuck"
    ward.health.well("config")
    assert "config" not in ward.rounds.bulletin().states


def test_the_thread_looks_at_the_disk_and_ends_when_it_is_told(ward: Ward) -> None:
    ward.rounds.start()
    assert until(lambda: "disk_free_bytes" in ward.rounds.bulletin().gauges)
    bulletin = ward.rounds.bulletin()
    assert bulletin.gauges["disk_size_bytes"] > bulletin.gauges["disk_free_bytes"] > 0
    assert bulletin.states["disk"].code != "unknown"
    ward.rounds.close()
    assert "rounds" not in {thread.name for thread in threading.enumerate()}


def test_a_bulletin_comes_whole_through_json(ward: Ward) -> None:
    ward.watches.open(ward.config.camera)
    assert until(lambda: ward.rounds.bulletin().counters.get("frames_total.door", 0) > 3)
    ward.hear(Notice("link", "lost", "no route"))
    bulletin = ward.rounds.bulletin()
    told: Bulletin = of_fields(msgspec.json.decode(msgspec.json.encode(to_fields(bulletin))))
    assert to_fields(told) == to_fields(of_fields(to_fields(bulletin)))
    assert (told.device, told.level) == ("porch", bulletin.level)
    assert told.stages["door"]["motion"].count == bulletin.stages["door"]["motion"].count > 0
    assert bulletin.states["camera.door"].level == "ok"
