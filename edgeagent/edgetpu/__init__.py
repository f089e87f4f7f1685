"""Finds Edge TPUs by what the kernel says of them, with no library of Coral's.

A stick has two pairs of USB ids: 1a6e:089a until libedgetpu has loaded its firmware, 18d1:9302
from then on until its power is cut. On PCIe it is 1ac1:089a, and of use only with the gasket
driver, which makes ``/dev/apex_0``. (Ids: google-coral/libedgetpu, driver/usb/usb_driver.cc; the
driver's sysfs entries: google/gasket-driver.)
"""

import grp
import os
import pwd
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeagent.sysfs import number_of, text_of

Kind = Literal["usb", "pci"]

LIBRARY = "libedgetpu.so.1"
"""What the loader is asked for where the owner names nothing else."""

BARE = "1a6e:089a"
READY = "18d1:9302"
PCI = "1ac1:089a"

FULL_SPEED_MBPS = 5000
"""USB 3; below it a model's input takes longer on the wire than in the chip."""
SENSIBLE_C = (-40.0, 125.0)
"""A sensor that says anything else is not read any more: a dead device says -87.9."""


@dataclass(frozen=True, slots=True)
class Node:
    """A device's file under ``/dev``, and who may open it."""

    path: Path
    owner: str
    group: str
    mode: int
    opens: bool
    """Whether this process may read and write it."""

    @property
    def shared(self) -> bool:
        """Whether anybody but root may, so that a service's user can."""
        group = self.mode & 0o060 == 0o060 and self.group != "root"
        return group or self.mode & 0o006 == 0o006 or self.owner != "root"

    def __str__(self) -> str:
        return f"{self.path} {self.owner}:{self.group} {self.mode:04o}"


@dataclass(frozen=True, slots=True)
class Device:
    """One Edge TPU as the kernel sees it at this moment."""

    kind: Kind
    index: int
    """Its place in the library's list of this kind, see `find_devices`."""
    port: str
    """Where it is plugged in, ``2-1.4`` or ``apex_0``; without a driver, its PCIe address.
    This stays the same for as long as nobody moves it: its identity."""
    ids: str
    """``18d1:9302``."""
    node: Node | None
    """None on PCIe where the driver is missing."""
    speed_mbps: int | None = None
    """USB: 480 on a USB 2 port, 5000 and more on USB 3."""
    temp_c: float | None = None
    """PCIe: its sensor, whatever it says; None where it has none that can be read."""
    number: int | None = None
    """USB: the bus's own number for it, new with each plugging in, reset and firmware."""

    @property
    def name(self) -> str:
        """What the library calls it now, ``usb:0``: good for opening it at once, not to keep."""
        return f"{self.kind}:{self.index}"

    @property
    def path(self) -> str:
        """How libedgetpu's own list names it."""
        return f"/sys/bus/usb/devices/{self.port}" if self.kind == "usb" else f"/dev/{self.port}"

    @property
    def driven(self) -> bool:
        """Whether it has a node at all; libedgetpu does not list what has none."""
        return self.node is not None

    @property
    def dead(self) -> bool:
        """Whether its sensor says what no living device says."""
        low, high = SENSIBLE_C
        return self.temp_c is not None and not low <= self.temp_c <= high

    @property
    def slow(self) -> bool:
        """Whether it hangs on a USB 2 port, or on a bad cable."""
        return self.speed_mbps is not None and self.speed_mbps < FULL_SPEED_MBPS


def find_devices(sysfs: Path = Path("/sys"), dev: Path = Path("/dev")) -> list[Device]:
    """Return every Edge TPU that is plugged in, those on USB first.

    Names are given in libedgetpu's order: of those on USB, all without firmware come before all
    that have it. Opening ``usb:0`` therefore moves it to the end. Of several in the same state
    the order is ours, by port; libedgetpu's is libusb's, which may be another.

    Args:
        sysfs: stands for ``/sys``.
        dev: stands for ``/dev``.
    """
    return [*_on_usb(sysfs, dev), *_on_pci(sysfs, dev)]


def board(sysfs: Path = Path("/sys")) -> str:
    """Return the board's name, ``Raspberry Pi 5 Model B Rev 1.0``; "" where it has none."""
    return text_of(sysfs / "firmware/devicetree/base/model").rstrip("\0")


def _on_usb(sysfs: Path, dev: Path) -> list[Device]:
    places = _entries(sysfs / "bus/usb/devices")
    seen = [(_ids(place, "idVendor", "idProduct"), place) for place in places]
    ordered = [(ids, place) for wanted in (BARE, READY) for ids, place in seen if ids == wanted]
    return [_usb(index, ids, place, dev) for index, (ids, place) in enumerate(ordered)]


def _usb(index: int, ids: str, place: Path, dev: Path) -> Device:
    number, bus = (number_of(place / name) for name in ("devnum", "busnum"))
    node = dev / f"bus/usb/{bus:03}/{number:03}" if None not in (bus, number) else None
    return Device(
        "usb",
        index,
        place.name,
        ids,
        _node(node) if node else None,
        speed_mbps=number_of(place / "speed"),
        number=number,
    )


def _on_pci(sysfs: Path, dev: Path) -> list[Device]:
    driven = list(_driven(sysfs, dev))
    known = {address for address, _ in driven}
    bare = [
        place.name
        for place in _entries(sysfs / "bus/pci/devices")
        if _ids(place, "vendor", "device") == PCI and place.name not in known
    ]
    devices = [device for _, device in driven]
    return devices + [Device("pci", len(driven) + n, at, PCI, None) for n, at in enumerate(bare)]


def _driven(sysfs: Path, dev: Path) -> Iterator[tuple[str, Device]]:
    for index, place in enumerate(_entries(sysfs / "class/apex")):
        milli_c = number_of(place / "temp")
        temp_c = None if milli_c is None else milli_c / 1000
        address = (place / "device").resolve().name
        yield address, Device("pci", index, place.name, PCI, _node(dev / place.name), temp_c=temp_c)


def _entries(folder: Path) -> list[Path]:
    """Return what is in ``folder``, numbers in their order: apex_2 before apex_10."""
    try:
        return sorted(folder.iterdir(), key=lambda path: _parts(path.name))
    except OSError:
        return []


def _parts(name: str) -> list[tuple[int, str]]:
    return [(int(part or 0), "") if part.isdigit() else (-1, part) for part in _SPLIT.split(name)]


_SPLIT = re.compile(r"(\d+)")


def _ids(place: Path, vendor: str, product: str) -> str:
    return ":".join(text_of(place / name).removeprefix("0x") for name in (vendor, product))


def _node(path: Path) -> Node | None:
    try:
        found = path.stat()
    except OSError:
        return None
    opens = os.access(path, os.R_OK | os.W_OK)
    mode = stat.S_IMODE(found.st_mode)
    return Node(path, user_name(found.st_uid), _group(found.st_gid), mode, opens)


def user_name(number: int) -> str:
    """Return the name of user ``number``; the number itself where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
