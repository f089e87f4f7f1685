"""A bus with Edge TPUs that are not there: plugged, unplugged and made to fail by a test.

The library finds its bus by where it lies, so no environment variable is needed: whoever loads
`Simulator.library` sees `Simulator.sysfs`, in this process or in any other. bus.h lists the files.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from .build import Libraries

Kind = Literal[
    "error",
    "abort",
    "hang",
    "crash",
    "slow",
    "wrong",
    "denied",
    "stuck",
    "firmware",
    "gone",
    "crash_constructor",
    "crash_create",
    "crash_prepare",
    "hang_create",
]
"""What can go wrong, and what ``value`` then is.

* ``error``, ``abort``, ``hang``, ``crash``: how an invoke ends, after ``value`` more good ones.
* ``slow``: each invoke takes ``value`` ms longer.
* ``wrong``: ``value`` is added to each byte of an output.
* ``denied``: no right to open the node. ``stuck``: it does not answer; only replugging helps.
* ``crash_constructor``, ``crash_create``, ``crash_prepare``: the process gets signal ``value``
  (0: SIGSEGV) when it loads the library, opens the device, gives it a model.
* ``hang_create``: opening the device does not return.
* ``firmware``: loading it takes ``value`` ms, during which the device is off the bus (else 20).
* ``gone``: how an invoke ends when the device was pulled; set by `Simulator.unplug`.
"""
Ending = Literal["abort", "error", "hang", "crash"]

BARE = ("1a6e", "089a")
"""The USB ids before libedgetpu has loaded the firmware."""
READY = ("18d1", "9302")
"""The USB ids afterwards."""


class Simulator:
    """One simulated bus in ``folder``, with nothing plugged in at first."""

    def __init__(self, folder: Path, libraries: Libraries) -> None:
        self.folder = folder
        self.sysfs = folder / "sys"
        """Stands for ``/sys``."""
        self.dev = folder / "dev"
        """Stands for ``/dev``."""
        self.library = folder / "lib" / "libedgetpu.so.1"
        """The library of this bus, to be loaded by its path."""
        self._plugged = 0
        for name in ("lib", "faults", "locks", "staging", "dev/bus/usb", "sys/class/apex"):
            (folder / name).mkdir(parents=True)
        (folder / "sys/bus/pci/devices").mkdir(parents=True)
        shutil.copyfile(libraries.edgetpu, self.library)
        self._root_hub("usb1", 480)
        self._root_hub("usb2", 5000)

    @property
    def environment(self) -> Mapping[str, str]:
        """For a process that is to find the library by its bare name, ``libedgetpu.so.1``."""
        return {**os.environ, "LD_LIBRARY_PATH": str(self.library.parent)}

    def plug(
        self,
        port: str = "2-1",
        *,
        speed_mbps: int = 5000,
        ready: bool = False,
        temp_c: float = 45.0,
        mode: int = 0o660,
    ) -> None:
        """Plug a device into ``port``: ``2-1``, ``1-1.4``, ... on USB, ``apex_0``, ... on PCIe.

        Args:
            port: as the kernel would name it; the first number of a USB port is its bus.
            speed_mbps: 480 or 5000, USB only.
            ready: the firmware is in it already, USB only.
            temp_c: what its sensor says, PCIe only.
            mode: of its node, which belongs to whoever runs this.
        """
        self._plugged += 1
        self.mend("gone", port)
        if port.startswith("apex_"):
            self._plug_pci(port, temp_c, mode)
        else:
            self._plug_usb(port, speed_mbps, READY if ready else BARE, mode)

    def unplug(self, port: str = "2-1", ends: Ending = "abort") -> None:
        """Pull the device; an invoke on it then ends as ``ends`` says, in truth by an abort."""
        self.mend("stuck", port)
        self.fault("gone", mode=ends, port=port)
        self._node(port).unlink(missing_ok=True)
        self._withdraw(self._place(port))
        if port.startswith("apex_"):
            self._withdraw(self._pci_place(port))

    def replug(self, port: str = "2-1") -> None:
        """Pull the device and plug it in again at once, bare, as a power cut to the port does."""
        self.unplug(port)
        self.plug(port)

    def fault(
        self,
        kind: Kind,
        value: float = 0,
        *,
        once: bool = False,
        mode: str = "",
        port: str | None = None,
    ) -> None:
        """Let ``kind`` go wrong from now on; see `Kind`.

        Args:
            kind: what.
            value: how many, how long, how much: its meaning is the kind's own.
            once: the first process it strikes takes it away.
            mode: for ``gone`` alone.
            port: on this device only, None for all.
        """
        words = [f"{value:g}", *(["once"] if once else []), *([mode] if mode else [])]
        path = self._fault(kind, port)
        made = self.folder / "staging" / path.name
        made.write_text(" ".join(words) + "\n")
        made.replace(path)

    def mend(self, kind: Kind | None = None, port: str | None = None) -> None:
        """Take a fault away again; with no ``kind``, all of them everywhere."""
        if kind is not None:
            self._fault(kind, port).unlink(missing_ok=True)
            return
        for path in (self.folder / "faults").iterdir():
            path.unlink(missing_ok=True)

    def ids(self, port: str = "2-1") -> str:
        """Return a USB device's ids, ``18d1:9302``; "" where nothing is plugged in."""
        place = self._place(port)
        try:
            return ":".join(
                (place / name).read_text().strip() for name in ("idVendor", "idProduct")
            )
        except FileNotFoundError:
            return ""

    def heat(self, port: str, temp_c: float) -> None:
        """Let a PCIe device's sensor say ``temp_c``; -87.9 is what a dead one says."""
        (self._place(port) / "temp").write_text(f"{round(temp_c * 1000)}\n")

    def _fault(self, kind: Kind, port: str | None) -> Path:
        return self.folder / "faults" / (kind if port is None else f"{port}.{kind}")

    def _place(self, port: str) -> Path:
        kind = "class/apex" if port.startswith("apex_") else "bus/usb/devices"
        return self.sysfs / kind / port

    def _node(self, port: str) -> Path:
        if port.startswith("apex_"):
            return self.dev / port
        place = self._place(port)
        try:
            bus, number = ((place / name).read_text() for name in ("busnum", "devnum"))
        except FileNotFoundError:
            return self.dev / "bus/usb" / "none"
        return self.dev / f"bus/usb/{int(bus):03}/{int(number):03}"

    def _plug_usb(self, port: str, speed_mbps: int, ids: tuple[str, str], mode: int) -> None:
        bus = port.partition("-")[0]
        # Two numbers for each plugging: the firmware takes the second.
        number = 2 * self._plugged % 124 + 2
        values = {
            "idVendor": ids[0],
            "idProduct": ids[1],
            "busnum": bus,
            "devnum": str(number),
            "speed": str(speed_mbps),
            "authorized": "1",
        }
        self._publish(self._place(port), values)
        self._make_node(port, mode)

    def _plug_pci(self, port: str, temp_c: float, mode: int) -> None:
        device = self._pci_place(port)
        self._publish(device, {"vendor": "0x1ac1", "device": "0x089a"})
        self._make_node(port, mode)
        place = self._place(port)
        self._publish(place, {"temp": str(round(temp_c * 1000)), "status": "ALIVE"})
        (place / "device").symlink_to(device)

    def _pci_place(self, port: str) -> Path:
        return self.sysfs / f"bus/pci/devices/0000:{int(port.removeprefix('apex_')) + 1:02}:00.0"

    def _publish(self, place: Path, values: Mapping[str, str]) -> None:
        """Let ``place`` appear with all its files at once, as a device does."""
        made = self.folder / "staging" / f"{place.name}.{self._plugged}"
        made.mkdir()
        for name, value in values.items():
            (made / name).write_text(f"{value}\n")
        made.rename(place)

    def _withdraw(self, place: Path) -> None:
        away = self.folder / "staging" / f"{place.name}.{self._plugged}"
        if place.exists():
            place.rename(away)
            shutil.rmtree(away)

    def _make_node(self, port: str, mode: int) -> None:
        node = self._node(port)
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
        node.chmod(mode)

    def _root_hub(self, name: str, speed_mbps: int) -> None:
        self._plugged += 1
        values = {"idVendor": "1d6b", "idProduct": "0003", "speed": str(speed_mbps)}
        (self.sysfs / "bus/usb/devices").mkdir(parents=True, exist_ok=True)
        self._publish(self._place(name), values)
