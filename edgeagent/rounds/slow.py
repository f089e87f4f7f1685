"""What the machine says of itself, read seldom and never by whoever asks."""

from pathlib import Path

from edgeagent.clock import Clock
from edgeagent.machine import Disk, Machine, Weather

LOOK_S = 30.0
"""How often: a board warms up in minutes, and the firmware may have to be asked by a process."""
DAY_S = 86400.0


class Slow:
    """One thread looks; any thread reads what it saw last."""

    def __init__(self, machine: Machine, folder: Path, clock: Clock) -> None:
        """Take the machine, and the folder whose disk is watched; nothing is read yet."""
        self._machine, self._clock = machine, clock
        self.folder = folder
        self.weather = Weather()
        self.disk: Disk | None = None
        self._due_s = clock.mono_s()
        self._looking_s: float | None = None
        self._first: tuple[float, int] | None = None
        self.per_day: float | None = None
        """See `DiskReading.written_per_day`."""

    def look_if_due(self) -> None:
        """Read all of it, if it is time again; may wait for the disk."""
        now_s = self._clock.mono_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + LOOK_S
        self._looking_s = now_s
        self.weather = self._machine.weather()
        self.disk = self._machine.disk(self.folder)
        self._looking_s = None
        self._reckon(now_s)

    def waits_s(self, now_s: float) -> float:
        """Return for how long the look under way has been waiting for the disk."""
        began_s = self._looking_s
        return 0.0 if began_s is None else now_s - began_s

    def resident_bytes(self) -> int:
        """Return the memory this process holds."""
        return self._machine.resident_mb[0] << 20

    def _reckon(self, now_s: float) -> None:
        written = self.disk.written_bytes if self.disk else None
        if written is None:
            return
        if self._first is None or written < self._first[1]:
            self._first = now_s, written
        elapsed_s = now_s - self._first[0]
        if elapsed_s >= DAY_S:
            self.per_day = (written - self._first[1]) * DAY_S / elapsed_s
