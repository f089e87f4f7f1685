"""How the machine below the agent fares: its clock, its disk, its temperature and power."""

from edgeagent.bulletin import State
from edgeagent.diagnosis.readings import ClockReading, DiskReading, HeatReading
from edgeagent.machine import Disk

SYNC_S = 180.0
"""A time server sets the clock within so long of a start, or there is something to see to."""

NEAR_BYTES = 500_000_000
"""Free space below which there is no more room for another release of the agent."""
LOW_BYTES = 50_000_000
"""Free space below which journal, package manager and agent fail in turns."""
FEW_FILES = 1000
WEAR_PER_DAY = 20_000_000_000
"""Bytes a day onto a card: in three years a card of 32 GB is written over 680 times. That is our
own measure of too much; what a card endures is seldom told."""
CARDS = "mmcblk"
HANGS_S = 20.0
"""A disk that does not say how full it is for so long does not write either."""

WARM_C = 80.0
"""From here a Raspberry Pi 3, 4 or 5 lowers its clock (raspberrypi/documentation,
frequency-management.adoc)."""
HOT_C = 85.0
"""And from here as far as it can (ibid.)."""
_POWER = "under-voltage"
_SLOWED = ("throttled", "frequency capped", "soft temperature limit")


def of_clock(reading: ClockReading) -> State:
    """Return how the wall clock fares: ``waiting | unset``."""
    if reading.is_set:
        return State()
    why = "no time server has set the clock since the start: times are a guess"
    if reading.up_s < SYNC_S:
        return State("ok", "waiting", why)
    cure = "timedatectl timesync-status; let UDP port 123 out; for chrony or ntpd see docs/time.md"
    return State("warning", "unset", why, cure)


def of_disk(reading: DiskReading) -> State:
    """Return how the disk fares: ``unknown | hangs read_only low | near files wear``."""
    disk = reading.disk
    if reading.waits_s >= HANGS_S:
        why = f"{reading.folder}: its disk has not answered for {reading.waits_s:.0f} s"
        return State("fault", "hangs", why, "dmesg shows why: often a dying card, or a lost share")
    if disk is None:
        return State("ok", "unknown", "it has not been looked at yet")
    if disk.is_read_only:
        why = f"{reading.folder} is on a file system that is read-only"
        cure = "dmesg shows why: often a dying card. Save what matters, put in another"
        return State("fault", "read_only", why, cure)
    return _room(reading, disk) or _wear(reading) or State()


def _room(reading: DiskReading, disk: Disk) -> State | None:
    cure = "sudo journalctl --vacuum-size=50M; sudo apt clean; sudo du -xhd1 / | sort -h"
    # A file system of its own for the outbox may be as small as its owner likes.
    near = min(NEAR_BYTES, disk.size_bytes // 10)
    if disk.free_bytes < near:
        why = f"{disk.free_bytes / 1e6:.0f} MB are free where {reading.folder} is"
        is_low = disk.free_bytes < min(LOW_BYTES, near // 10)
        return State("fault", "low", why, cure) if is_low else State("warning", "near", why, cure)
    if disk.files_free is not None and disk.files_free < FEW_FILES:
        why = f"{reading.folder}: there is room for {disk.files_free} more files"
        return State("warning", "files", why, "look for a folder with very many small files")
    return None


def _wear(reading: DiskReading) -> State | None:
    per_day, disk = reading.written_per_day, reading.disk
    if per_day is None or disk is None or not disk.name.startswith(CARDS):
        return None
    if per_day < WEAR_PER_DAY:
        return None
    why = f"{per_day / 1e9:.0f} GB a day are written to the card {disk.name}"
    cure = "sudo iotop -aoP shows by whom; outbox.hot_folder keeps the agent's own off the card"
    return State("warning", "wear", why, cure)


def of_temperature(reading: HeatReading) -> State:
    """Return how hot the board is, and whether it is fed.

    Returns:
        ``undervoltage``, ``hot`` as faults; ``warm``, ``slowed``, ``was_undervoltage`` as warnings.
    """
    told, soc_c = reading.throttled, reading.soc_c
    if _POWER in told:
        cure = "use the board's own power supply and a short cable; take USB devices off"
        return State("fault", "undervoltage", "the supply's voltage is too low now", cure)
    if soc_c is not None and soc_c >= WARM_C:
        why = f"the SoC is at {soc_c:.0f} C; from {WARM_C:.0f} C its clock is lowered"
        is_hot = soc_c >= HOT_C
        return State("fault", "hot", why, _AIR) if is_hot else State("warning", "warm", why, _AIR)
    if slowed := [word for word in told if word in _SLOWED]:
        return State("warning", "slowed", f"the firmware says: {', '.join(slowed)}", _AIR)
    if f"{_POWER} before" in told:
        why = "the supply's voltage was too low at some time since the board began"
        cure = "use the board's own power supply; a restart of the board clears this"
        return State("warning", "was_undervoltage", why, cure)
    return State()


_AIR = "give the board air, a heat sink or a fan; lower camera.fps or model.looks_per_s"
