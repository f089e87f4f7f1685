"""The disk, the board and the clock, as they are and broken on purpose."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeagent.clock import ManualClock
from edgeagent.doctor import Line, board, clock, disk
from edgeagent.doctor.case import Host

from .doctor_cases import NOBODY, case, looked, machine, named

NOW_MS = 1_800_000_000_000
"""In 2027."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root: a small disk is mounted")
    folder = tmp_path / "state"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_by_its_room_and_by_what_it_refuses(
    small_disk: Path, tmp_path: Path
) -> None:
    (small_disk / "filler").write_bytes(bytes(256 * 1024))
    found = looked(disk.checks(case(tmp_path, state=small_disk)))
    outbox, writable = named(found, "outbox"), named(found, "writable")
    assert (outbox.level, outbox.status) == ("fault", 69)
    assert "0 bytes free of 262.1 kB: 0 MB are free where" in outbox.what
    assert writable.level == "fault"
    assert "No space left on device" in writable.what


def test_a_read_only_disk_is_a_fault(small_disk: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    found = looked(disk.checks(case(tmp_path, state=small_disk)))
    assert "is on a file system that is read-only" in named(found, "outbox").what
    assert "Read-only file system" in named(found, "writable").what


def test_a_state_folder_of_somebody_else_is_a_fault(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(0o700)
    line = named(looked(disk.checks(case(tmp_path, state=state, who=NOBODY))), "writable")
    assert line.what == f"edgeagent may not write to {state}"
    assert line.cures == (f"sudo chown -R edgeagent {state}",)


def test_a_good_disk_tells_its_room_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    found = looked(disk.checks(case(tmp_path)))
    assert named(found, "writable").level == "ok"
    assert list((tmp_path / "state").iterdir()) == []


def card(root: Path, life: str, end: str) -> Path:
    """Make the device below ``root`` an eMMC."""
    number = root.stat().st_dev
    at = f"{os.major(number)}:{os.minor(number)}"
    device = machine(root, {"sys/block/mmcblk0/stat": "1 2 3 4 5 6 2000000 8 9 10 11"})
    part = root / "sys/block/mmcblk0/mmcblk0p2"
    machine(part, {"partition": "2"})
    (root / "sys/dev/block").mkdir(parents=True)
    (root / f"sys/dev/block/{at}").symlink_to(part)
    return machine(
        device,
        {
            "sys/block/mmcblk0/device/type": "MMC\n",
            "sys/block/mmcblk0/device/life_time": life,
            "sys/block/mmcblk0/device/pre_eol_info": end,
            "sys/fs/ext4/mmcblk0p2/lifetime_write_kbytes": "5000000\n",
        },
    )


@pytest.mark.parametrize(
    ("life", "end", "level"),
    [
        ("0x03 0x04", "0x01", "ok"),
        ("0x09 0x01", "0x01", "warning"),
        ("0x01 0x01", "0x03", "warning"),
    ],
)
def test_what_was_written_and_how_worn_the_card_is(
    tmp_path: Path, life: str, end: str, level: str
) -> None:
    card(tmp_path, life, end)
    line = named(looked(disk.checks(case(tmp_path))), "written")
    assert line.level == level
    assert line.what.startswith(
        "mmcblk0 (eMMC): 1.0 GB since the start, 5.0 GB since the file system was made, at most"
    )


def board_of(tmp_path: Path, **files: str) -> list[Line]:
    names = {"heat": "sys/class/thermal/thermal_zone0/temp", "swaps": "proc/swaps",
             "bits": "sys/devices/platform/soc/soc:firmware/get_throttled",
             "memory": "proc/meminfo"}  # fmt: skip
    machine(tmp_path, {names[name]: text for name, text in files.items()})
    return looked(board.checks(case(tmp_path)))


@pytest.mark.parametrize(
    ("heat", "bits", "level", "words"),
    [
        ("48300", "80001", "fault", "the supply's voltage is too low now"),
        ("82500", "0", "warning", "82 C: the SoC is at 82 C"),
        ("48300", "10000", "warning", "under-voltage before: the supply's voltage was too low"),
        ("48300", "0", "ok", "48 C"),
    ],
)
def test_a_board_that_starves_or_is_hot_says_so(
    tmp_path: Path, heat: str, bits: str, level: str, words: str
) -> None:
    line = named(board_of(tmp_path, heat=heat, bits=bits), "heat, power")
    assert line.level == level
    assert words in line.what
    assert bool(line.cures) is (level != "ok")


def test_little_memory_and_a_swap_on_the_card_in_use_are_warned_of(tmp_path: Path) -> None:
    memory = "MemTotal: 947732 kB\nMemAvailable: 51200 kB\nCmaTotal: 65536 kB\nCmaFree: 9000 kB\n"
    swaps = "Filename Type Size Used Priority\n/var/swap file 102396 5120 -2\n"
    found = board_of(tmp_path, memory=memory, swaps=swaps)
    assert {named(found, name).level for name in ("memory", "swap", "cma")} == {"warning"}
    assert "5.2 MB of it in use, which wears the card" in named(found, "swap").what


def test_a_swap_in_memory_is_well(tmp_path: Path) -> None:
    memory = "MemTotal: 947732 kB\nMemAvailable: 512000 kB\n"
    swaps = "Filename Type Size Used Priority\n/dev/zram0 partition 102396 5120 100\n"
    assert named(board_of(tmp_path, memory=memory, swaps=swaps), "swap").level == "ok"


@pytest.mark.parametrize(
    ("wall_ms", "trusted", "level"),
    [(NOW_MS, True, "ok"), (NOW_MS, False, "warning"), (0, False, "fault"), (0, True, "fault")],
)
def test_a_clock_is_set_or_not_or_cannot_be_right(
    tmp_path: Path, wall_ms: int, trusted: bool, level: str
) -> None:
    now = ManualClock(wall_ms=wall_ms)
    now.is_trusted = trusted
    (line,) = looked(clock.checks(case(tmp_path, host=Host(tmp_path)), now))
    assert line.level == level
