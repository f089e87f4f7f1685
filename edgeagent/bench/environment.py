"""Where it was measured: enough to tell whether two reports can be compared."""

import os
import platform
from pathlib import Path

import msgspec
import numpy as np

from edgeagent.edgetpu import LIBRARY, find_devices
from edgeagent.edgetpu.library import SIMULATOR, Library, probe_library
from edgeagent.engines.tflite import find_runtime
from edgeagent.looker import Engines
from edgeagent.machine import Machine, Weather

_CPU = ("cpu", "scripted")
"""Engines that have nothing to do with libedgetpu."""


class Tpu(msgspec.Struct, frozen=True, omit_defaults=True):
    """One Edge TPU; see `edgetpu.Device`."""

    name: str
    ids: str
    port: str
    speed_mbps: int | None = None
    temp_c: float | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine, what runs on it, and how it was at the first look and at the last."""

    board: str
    cpus: int
    memory_mb: int
    kernel: str
    page_bytes: int
    python: str
    numpy: str
    runtime: str
    governor: str = ""
    mhz_range: tuple[int, int] | None = None
    tpus: tuple[Tpu, ...] = ()
    libedgetpu: str = ""
    """Its version in its own words; ``EDGETPU-SIM``: a simulation. "": it was not asked."""
    begin: Weather = Weather()
    end: Weather = Weather()
    hottest_c: float | None = None
    throttled: tuple[str, ...] = ()
    """All that the firmware complained of while it was measured."""
    resident_mb: int = 0
    peak_mb: int = 0


class Surroundings:
    """Watches the machine while something is measured."""

    def __init__(self, machine: Machine | None = None) -> None:
        self._machine = machine or Machine()
        self._seen = [self._machine.weather()]

    def look(self) -> Weather:
        """Return how the machine is now, and remember it. Takes milliseconds: never in a lap."""
        self._seen.append(self._machine.weather())
        return self._seen[-1]

    def told(
        self, runtime: str, engines: Engines, library: str = LIBRARY, dev: Path = Path("/dev")
    ) -> Environment:
        """Return all of it, as of now.

        Args:
            runtime: as the settings name it.
            engines: that were measured.
            library: libedgetpu, asked in a child process where an Edge TPU is to be seen.
            dev: stands for ``/dev``.
        """
        machine, last = self._machine, self.look()
        devices = find_devices(machine.sysfs, dev)
        names = {engine.name for engine in engines.all()}
        known = probe_library(library) if devices or names - set(_CPU) else Library(library)
        hot = [w.soc_c for w in self._seen if w.soc_c is not None]
        now_mb, most_mb = machine.resident_mb
        return Environment(
            board=machine.board,
            cpus=os.cpu_count() or 1,
            memory_mb=machine.memory_mb,
            kernel=platform.release(),
            page_bytes=os.sysconf("SC_PAGE_SIZE"),
            python=platform.python_version(),
            numpy=np.__version__,
            runtime=str(find_runtime(runtime)),
            governor=machine.governor,
            mhz_range=machine.mhz_range,
            tpus=tuple(Tpu(d.name, d.ids, d.port, d.speed_mbps, d.temp_c) for d in devices),
            libedgetpu=known.version or known.why,
            begin=self._seen[0],
            end=last,
            hottest_c=max(hot, default=None),
            throttled=tuple(dict.fromkeys(word for w in self._seen for word in w.throttled)),
            resident_mb=now_mb,
            peak_mb=most_mb,
        )


def simulated(environment: Environment, engine: str) -> bool:
    """Return whether any figure of this run may be a simulation's and no Edge TPU's."""
    return engine == "sim" or SIMULATOR in environment.libedgetpu
