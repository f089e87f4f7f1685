"""What a camera shows to eyes beside the river, and what that does to the river: nothing."""

import msgspec

from edgeagent.agent import Agent
from edgeagent.clock import ManualClock
from edgeagent.config import ArmedConfig, CameraConfig, Config
from edgeagent.event import Event
from edgeagent.findings import Detection
from edgeagent.glimpse import Glimpse
from edgeagent.looker import Engines
from edgeagent.sources.synthetic import Script, Synthetic

CAMERA = CameraConfig(name="yard", source="synthetic", width=320, height=240)


def seen(glimpse: Glimpse, camera: CameraConfig = CAMERA, frames: int = 60) -> list[Event]:
    clock = ManualClock()
    agent = Agent(camera, Config(camera=[camera]), Engines(), clock, glimpse=glimpse)
    source = Synthetic(camera, clock, False, script=Script(end_at=frames))
    return [event for frame in source.frames() for event in agent.see(frame)]


def test_a_glimpse_that_nobody_wants_is_never_written() -> None:
    glimpse = Glimpse()
    seen(glimpse)
    assert glimpse == Glimpse()


def test_a_glimpse_that_is_wanted_holds_what_moved_last() -> None:
    glimpse = Glimpse()
    glimpse.want(True)
    seen(glimpse)
    assert glimpse.size_px == (240, 320)
    assert glimpse.motion is not None
    assert max(glimpse.motion.grid) > 0
    assert 0 < glimpse.moved_s <= glimpse.seen_s


def test_the_same_is_said_whether_somebody_looks_or_not() -> None:
    wanted, unwanted = Glimpse(wanted=True), Glimpse()
    assert seen(wanted) == seen(unwanted)


def test_a_camera_that_is_not_armed_shows_that_and_nothing_else() -> None:
    # The manual clock stands on a Tuesday.
    monday = ArmedConfig(start="00:00", end="23:59", days=["mon"])
    glimpse = Glimpse(wanted=True)
    seen(glimpse, msgspec.structs.replace(CAMERA, armed=[monday]))
    assert not glimpse.armed
    assert glimpse.motion is None
    assert list(glimpse.things) == []


def test_what_was_seen_before_is_forgotten_when_somebody_looks_anew() -> None:
    glimpse = Glimpse(wanted=True)
    seen(glimpse)
    glimpse.things = [(1, Detection("cat", 0.9, glimpse.motion.regions[0]))]  # type: ignore[union-attr]
    glimpse.want(True)
    assert glimpse.motion is None
    assert list(glimpse.things) == []
