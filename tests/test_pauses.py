"""Which cameras rest, over restarts of the agent and of the machine, by clocks right and wrong."""

import json
from pathlib import Path

import pytest

from edgeagent.clock import ManualClock
from edgeagent.errors import UsageError
from edgeagent.health import Health
from edgeagent.pauses import FILE, LONGEST_S, Pauses, lasting_s

HERE = "by somebody at the device"


class Device:
    """One machine: a folder that stays, clocks that go on, a kernel that may be started anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.kernel = folder, ManualClock(), "kernel01"
        self.health = Health()

    def agent(self) -> Pauses:
        pauses = Pauses(self.folder, self.clock, self.kernel, self.health)
        pauses.read(["door", "yard"])
        return pauses

    def reboot(self, off_s: float, trusted: bool = True) -> Pauses:
        wall_ms = self.clock.wall_ms() + round(off_s * 1000)
        self.clock.set(5.0, wall_ms)
        self.clock.is_trusted = trusted
        self.kernel += "'"
        return self.agent()


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "state")


def test_nothing_is_paused_and_nothing_written_at_first(device: Device) -> None:
    pauses = device.agent()
    assert "door" not in pauses
    assert pauses.over() == []
    assert not device.folder.exists()


def test_a_pause_without_an_end_outlives_agent_and_machine(device: Device) -> None:
    device.agent().begin(["door"], "local", HERE, None)
    for pauses in (device.agent(), device.reboot(1e7)):
        assert "door" in pauses
        assert "yard" not in pauses
        assert pauses.words("door") == f"{HERE}, until it is resumed"
        assert pauses.over() == []


def test_its_end_outlives_a_crash_to_the_second_whatever_the_wall_clock_does(
    device: Device,
) -> None:
    device.agent().begin(["door"], "local", HERE, 600)
    device.clock.advance(599)
    device.clock.set_wall(0)
    pauses = device.agent()
    assert pauses.over() == []
    device.clock.advance(1)
    assert pauses.over() == ["door"]


def test_over_a_reboot_the_wall_clock_counts_where_it_is_right(device: Device) -> None:
    device.agent().begin(["door"], "local", HERE, 600)
    pauses = device.reboot(off_s=500)
    device.clock.advance(99)
    assert pauses.over() == []
    device.clock.advance(1)
    assert pauses.over() == ["door"]
    assert device.reboot(off_s=1e6).over() == ["door"]


def test_with_a_clock_that_is_not_set_it_lasts_too_long_rather_than_too_short(
    device: Device,
) -> None:
    device.agent().begin(["door"], "local", HERE, 600)
    pauses = device.reboot(off_s=1e9, trusted=False)
    device.clock.advance(599)
    assert pauses.over() == []
    device.clock.advance(1)
    assert pauses.over() == ["door"]


def test_a_clock_that_is_set_later_ends_it_when_it_was_to_end(device: Device) -> None:
    device.agent().begin(["door"], "local", HERE, 600)
    right_ms = device.clock.wall_ms() + 590_000
    pauses = device.reboot(off_s=-1e6, trusted=False)
    assert pauses.over() == []
    device.clock.set_wall(right_ms)
    device.clock.is_trusted = True
    assert pauses.over() == []
    device.clock.advance(10)
    assert pauses.over() == ["door"]


def test_a_clock_set_back_prolongs_nothing(device: Device) -> None:
    device.agent().begin(["door"], "local", HERE, 600)
    pauses = device.reboot(off_s=-1e6)
    device.clock.advance(600)
    assert pauses.over() == ["door"]


@pytest.mark.parametrize("rot", [b'{"door": {"by":', b'{"\xff": 1}', b'{"door": {"by": "\xff"}}'])
def test_a_file_that_cannot_be_read_pauses_every_camera(device: Device, rot: bytes) -> None:
    device.folder.mkdir()
    (device.folder / FILE).write_bytes(rot)
    pauses = device.agent()
    assert ("door" in pauses, "yard" in pauses) == (True, True)
    assert "cannot be read" in pauses.words("yard")


def test_the_file_is_there_only_while_something_is_paused(device: Device) -> None:
    pauses = device.agent()
    pauses.begin(["door", "yard"], "local", HERE, None)
    pauses.end(["door"])
    assert list(json.loads((device.folder / FILE).read_bytes())) == ["yard"]
    pauses.end(["yard", "door"])
    assert list(device.folder.iterdir()) == []


def test_a_disk_that_refuses_is_said_and_does_not_stop_the_pause(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    pauses = Device(tmp_path / "state").agent()
    pauses.begin(["door"], "local", HERE, None)
    assert "door" in pauses
    assert pauses.fault.endswith("File exists")


def test_the_gauges_say_who_is_paused_until_when(device: Device) -> None:
    pauses = device.agent()
    pauses.begin(["door"], "order", "by order a1", 600)
    gauges = device.health.snapshot().gauges
    assert gauges["paused.door"] == 1
    assert gauges["paused_until_s.door"] == device.clock.wall_ms() / 1000 + 600
    pauses.begin(["door"], "order", "by order a1", None)
    assert device.health.snapshot().gauges["paused_until_s.door"] == 0
    pauses.end(["door"])
    assert device.health.snapshot().gauges["paused.door"] == 0


def test_the_end_is_told_as_a_date_only_by_a_clock_that_is_set(device: Device) -> None:
    pauses = device.agent()
    pauses.begin(["door"], "local", HERE, 600)
    assert pauses.words("door") == f"{HERE}, for 600 s, until 2023-11-14T22:23:20Z"
    assert pauses.told("door") == {
        "by": "local",
        "why": HERE,
        "until": device.clock.wall_ms() + 600_000,
    }
    device.clock.is_trusted = False
    assert pauses.words("door") == f"{HERE}, for 600 s"


@pytest.mark.parametrize("asked", [0, -1, True, "10m", [], LONGEST_S + 1, float("nan")])
def test_what_is_no_time_is_refused(asked: object) -> None:
    with pytest.raises(UsageError, match="is not 1 to"):
        lasting_s(asked)


def test_a_time_is_seconds_and_none_is_none() -> None:
    assert (lasting_s(600), lasting_s(None)) == (600.0, None)
