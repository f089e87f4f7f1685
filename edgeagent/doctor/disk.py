"""Where events are kept: room, rights, and how much has been written to the card already."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgeagent.config import Config
from edgeagent.diagnosis.machine import of_disk
from edgeagent.diagnosis.readings import DiskReading
from edgeagent.doctor import Check, Line, fault, judged, warning, well
from edgeagent.doctor.amounts import size
from edgeagent.doctor.case import Case, Host, myself
from edgeagent.errors import OutboxError
from edgeagent.machine import Disk, Machine

NEARLY_WORN = 9
"""Tenths of its life that an eMMC says it has used (JEDEC eMMC 5.1, EXT_CSD 268 and 269)."""
PROBE_BYTES = 4096
MADE_BELOW = Path("/var/lib")
"""Where systemd makes a unit's StateDirectory."""


def checks(case: Case) -> Iterator[Check]:
    """See the family's contract."""
    folder = _outbox(case)
    yield Check("outbox", lambda: _room(case, folder))
    yield Check("writable", lambda: _writable(case, folder))
    yield Check("root", lambda: _system(case))
    yield Check("written", lambda: _written(case.host, folder))


def _outbox(case: Case) -> Path:
    own = case.config.outbox.folder if case.config else ""
    return Path(own) if own else case.state / "outbox"


def _standing(folder: Path) -> Path:
    """Return ``folder``, or the nearest above it that is there."""
    # Not Path.exists, which raises where we may not look.
    while not os.access(folder, os.F_OK) and folder != folder.parent:
        folder = folder.parent
    return folder


def _machine(host: Host) -> Machine:
    return Machine(host.root / "sys", host.root / "proc")


def _room(case: Case, folder: Path) -> Iterator[Line]:
    disk = _machine(case.host).disk(_standing(folder))
    if disk is None:
        yield fault("outbox", f"{folder} cannot be looked at", "sudo edgeagent doctor")
        return
    name = f"{disk.name}, " if disk.name else ""
    told = f"{folder}: {name}{size(disk.free_bytes)} free of {size(disk.size_bytes)}"
    wanted = (case.config or Config()).outbox.max_bytes
    state = of_disk(DiskReading(str(folder), disk))
    if state.level == "ok" and disk.free_bytes < wanted - _used_bytes(folder):
        what = f"{told}, and the outbox may want {size(wanted)}"
        yield warning("outbox", what, "lower outbox.max_bytes, or make room", *_FULL)
    else:
        yield judged("outbox", told, state, OutboxError)


_FULL = ("see what takes the room: sudo du -xhd2 / | sort -h | tail", "sudo apt clean")
_READ_ONLY = (
    "see why: dmesg | grep -i -e ext4 -e mmc; a dying card turns read-only by itself",
    "a new card, or: sudo mount -o remount,rw /",
)


def _used_bytes(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError:
        return 0


def _writable(case: Case, folder: Path) -> Iterator[Line]:
    """Write, where this user may do what the agent's user does; else read it off the rights."""
    there = _standing(folder)
    if not os.access(case.state, os.F_OK) and case.state.parent == MADE_BELOW:
        yield well(
            "writable", f"{case.state} is not there yet: systemd makes it at the first start"
        )
        return
    if not case.who.may(there.stat(), 0o3):
        cure = f"sudo chown -R {case.who.name} {case.state}"
        yield fault("writable", f"{case.who.name} may not write to {there}", cure, kind=OutboxError)
        return
    if not myself().may(there.stat(), 0o3):
        yield well("writable", f"{case.who.name} may write to {there}, by its rights")
        return
    try:
        _write(there)
    except OSError as error:
        cures = _FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else _READ_ONLY
        what = f"{there} cannot be written: {error.strerror}"
        yield fault("writable", what, *cures, kind=OutboxError)
        return
    yield well("writable", f"{there} takes what is written, and keeps it (fsync)")


def _write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _system(case: Case) -> Iterator[Line]:
    """Tell of the system's own file system, where that is another than the outbox's."""
    disk = _machine(case.host).disk(case.host.root)
    if disk is None:
        return
    told = f"{size(disk.free_bytes)} free of {size(disk.size_bytes)}"
    if disk.is_read_only:
        yield well("system", f"{told}, read-only: right if that was meant (an overlay does it)")
    else:
        yield judged("system", told, of_disk(DiskReading("the system", disk)), OutboxError)


def _written(host: Host, folder: Path) -> Iterator[Line]:
    there = _standing(folder)
    disk = _machine(host).disk(there)
    if disk is None or not disk.name or disk.written_bytes is None:
        return
    kind = {"SD": "SD card", "MMC": "eMMC"}.get(host.text(f"sys/block/{disk.name}/device/type"), "")
    told = f"{disk.name}{f' ({kind})' if kind else ''}: {size(disk.written_bytes)} since the start"
    if whole_kb := _lifetime_kb(host, there):
        told += f", {size(whole_kb * 1000)} since the file system was made"
    yield _worn(host, disk, told)


def _lifetime_kb(host: Host, folder: Path) -> int:
    number = folder.stat().st_dev
    device = (host.root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    return host.number(f"sys/fs/ext4/{device.name}/lifetime_write_kbytes") or 0


def _worn(host: Host, disk: Disk, told: str) -> Line:
    """Say how worn an eMMC says it is: two kinds of cells, tenths of their lives."""
    words = host.text(f"sys/block/{disk.name}/device/life_time").split()
    used = max((int(word, 16) for word in words), default=0)
    if not used:
        return well("written", told)
    told += f", at most {min(used, 10) * 10} % of its life used"
    if host.text(f"sys/block/{disk.name}/device/pre_eol_info") in ("0x02", "0x03"):
        return warning("written", f"{told}, and it says that its end is near", "replace it")
    if used >= NEARLY_WORN:
        return warning("written", told, "replace it soon")
    return well("written", told)
