"""When Home Assistant is told: at once, anew, and that something went; never twice the same."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeagent.bulletin import Bulletin, State
from edgeagent.clock import ManualClock
from edgeagent.config import ArmedConfig, CameraConfig, Config, HomeAssistantConfig, ZoneConfig
from edgeagent.event import Event, MotionPart, Source, When
from edgeagent.health import Health
from edgeagent.homeassistant import HomeAssistant
from edgeagent.homeassistant.memory import FILE, read
from edgeagent.link import NOT_AUTHORISED
from edgeagent.link.memory import MemoryLink
from edgeagent.wire.json import encode
from tests.wires import validator

CONFIG_TOPIC = "homeassistant/device/home/porch/config"
DOOR, YARD = "edge/v1/home/porch/state/door", "edge/v1/home/porch/state/yard"
BIRTH = "homeassistant/status"
ZONE = ZoneConfig(name="mat", polygon=[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
CONFIG = Config(
    device="porch",
    camera=[CameraConfig(name="door", zone=[ZONE]), CameraConfig(name="yard")],
    homeassistant=HomeAssistantConfig(enabled=True),
)
OFF = msgspec.structs.replace(CONFIG, homeassistant=HomeAssistantConfig())
WHEN = When(1, 1, True, "k")


def until(holds: Callable[[], object]) -> None:
    end_s = time.monotonic() + 40.0
    while not holds():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.01)


class House:
    """The room under trial, a link in memory, and what its cameras are said to be."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.health = folder, ManualClock(), Health()
        self.codes = {"door": "", "yard": ""}
        self.stats, self.disk = 0, State()
        self.link = MemoryLink()
        self.room = HomeAssistant(folder, self.clock, self.health, lambda *_: 2.0, look_s=0.02)

    @contextmanager
    def open(self, config: Config = CONFIG) -> Iterator[None]:
        self.room.open(config, self.link, encode, self.bulletin, self.count, "a Pi")
        self.link.come_up()
        try:
            yield
        finally:
            self.room.close()

    def bulletin(self) -> Bulletin:
        states = {f"camera.{name}": State("ok", code) for name, code in self.codes.items()}
        return Bulletin(states={**states, "disk": self.disk})

    def count(self) -> None:
        self.stats += 1

    def said(self, topic: str) -> list[Any]:
        """Return all that was published on ``topic``; None where it was empty."""
        payloads = [sent.payload for sent in self.link.sent if sent.topic == topic]
        return [json.loads(payload) if payload else None for payload in payloads]

    def last(self, topic: str) -> Any:  # noqa: ANN401
        said = self.said(topic)
        return said[-1] if said else None

    def settled(self) -> None:
        until(lambda: (self.last(YARD) or {}).get("s") == "watched")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def moved(phase: str, camera: str = "door") -> Event:
    part = MotionPart(phase, 0.1, (0.5, 0.5), 0, 0.1, 1.0, bytes(48))
    return Event("motion", WHEN, Source(camera), motion=part)


def test_everything_is_said_at_the_connect_and_a_camera_is_not_available_before_it_is_known(
    house: House,
) -> None:
    house.codes.clear()
    with house.open():
        assert [sent.topic for sent in house.link.sent] == [CONFIG_TOPIC, DOOR, YARD]
        assert house.last(DOOR)["s"] == "opening"
        house.codes["door"] = "detail"
        until(lambda: house.last(DOOR)["s"] == "watched")
        assert house.last(YARD)["s"] == "opening"
        validator("state").validate(house.last(DOOR))


def test_only_news_is_said(house: House) -> None:
    with house.open():
        house.settled()
        before = len(house.link.sent)
        for phase in ("in", "on", "on"):
            house.room.hear(moved(phase))
        until(lambda: house.last(DOOR)["mov"])
        house.room.hear(Event("start", WHEN))
        house.room.hear(moved("out"))
        until(lambda: not house.last(DOOR)["mov"])
        assert [sent.topic for sent in house.link.sent[before:]] == [DOOR, DOOR]


def test_a_camera_that_rests_or_is_lost_or_unarmed_is_said_to_be(house: House) -> None:
    with house.open():
        house.settled()
        for code in ("paused", "lent", "lost", "silent", "stuck", "ended"):
            house.codes["yard"] = code
            until(lambda code=code: house.last(YARD)["s"] == code)  # type: ignore[misc]
            validator("state").validate(house.last(YARD))
    armed = [ArmedConfig(start="10:00", end="10:01", days=["mon"])]
    night = msgspec.structs.replace(CONFIG.camera[1], armed=armed)
    config = msgspec.structs.replace(CONFIG, camera=[CONFIG.camera[0], night])
    house.codes["yard"] = ""
    house.room.retune(config)
    with house.open(config):
        until(lambda: house.last(YARD)["s"] == "unarmed")


def test_a_camera_begun_anew_forgets_what_moved(house: House) -> None:
    with house.open():
        house.settled()
        house.room.hear(moved("in"))
        until(lambda: house.last(DOOR)["mov"])
        house.room.begin("door")
        until(lambda: not house.last(DOOR)["mov"])


def test_a_birth_is_answered_with_everything_after_a_while(house: House) -> None:
    with house.open():
        house.settled()
        house.link.say(BIRTH, b"offline")
        house.link.say(BIRTH, b"online")
        before = len(house.link.sent)
        assert house.stats == 0
        house.clock.advance(2.1)
        until(lambda: house.stats == 1)
        assert [sent.topic for sent in house.link.sent[before:]] == [CONFIG_TOPIC, DOOR, YARD]


def test_what_begins_or_ceases_to_be_wrong_is_said_soon_but_not_each_time_it_trembles(
    house: House,
) -> None:
    with house.open():
        house.settled()
        assert house.stats == 0
        house.disk = State("fault", "full", "it is full")
        until(lambda: house.stats == 1)
        house.disk = State()
        house.room.hear(moved("in"))
        until(lambda: house.last(DOOR)["mov"])
        assert house.stats == 1
        house.clock.advance(5.1)
        until(lambda: house.stats == 2)


def test_an_entity_that_went_is_let_go_of_then_shown_once_more_and_forgotten(
    house: House,
) -> None:
    with house.open():
        house.settled()
        lawn = msgspec.structs.replace(ZONE, name="lawn")
        door = msgspec.structs.replace(CONFIG.camera[0], zone=[lawn])
        house.room.retune(msgspec.structs.replace(CONFIG, camera=[door, CONFIG.camera[1]]))
        told = house.last(CONFIG_TOPIC)["cmps"]
        assert told["door.zone.mat.person"] == {"p": "binary_sensor"}
        assert "stat_t" in told["door.zone.lawn.person"]
        house.link.say(BIRTH, b"online")
        house.clock.advance(2.1)
        until(lambda: house.stats == 1)
        stub = house.last(CONFIG_TOPIC)["cmps"]["door.zone.mat.person"]
        assert stub["uniq_id"] == "edgeagent.home.porch.door.zone.mat.person"
        house.clock.advance(10)
        gone = {"p": "binary_sensor"}
        until(lambda: house.last(CONFIG_TOPIC)["cmps"].get("door.zone.mat.person") == gone)
        until(lambda: "door.zone.mat.person" not in read(house.folder).entities[CONFIG_TOPIC])
    with house.open():
        assert "door.zone.lawn.person" in house.last(CONFIG_TOPIC)["cmps"]


def test_a_camera_taken_out_while_the_agent_was_off_is_taken_out(house: House) -> None:
    with house.open():
        house.settled()
    later = House(house.folder)
    with later.open(msgspec.structs.replace(CONFIG, camera=[CONFIG.camera[0]])):
        assert later.last(CONFIG_TOPIC)["cmps"]["yard.motion"] == {"p": "binary_sensor"}
        until(lambda: (later.last(DOOR) or {}).get("s") == "watched")
        assert (later.said(YARD), YARD in read(house.folder).topics) == ([], True)
        later.clock.advance(5.1)
        until(lambda: later.said(YARD) == [None])
        until(lambda: YARD not in read(house.folder).topics)


def test_another_prefix_or_name_takes_the_old_device_out(house: House) -> None:
    with house.open():
        house.settled()
    later = House(house.folder)
    with later.open(msgspec.structs.replace(CONFIG, device="gate")):
        assert later.said(CONFIG_TOPIC) == [None]
        later.clock.advance(5.1)
        until(lambda: later.said(DOOR) == later.said(YARD) == [None])
        until(lambda: len(read(house.folder).topics) == 3)


def test_switched_off_it_takes_back_all_and_then_is_silent_for_good(house: House) -> None:
    with house.open():
        house.settled()
    later = House(house.folder)
    with later.open(OFF):
        until(lambda: read(house.folder).topics == {DOOR, YARD})
        later.clock.advance(5.1)
        until(lambda: not read(house.folder).topics)
        said = [(sent.topic, sent.payload) for sent in later.link.sent]
        assert said == [(CONFIG_TOPIC, b""), (DOOR, b""), (YARD, b"")]
        later.room.hear(moved("in"))
        later.room.retune(OFF)
    silent = House(house.folder)
    with silent.open(OFF):
        silent.link.say(BIRTH, b"online")
    assert silent.link.sent == []


def test_what_the_broker_does_not_let_go_of_is_remembered(house: House) -> None:
    with house.open():
        house.settled()
    later = House(house.folder)
    later.link.refuse(CONFIG_TOPIC, NOT_AUTHORISED)
    with later.open(OFF):
        later.clock.advance(60.0)
        until(lambda: later.said(CONFIG_TOPIC))
        assert read(house.folder).topics == {CONFIG_TOPIC, DOOR, YARD}
    later = House(house.folder)
    with later.open(OFF):
        until(lambda: read(house.folder).topics == {DOOR, YARD})


def test_it_is_written_down_before_it_is_said(house: House) -> None:
    room = house.room
    room.open(CONFIG, house.link, encode, house.bulletin, house.count, "a Pi")
    assert house.link.sent == []
    assert read(house.folder).topics == {CONFIG_TOPIC, DOOR, YARD}
    room.close()


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff", b'{"entities": 3}'])
def test_a_memory_that_cannot_be_read_is_begun_anew(text: bytes, house: House) -> None:
    (house.folder / FILE).write_bytes(text)
    with house.open():
        house.settled()
    assert read(house.folder).topics == {CONFIG_TOPIC, DOOR, YARD}


def test_a_disk_that_refuses_keeps_nothing_from_being_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path / "none" / "such")
    with house.open():
        house.settled()
    assert "is not kept" in caplog.text


def test_a_fault_in_looking_ends_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Bulletin:
        raise ZeroDivisionError

    well, house.bulletin = house.bulletin, broken  # type: ignore[method-assign]
    with house.open():
        until(lambda: "a fault in telling Home Assistant" in caplog.text)
        house.room.close()
    house.bulletin = well  # type: ignore[method-assign]


def test_more_than_fits_is_a_fault_with_its_cure_and_the_states_go_on(house: House) -> None:
    long = [f"{n}{'x' * 62}" for n in range(16)]
    zones = [msgspec.structs.replace(ZONE, name=f"{n:02}{'z' * 30}") for n in range(16)]
    door = msgspec.structs.replace(CONFIG.camera[0], zone=zones)
    home = HomeAssistantConfig(enabled=True, labels=long)
    config = msgspec.structs.replace(CONFIG, camera=[door], homeassistant=home)
    with house.open(config):
        until(lambda: house.last(DOOR)["s"] == "watched")
        assert house.said(CONFIG_TOPIC) == []
        assert "name fewer homeassistant.labels" in house.health.snapshot().states["homeassistant"]
