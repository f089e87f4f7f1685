"""Reads what the machine says of itself: temperature, clock, throttling, memory, load, disks."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeagent import edgetpu
from edgeagent.sysfs import number_of, text_of, whole

_THROTTLED = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Bits of ``vcgencmd get_throttled``; 16 higher, the same at any time since the start
(raspberrypi/documentation, os/graphics-utilities.adoc)."""
_SINCE_START = 16

_FIRMWARE = "devices/platform/soc*/soc*:firmware/get_throttled"
"""Where a Raspberry Pi's kernel tells the same bits without a tool, in hexadecimal."""
_ANSWER_S = 2.0
_SECTOR_BYTES = 512
"""Unit of the kernel's block statistics, whatever the disk's own (block/stat.rst, Linux)."""
_WRITTEN_SECTORS = 6
"""Place of the sectors written in such a line."""


class Weather(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changes while it is measured."""

    soc_c: float | None = None
    """The hottest of the kernel's thermal zones."""
    mhz: int | None = None
    """Mean over the cores."""
    throttled: tuple[str, ...] = ()
    """What a Raspberry Pi's firmware says is so now, or, marked ``before``, was since it began."""
    load: float = 0.0
    """Of the last minute."""


class Disk(msgspec.Struct, frozen=True, omit_defaults=True):
    """The file system a folder is on, and the device below it."""

    size_bytes: int
    free_bytes: int
    """For users other than root."""
    files_free: int | None = None
    """How many more files it takes; None: it does not count them."""
    is_read_only: bool = False
    name: str = ""
    """Of the whole device, ``mmcblk0``; "" where no device is below it, as in memory."""
    written_bytes: int | None = None
    """Written to the whole device since the kernel began, by whomever."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine; the paths stand for ``/sys`` and ``/proc``."""

    sysfs: Path = Path("/sys")
    proc: Path = Path("/proc")
    vcgencmd: str = "vcgencmd"
    """The firmware's tool, asked where there is one."""

    def weather(self) -> Weather:
        """Return how it is now."""
        return Weather(self._soc_c(), self._mhz(), self._throttled(), os.getloadavg()[0])

    @property
    def board(self) -> str:
        """``Raspberry Pi 5 Model B Rev 1.0``; elsewhere the processor's kind."""
        return edgetpu.board(self.sysfs) or platform.machine()

    @property
    def governor(self) -> str:
        """Who chooses the clock's rate; several where cores differ."""
        found = (text_of(p) for p in self._cores("cpufreq/scaling_governor"))
        return ", ".join(sorted(set(found) - {""}))

    @property
    def mhz_range(self) -> tuple[int, int] | None:
        """Lowest and highest rate that a core may be given."""
        low = [number_of(p) for p in self._cores("cpufreq/scaling_min_freq")]
        high = [number_of(p) for p in self._cores("cpufreq/scaling_max_freq")]
        khz = [n for n in low + high if n is not None]
        return (min(khz) // 1000, max(khz) // 1000) if khz else None

    @property
    def memory_mb(self) -> int:
        """All there is."""
        return self._kb("meminfo", "MemTotal") // 1024

    @property
    def resident_mb(self) -> tuple[int, int]:
        """What this process holds now, and the most that it ever held."""
        now, most = (self._kb("self/status", name) for name in ("VmRSS", "VmHWM"))
        return now // 1024, most // 1024

    def _soc_c(self) -> float | None:
        zones = (self.sysfs / "class/thermal").glob("thermal_zone*/temp")
        milli_c = [n for n in map(number_of, zones) if n is not None]
        return max(milli_c) / 1000 if milli_c else None

    def _mhz(self) -> int | None:
        khz = [n for n in map(number_of, self._cores("cpufreq/scaling_cur_freq")) if n is not None]
        return sum(khz) // len(khz) // 1000 if khz else None

    def _cores(self, name: str) -> list[Path]:
        return sorted((self.sysfs / "devices/system/cpu").glob(f"cpu[0-9]*/{name}"))

    def _kb(self, file: str, name: str) -> int:
        lines = (line.split() for line in text_of(self.proc / file).splitlines())
        told = next((words[1:2] for words in lines if words[:1] == [f"{name}:"]), [])
        return whole("".join(told)) or 0

    def disk(self, folder: Path) -> Disk | None:
        """Return what ``folder`` lies on; None where that cannot be told. May wait for the disk."""
        try:
            told, number = os.statvfs(folder), folder.stat().st_dev
        except OSError:
            return None
        device = self._device(number)
        return Disk(
            size_bytes=told.f_blocks * told.f_frsize,
            free_bytes=told.f_bavail * told.f_frsize,
            files_free=told.f_favail if told.f_files else None,
            is_read_only=bool(told.f_flag & os.ST_RDONLY),
            name=device.name if device else "",
            written_bytes=_written_bytes(device) if device else None,
        )

    def _device(self, number: int) -> Path | None:
        """Return the folder of the whole device of which ``number`` is the device or a part."""
        folder = self.sysfs / f"dev/block/{os.major(number)}:{os.minor(number)}"
        if not folder.exists():
            return None
        folder = folder.resolve()
        return folder.parent if (folder / "partition").exists() else folder

    def _throttled(self) -> tuple[str, ...]:
        told = next(filter(None, map(text_of, sorted(self.sysfs.glob(_FIRMWARE)))), "")
        return decode_throttled(f"throttled={told}" if told else self._asked())

    def _asked(self) -> str:
        """Return what the firmware's tool says; needs the right to /dev/vcio."""
        try:
            told = subprocess.run(  # noqa: S603
                [self.vcgencmd, "get_throttled"],
                capture_output=True,
                text=True,
                timeout=_ANSWER_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return told.stdout


def decode_throttled(text: str) -> tuple[str, ...]:
    """Return in words what ``throttled=0x50005`` says; nothing where it says nothing."""
    name, _, value = text.strip().partition("=")
    try:
        bits = int(value, 16) if name == "throttled" else 0
    except ValueError:
        return ()
    now = [word for bit, word in _THROTTLED.items() if bits >> bit & 1]
    before = [
        f"{word} before"
        for bit, word in _THROTTLED.items()
        if bits >> (bit + _SINCE_START) & 1 and word not in now
    ]
    return (*now, *before)


def _written_bytes(device: Path) -> int | None:
    words = text_of(device / "stat").split()
    sectors = whole("".join(words[_WRITTEN_SECTORS : _WRITTEN_SECTORS + 1]))
    return None if sectors is None else sectors * _SECTOR_BYTES
