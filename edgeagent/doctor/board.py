"""The board: heat, power, memory, and the kernel that runs it."""

import os
import platform
from collections.abc import Iterator, Mapping

from edgeagent.diagnosis.machine import of_temperature
from edgeagent.diagnosis.readings import HeatReading
from edgeagent.doctor import Check, Line, judged, warning, well
from edgeagent.doctor.amounts import duration, size
from edgeagent.doctor.case import Case, Host
from edgeagent.machine import Machine, Weather
from edgeagent.sysfs import whole

LEAST_FREE_KB = 100 * 1024
"""Less memory than that for another program, and the kernel soon ends one."""
LEAST_CMA_KB = 32 * 1024
"""What a Pi camera's pictures are made in; six of 1280x720 and their small stream take 20 MB."""


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    host = case.host
    machine = Machine(host.root / "sys", host.root / "proc")
    yield Check("board", lambda: _kernel(host, machine))
    yield Check("weather", lambda: _weather(machine.weather()))
    yield Check("memory", lambda: _memory(host))


def _kernel(host: Host, machine: Machine) -> Iterator[Line]:
    up = f", up {duration(host.uptime_s)}" if host.uptime_s is not None else ""
    pages = os.sysconf("SC_PAGE_SIZE") // 1024
    told = f"{machine.board}, {platform.machine()}, kernel {platform.release()}, {pages} kB pages"
    yield well("board", told + up)


def _weather(weather: Weather) -> Iterator[Line]:
    """Judge heat and power as the running agent does."""
    told = ", ".join(
        [
            *([f"{weather.soc_c:.0f} C"] if weather.soc_c is not None else []),
            *([f"{weather.mhz} MHz"] if weather.mhz is not None else []),
            *weather.throttled,
        ]
    )
    if told:
        state = of_temperature(HeatReading(weather.soc_c, weather.throttled))
        yield judged("heat, power", told, state)


def _memory(host: Host) -> Iterator[Line]:
    known = _meminfo(host)
    free_kb, all_kb = known.get("MemAvailable", 0), known.get("MemTotal", 0)
    if not all_kb:
        return
    told = f"{size(free_kb * 1024)} free of {size(all_kb * 1024)}"
    if free_kb < LEAST_FREE_KB:
        cure = "see what takes it: ps aux --sort=-rss | head"
        yield warning("memory", f"{told}: the kernel may end a program soon", cure)
    else:
        yield well("memory", told)
    yield from _swap(host)
    if known.get("CmaTotal", 0) > 0 and known.get("CmaFree", 0) < LEAST_CMA_KB:
        what = f"{size(known.get('CmaFree', 0) * 1024)} left for a Pi camera's pictures (CMA)"
        yield warning("cma", what, "dtoverlay=vc4-kms-v3d,cma-256 in /boot/firmware/config.txt")


def _meminfo(host: Host) -> Mapping[str, int]:
    rows = (line.split() for line in host.text("proc/meminfo").splitlines())
    known = {row[0].rstrip(":"): whole(row[1]) for row in rows if len(row) > 1}
    return {name: number for name, number in known.items() if number is not None}


def _swap(host: Host) -> Iterator[Line]:
    lines = [line.split() for line in host.text("proc/swaps").splitlines()[1:]]
    rows = [(row[0], whole(row[2]) or 0, whole(row[3]) or 0) for row in lines if len(row) > 3]
    told = ", ".join(f"{name} {size(all_kb * 1024)}" for name, all_kb, _ in rows)
    on_card = [kb for name, _, kb in rows if kb and not name.startswith("/dev/zram")]
    if on_card:
        used = size(sum(on_card) * 1024)
        cure = "sudo dphys-swapfile swapoff, or take zram: sudo apt install zram-tools"
        yield warning("swap", f"{told}; {used} of it in use, which wears the card", cure)
    elif told:
        yield well("swap", told)
