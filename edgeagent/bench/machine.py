"""Reads what the machine says of itself: temperature, clock, throttling, memory, load."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeagent import edgetpu
from edgeagent.sysfs import number_of, text_of

_THROTTLED = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Bits of ``vcgencmd get_throttled``; 16 higher, the same at any time since the start
(raspberrypi/documentation, os/graphics-utilities.adoc)."""
_SINCE_START = 16

_ANSWER_S = 2.0


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
        return next((int(words[1]) for words in lines if words[:1] == [f"{name}:"]), 0)

    def _throttled(self) -> tuple[str, ...]:
        try:
            told = subprocess.run(  # noqa: S603
                [self.vcgencmd, "get_throttled"],
                capture_output=True,
                text=True,
                timeout=_ANSWER_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ()
        return decode_throttled(told.stdout)


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
