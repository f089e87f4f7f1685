"""What the machine says of itself, read from trees that stand for a Raspberry Pi's."""

import os
from pathlib import Path

import pytest

from edgeagent.bench.environment import Surroundings, simulated
from edgeagent.looker import Engines
from edgeagent.machine import Machine, Weather, decode_throttled

from .edgetpu_sim.simulator import Simulator

NOBODY = "/nowhere/vcgencmd"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def pi(tmp_path: Path) -> Machine:
    sysfs, proc, tool = tmp_path / "sys", tmp_path / "proc", tmp_path / "vcgencmd"
    write(sysfs / "firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.5\0")
    write(sysfs / "class/thermal/thermal_zone0/temp", "61345\n")
    write(sysfs / "class/thermal/thermal_zone1/temp", "58000\n")
    for core, khz in enumerate((1_500_000, 600_000)):
        folder = sysfs / f"devices/system/cpu/cpu{core}/cpufreq"
        write(folder / "scaling_cur_freq", f"{khz}\n")
        write(folder / "scaling_min_freq", "600000\n")
        write(folder / "scaling_max_freq", "1800000\n")
        write(folder / "scaling_governor", "ondemand\n")
    write(proc / "meminfo", "MemTotal:        3884360 kB\nMemFree:  1 kB\n")
    write(proc / "self/status", "Name:\tx\nVmHWM:\t  150528 kB\nVmRSS:\t  102400 kB\n")
    write(tool, '#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x50001\n')
    tool.chmod(0o755)
    return Machine(sysfs, proc, str(tool))


def test_a_pi_says_how_warm_fast_and_well_fed_it_is(pi: Machine) -> None:
    weather = pi.weather()
    assert (weather.soc_c, weather.mhz) == (61.345, 1050)
    assert weather.throttled == ("under-voltage", "throttled before")
    assert (pi.board, pi.governor) == ("Raspberry Pi 4 Model B Rev 1.5", "ondemand")
    assert (pi.mhz_range, pi.memory_mb, pi.resident_mb) == ((600, 1800), 3793, (100, 147))


def test_a_machine_that_says_nothing_is_no_fault(tmp_path: Path) -> None:
    mute = Machine(tmp_path / "sys", tmp_path / "proc", NOBODY)
    weather = mute.weather()
    assert (weather.soc_c, weather.mhz, weather.throttled) == (None, None, ())
    assert (mute.governor, mute.mhz_range, mute.memory_mb) == ("", None, 0)
    assert mute.board


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("throttled=0x0\n", ()),
        ("throttled=0x5\n", ("under-voltage", "throttled")),
        ("throttled=0xa0000\n", ("frequency capped before", "soft temperature limit before")),
        ("throttled=0xf000f\n", ("under-voltage", "frequency capped", "throttled",
                                 "soft temperature limit")),
        ("error=1 error_msg=\"Command not registered\"\n", ()),
        ("throttled=what", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_the_firmwares_bits_are_told_in_words(text: str, words: tuple[str, ...]) -> None:
    assert decode_throttled(text) == words


def test_where_the_kernel_tells_the_firmwares_bits_no_tool_is_asked(pi: Machine) -> None:
    write(pi.sysfs / "devices/platform/soc/soc:firmware/get_throttled", "80008\n")
    assert pi.weather().throttled == ("soft temperature limit",)


def test_a_disk_says_how_full_it_is_and_what_its_whole_device_wrote(
    pi: Machine, tmp_path: Path
) -> None:
    number = tmp_path.stat().st_dev
    card = pi.sysfs / "devices/platform/mmc0/block/mmcblk0"
    write(card / "stat", "1 0 8 0 900 0 2048 77 0 0 0\n")
    write(card / "mmcblk0p2/partition", "2\n")
    write(card / "mmcblk0p2/stat", "1 0 8 0 1 0 1024 1 0 0 0\n")
    links = pi.sysfs / "dev/block"
    links.mkdir(parents=True)
    (links / f"{os.major(number)}:{os.minor(number)}").symlink_to(card / "mmcblk0p2")
    disk = pi.disk(tmp_path)
    assert disk is not None
    assert (disk.name, disk.written_bytes, disk.is_read_only) == ("mmcblk0", 1048576, False)
    assert 0 < disk.free_bytes < disk.size_bytes


def test_a_disk_without_a_device_or_a_folder_is_told_as_such(pi: Machine, tmp_path: Path) -> None:
    disk = pi.disk(tmp_path)
    assert disk is not None
    assert (disk.name, disk.written_bytes) == ("", None)
    assert pi.disk(tmp_path / "nowhere") is None


def test_a_tool_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    weather = Machine(tmp_path, tmp_path, NOBODY).weather()
    assert weather == Weather(load=weather.load)


def test_the_hottest_moment_and_every_complaint_of_the_run_are_kept(pi: Machine) -> None:
    around = Surroundings(pi)
    write(pi.sysfs / "class/thermal/thermal_zone0/temp", "84000\n")
    write(Path(pi.vcgencmd), "#!/bin/sh\necho throttled=0xe0008\n")
    around.look()
    write(pi.sysfs / "class/thermal/thermal_zone0/temp", "59000\n")
    write(Path(pi.vcgencmd), "#!/bin/sh\necho throttled=0x0\n")
    told = around.told("auto", Engines())
    assert (told.begin.soc_c, told.hottest_c, told.end.soc_c) == (61.345, 84.0, 59.0)
    assert "soft temperature limit" in told.throttled
    assert "under-voltage" in told.throttled
    assert told.end.throttled == ()
    assert told.runtime.startswith(("ai-edge-litert", "tflite-runtime"))


def test_without_an_edge_tpu_its_library_is_not_asked(pi: Machine) -> None:
    told = Surroundings(pi).told("auto", Engines(), "/nowhere/libedgetpu.so.1")
    assert (told.tpus, told.libedgetpu) == ((), "")


def test_a_simulated_library_is_known_by_its_own_words(edgetpu: Simulator) -> None:
    edgetpu.plug("1-1.4", speed_mbps=480)
    machine = Machine(sysfs=edgetpu.sysfs, vcgencmd=NOBODY)
    told = Surroundings(machine).told("auto", Engines(), str(edgetpu.library), edgetpu.dev)
    (tpu,) = told.tpus
    assert (tpu.name, tpu.port, tpu.speed_mbps, tpu.ids) == ("usb:0", "1-1.4", 480, "1a6e:089a")
    assert told.libedgetpu == "EDGETPU-SIM"
    assert simulated(told, "cpu")


def test_a_library_that_is_missing_says_why_and_is_no_simulation(edgetpu: Simulator) -> None:
    edgetpu.plug()
    machine = Machine(sysfs=edgetpu.sysfs, vcgencmd=NOBODY)
    told = Surroundings(machine).told("auto", Engines(), "/nowhere/libedgetpu.so.1", edgetpu.dev)
    assert "/nowhere/libedgetpu.so.1" in told.libedgetpu
    assert not simulated(told, "cpu")
    assert simulated(told, "sim")
