"""What time it was: before the clock was set, after it was set wrong, and in earlier boots."""

from pathlib import Path

import pytest

from edgeagent.clock import ManualClock
from edgeagent.findings import Notice
from edgeagent.reckoning import KEPT, Reckoning

DAY_MS = 86_400_000
RIGHT_MS = 1_700_000_000_000


class Device:
    """One kernel boot after another; the folder stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Notice] = []
        self.begin_kernel("00000001")

    def begin_kernel(self, name: str) -> None:
        self.kernel = name
        self.clock = ManualClock(mono_s=5.0, wall_ms=5_000)
        self.clock.is_trusted = False
        self.begin()

    def begin(self) -> None:
        self.reckoning = Reckoning(self.clock, self.kernel, self.folder, self.told.append)
        self.look()

    def look(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)
        self.reckoning.look()

    def set(self, wall_ms: int, is_trusted: bool) -> None:
        self.clock.set_wall(wall_ms)
        self.clock.is_trusted = is_trusted
        self.look()

    @property
    def whats(self) -> list[str]:
        return [notice.what for notice in self.told]

    @property
    def ahead(self) -> int | None:
        return self.reckoning.ahead_ms.get(self.kernel)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_a_clock_that_nobody_has_set_teaches_nothing(device: Device) -> None:
    device.look()
    assert device.ahead is None
    assert device.told == []
    assert list(device.folder.iterdir()) == []


def test_once_set_it_tells_all_of_its_kernel_boot_and_says_so(device: Device) -> None:
    device.set(RIGHT_MS, True)
    assert device.ahead == device.clock.wall_ms() - round(device.clock.mono_s() * 1000)
    assert device.told[0].part == "clock"
    assert device.whats == ["set"]
    assert "stepped by +1699999" in device.told[0].why


@pytest.mark.parametrize("step_ms", [DAY_MS, -DAY_MS, 10_000, -10_000])
def test_set_wrong_by_hand_it_is_believed_no_more(device: Device, step_ms: int) -> None:
    device.set(RIGHT_MS, True)
    known = device.ahead
    device.set(device.clock.wall_ms() + step_ms, False)
    assert device.ahead == known
    assert device.whats == ["set", "lost"]
    assert f"stepped by {step_ms / 1000:+.1f} s" in device.told[-1].why
    device.set(device.clock.wall_ms() - step_ms, True)
    assert (device.ahead, device.whats) == (known, ["set", "lost", "set"])


def test_a_step_of_the_time_server_is_learnt_and_told(device: Device) -> None:
    device.set(RIGHT_MS, True)
    known = device.ahead
    device.set(device.clock.wall_ms() + 3000, True)
    assert known is not None
    assert device.ahead == known + 3000
    assert device.whats == ["set", "stepped"]


def test_small_corrections_are_no_news_and_write_nothing(device: Device) -> None:
    device.set(RIGHT_MS, True)
    before = (device.folder / "clock.json").stat().st_mtime_ns
    for _ in range(100):
        device.set(device.clock.wall_ms() + 4, True)
    assert device.whats == ["set"]
    assert (device.folder / "clock.json").stat().st_mtime_ns == before


def test_what_was_learnt_outlives_the_process_and_the_kernel(device: Device) -> None:
    device.set(RIGHT_MS, True)
    known = device.ahead
    device.clock.is_trusted = False
    device.begin()
    assert device.ahead == known
    device.begin_kernel("00000002")
    assert device.ahead is None
    assert device.reckoning.ahead_ms == {"00000001": known}


def test_it_remembers_the_latest_kernel_boots(device: Device) -> None:
    for number in range(KEPT + 5):
        device.begin_kernel(f"{number:08d}")
        device.set(RIGHT_MS + number * DAY_MS, True)
    device.begin()
    assert list(device.reckoning.ahead_ms) == [f"{n:08d}" for n in range(5, KEPT + 5)]


def test_a_clock_that_is_stepped_all_the_time_neither_floods_nor_wears(device: Device) -> None:
    for number in range(1000):
        device.set(RIGHT_MS + number * DAY_MS, True)
    assert len(device.told) < 40


def test_a_file_that_is_damaged_or_cannot_be_written_is_done_without(device: Device) -> None:
    (device.folder / "clock.json").write_text("{")
    device.begin()
    assert device.reckoning.ahead_ms == {}
    away = Reckoning(device.clock, "00000001", device.folder / "none", device.told.append)
    device.clock.is_trusted = True
    away.look()
    assert set(away.ahead_ms) == {"00000001"}
    assert not (device.folder / "none").exists()


def test_a_disk_that_refused_is_asked_again(device: Device) -> None:
    folder = device.folder / "later"
    reckoning = Reckoning(device.clock, "00000001", folder, device.told.append)
    device.clock.is_trusted = True
    reckoning.look()
    folder.mkdir()
    device.clock.advance(2.0)
    reckoning.look()
    assert (folder / "clock.json").exists()


def test_without_a_name_for_the_kernels_boot_nothing_is_learnt(device: Device) -> None:
    device.kernel = ""
    device.begin()
    device.set(RIGHT_MS, True)
    assert device.reckoning.ahead_ms == {}
