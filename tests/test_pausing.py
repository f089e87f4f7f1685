"""Cameras paused and resumed, by a person and by an order: what is open, said and kept."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeagent.agent import Agent
from edgeagent.cameras import Cameras
from edgeagent.clock import ManualClock, SystemClock
from edgeagent.config import CameraConfig, Config, ModelConfig
from edgeagent.control import Request
from edgeagent.errors import UsageError
from edgeagent.event import Event
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.looker import Engines
from edgeagent.orders import of_cameras
from edgeagent.pauses import FILE, Pauses
from edgeagent.pausing import Pausing
from edgeagent.watching import Watches
from edgeagent.wire.device import answer_fields
from tests.wires import everywhere

NAMES = ("door", "yard")
CONFIGS = [CameraConfig(name=n, source="synthetic", width=64, height=48, fps=20) for n in NAMES]
CONFIG = Config(camera=CONFIGS, model=ModelConfig(name=""))


class Rig:
    """Two cameras in which something moves, and a clock for their pauses that stands still."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.health = folder, ManualClock(), Health()
        self.told: list[Notice] = []
        self.failed: list[Exception] = []
        self.over = threading.Event()
        self.watches = self._watches()
        self.cameras = Cameras(self.watches, self.told.append)
        self.pausing = Pausing(self.watches, self.told.append)

    def _watches(self) -> Watches:
        return Watches(
            self._new_agent,
            self._put,
            self.failed.append,
            self.told.append,
            SystemClock(),
            self.over,
            Pauses(self.folder, self.clock, "kernel01", self.health),
        )

    def _new_agent(self, camera: CameraConfig) -> Agent:
        return Agent(camera, CONFIG, Engines(), SystemClock(), self.health)

    def _put(self, event: Event) -> None:
        pass

    def begin(self) -> "Rig":
        self.watches.open(CONFIGS)
        return self

    def here(self, what: str, **asked: object) -> dict[str, Any]:
        return dict(getattr(self.pausing, what)(asked, "local", "by somebody here")["cams"])

    def ordered(self, what: str, **asked: object) -> dict[str, Any]:
        return dict(of_cameras(self.cameras, self.pausing)[what].deed("a1", asked)["cams"])

    def frames(self, name: str) -> int:
        return self.health.counted(f"frames_total.{name}")

    def kinds(self) -> list[tuple[str, str]]:
        return [(notice.what, notice.name) for notice in self.told]


def until(true: Callable[[], object], limit_s: float = 60.0) -> bool:
    waited = threading.Event()
    for _ in range(round(limit_s / 0.02)):
        if true():
            return True
        waited.wait(0.02)
    return False


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path).begin()
    yield rig
    rig.over.set()
    assert rig.cameras.close()
    assert rig.failed == []


def goes_on(rig: Rig, name: str) -> bool:
    before = rig.frames(name)
    return until(lambda: rig.frames(name) > before)


def test_a_paused_camera_is_closed_and_the_others_go_on(rig: Rig) -> None:
    assert goes_on(rig, "door")
    assert rig.here("pause", camera=["door"]) == {"door": {"s": "paused"}}
    before = rig.frames("door")
    assert goes_on(rig, "yard")
    assert rig.frames("door") == before
    assert "camera-door" not in {thread.name for thread in threading.enumerate()}
    assert rig.cameras.states() == {"door": "paused", "yard": "watched"}
    assert list(rig.cameras.addresses()) == ["yard"]
    assert not rig.cameras.ended


def test_it_is_watched_again_when_it_is_resumed(rig: Rig) -> None:
    assert rig.here("pause") == {name: {"s": "paused"} for name in NAMES}
    assert not rig.cameras.ended
    assert rig.here("resume") == {name: {"s": "watched"} for name in NAMES}
    assert goes_on(rig, "door")
    assert goes_on(rig, "yard")
    assert not list(rig.folder.iterdir())


def test_each_is_told_with_cause_and_end(rig: Rig) -> None:
    rig.here("pause", camera="door", for_s=600)
    rig.here("resume")
    rig.ordered("pause", camera="yard")
    assert [(n.what, n.name, n.why) for n in rig.told] == [
        ("paused", "door", "by somebody here, for 600 s, until 2023-11-14T22:23:20Z"),
        ("resumed", "door", "by somebody here"),
        ("paused", "yard", "by order a1, until it is resumed"),
    ]
    assert rig.pausing.paused() == {"yard": {"by": "order", "why": "by order a1"}}


def test_it_ends_by_itself_and_not_before(rig: Rig) -> None:
    (told,) = rig.here("pause", camera="door", for_s=600).values()
    assert told == {"s": "paused", "until": rig.clock.wall_ms() + 600_000}
    rig.clock.advance(599.9)
    rig.pausing.tick()
    assert rig.cameras.states()["door"] == "paused"
    rig.clock.advance(0.1)
    rig.pausing.tick()
    assert goes_on(rig, "door")
    assert rig.kinds()[-1] == ("resumed", "door")


def test_it_stays_paused_over_a_restart_and_says_so(rig: Rig, tmp_path: Path) -> None:
    rig.here("pause", camera="door")
    anew = Rig(rig.folder).begin()
    anew.pausing.tell(anew.watches.all)
    assert anew.cameras.states() == {"door": "paused", "yard": "watched"}
    assert anew.kinds() == [("paused", "door")]
    assert goes_on(anew, "yard")
    assert anew.frames("door") == 0
    assert anew.cameras.close()


def test_an_order_does_not_undo_what_a_person_has_paused(rig: Rig) -> None:
    rig.here("pause", camera="door")
    with pytest.raises(UsageError, match="paused at the device, and is resumed there alone"):
        rig.ordered("resume", camera="door")
    rig.ordered("pause", for_s=1)
    assert rig.ordered("resume") == {"door": {"s": "paused"}, "yard": {"s": "watched"}}
    rig.clock.advance(2)
    rig.pausing.tick()
    assert rig.cameras.states() == {"door": "paused", "yard": "watched"}


def test_the_answer_to_an_order_is_as_the_schema_has_it(rig: Rig) -> None:
    with rig.cameras.lent(at("door")):
        told = {"ok": True, "cams": rig.ordered("pause", for_s=600)}
        everywhere("answer", answer_fields("pi", "pause", "a1", told, rig.clock.wall_ms()))


def test_a_person_undoes_and_outdoes_an_order(rig: Rig) -> None:
    rig.ordered("pause", for_s=10)
    rig.here("resume", camera="yard")
    rig.here("pause", camera="door")
    rig.clock.advance(11)
    rig.pausing.tick()
    assert rig.cameras.states() == {"door": "paused", "yard": "watched"}


def test_a_paused_camera_is_not_lent_and_does_not_glance(rig: Rig) -> None:
    rig.here("pause", camera="door")
    with pytest.raises(UsageError, match="edgeagent resume door"), rig.cameras.lent(at("door")):
        pass
    assert rig.cameras.look_now("a1", at("door")) == {"saw": {"door": {"why": "it is paused"}}}


def at(name: str) -> Request:
    return {"camera": name}


def test_one_that_is_lent_is_paused_when_it_comes_back(rig: Rig) -> None:
    with rig.cameras.lent(at("door")):
        (told,) = rig.here("pause", camera="door").values()
        assert told["s"] == "lent"
        assert "paused when they have done" in told["note"]
    assert rig.cameras.states()["door"] == "paused"
    assert rig.kinds() == [("lent", "door"), ("paused", "door"), ("returned", "door")]
    assert rig.told[-1].why == "it is paused"
    rig.here("resume")
    assert goes_on(rig, "door")


def test_one_that_is_resumed_while_it_is_lent_is_watched_when_it_comes_back(rig: Rig) -> None:
    with rig.cameras.lent(at("door")):
        rig.here("pause")
        rig.here("resume")
    assert goes_on(rig, "door")


def test_a_reload_does_not_wake_it(rig: Rig) -> None:
    rig.here("pause", camera="door")
    with rig.watches.life:
        rig.cameras.retune(CONFIG, [0, 1])
    assert rig.cameras.states() == {"door": "paused", "yard": "watched"}
    rig.here("resume")
    assert goes_on(rig, "door")


@pytest.mark.parametrize("asked", [{"camera": "none"}, {"camera": ["door", 3]}, {"for_s": "1m"}])
def test_a_request_that_is_wrong_in_part_does_nothing(asked: dict[str, Any], rig: Rig) -> None:
    with pytest.raises(UsageError):
        rig.here("pause", **asked)
    assert rig.cameras.states() == {"door": "watched", "yard": "watched"}
    assert rig.told == []


def test_a_pause_that_cannot_be_kept_is_a_pause_and_says_so(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    rig = Rig(tmp_path).begin()
    # What cannot be read pauses every camera.
    assert set(rig.cameras.states().values()) == {"paused"}
    (told,) = rig.here("pause", camera="door").values()
    assert (told["s"], "after the next start" in told["note"]) == ("paused", True)
    assert rig.cameras.close()
