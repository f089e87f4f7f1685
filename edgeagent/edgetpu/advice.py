"""What is wrong with this machine's Edge TPUs, and what its owner types to mend it: pure."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeagent.edgetpu import PCI, Device, user_name
from edgeagent.edgetpu.library import Library, Pycoral

HOT_C = 85.0
"""From here the gasket driver lowers the clock by default (its ``trip_point0_temp``)."""

_STATUS = Path("/var/lib/dpkg/status")
_PACKAGES = ("libedgetpu1-std", "libedgetpu1-max")

REBUILD = (
    "take the .deb for this release and architecture from the releases of feranick/libedgetpu on "
    "GitHub (Google's own are of 2021 and crash with TFLite 2.12 and later)",
    "sudo apt install ./libedgetpu1-std_*.deb",
)
UDEV_RULES = """\
# Who may open an Edge TPU: the group plugdev, as Coral's own rule has it for USB, under both pairs
# of ids, since the stick changes them when its firmware is loaded; and on PCIe likewise (Coral's
# rule has a group of its own there, apex, which a service would have to be put into).
SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="1a6e", ATTR{idProduct}=="089a", MODE="0660", GROUP="plugdev"
SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="18d1", ATTR{idProduct}=="9302", MODE="0660", GROUP="plugdev"
SUBSYSTEM=="apex", MODE="0660", GROUP="plugdev"
"""  # noqa: E501
"""What ``systemd/60-edgeagent-edgetpu.rules`` holds."""
RULE = (
    "edgeagent tpu --udev-rules | sudo tee /etc/udev/rules.d/60-edgeagent-edgetpu.rules",
    "sudo udevadm control --reload && sudo udevadm trigger",
    "then unplug it and plug it in again",
)
PI5 = (
    "on a Raspberry Pi 5, in /boot/firmware/config.txt: "
    "dtparam=pciex1, dtoverlay=pciex1-compat-pi5,no-mip, dtoverlay=pcie-32bit-dma-pi5, "
    "kernel=kernel8.img",
    "and in /boot/firmware/cmdline.txt, on its one line: pcie_aspm=off; then sudo reboot",
)
_OPENING = (
    "stop what uses it (systemctl stop edgeagent); one process alone can have an Edge TPU",
    "else unplug it, wait for 10 s, plug it in again",
)
GASKET = (
    "build the driver for the running kernel: jnicolson/gasket-builder on GitHub makes a "
    "gasket-dkms .deb that builds on kernels 6.5 and later; Google's own does not",
    "sudo apt install ./gasket-dkms_*.deb && sudo modprobe apex",
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong."""

    what: str
    """In a sentence."""
    cures: tuple[str, ...]
    """What to do, in this order."""
    about: str = ""
    """Which device, by its name; "" for the machine."""
    stops: bool = True
    """Whether the Edge TPU, or that one, cannot be used because of it."""


def packaged(status: Path = _STATUS) -> str:
    """Return Debian's name and version of the installed libedgetpu, "" where it has none."""
    try:
        stanzas = status.read_text(errors="replace").split("\n\n")
    except OSError:
        return ""
    for stanza in stanzas:
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line)
        if fields.get("Package") in _PACKAGES and "installed" in fields.get("Status", ""):
            return f"{fields['Package']} {fields.get('Version', '')}"
    return ""


@dataclass(frozen=True, slots=True)
class Machine:
    """All that was found out about one machine."""

    devices: Sequence[Device]
    library: Library
    pycoral: Pycoral | None = None
    package: str = ""
    """See `packaged`."""
    board: str = ""
    """See `edgeagent.edgetpu.board`."""
    closed: Mapping[str, str] = field(default_factory=dict)
    """Name of a device that was tried and could not be opened, to why; see `try_open`."""

    @property
    def pcie(self) -> tuple[str, ...]:
        """What this board needs besides, for a PCIe device to be seen."""
        return PI5 if "Raspberry Pi 5" in self.board else ()


def examine(machine: Machine) -> list[Trouble]:
    """Return all that is wrong, what stops most first."""
    found = [
        *_of_library(machine.library, machine.package),
        *_of_absence(machine),
        *(trouble for device in machine.devices for trouble in _of_device(device, machine)),
        *_of_pycoral(machine.pycoral),
    ]
    return sorted(found, key=lambda trouble: not trouble.stops)


def usable(devices: Sequence[Device], troubles: Sequence[Trouble]) -> list[Device]:
    """Return the devices that nothing stands against."""
    stopped = {trouble.about for trouble in troubles if trouble.stops}
    return [device for device in devices if not {"", device.name} & stopped]


def _of_library(library: Library, package: str) -> Iterator[Trouble]:
    where = library.file or library.name
    match library.fault:
        case "missing":
            yield Trouble(f"there is no library {library.name} on this machine", REBUILD)
        case "no_delegate":
            cure = f"name the right library, or move {where} away and install it again"
            yield Trouble(
                f"{where} is a library, but no delegate ({library.why}): not libedgetpu", (cure,)
            )
        case "crashed":
            what = f"{where} {library.why}: it is damaged, or not for this machine"
            yield Trouble(what, REBUILD)
        case "hung":
            cure = "unplug the Edge TPU, wait for 10 s, plug it in again"
            yield Trouble(f"{where} did not answer: {library.why}", (cure,))
        case "refused":
            yield Trouble(f"{where} cannot be loaded: {library.why}", REBUILD)
    if package and "tf" not in package.lower():
        what = f"{package} is Google's build of 2021: TFLite 2.12 and later crash in it"
        yield Trouble(what, REBUILD, stops=False)


def _of_absence(machine: Machine) -> Iterator[Trouble]:
    if not machine.devices:
        yield Trouble(
            f"no Edge TPU is plugged in: neither 1a6e:089a nor 18d1:9302 on USB, nor {PCI} on PCIe",
            (
                "USB: another cable, another port, a powered hub; lsusb shows what the kernel sees",
                *machine.pcie,
            ),
        )


def _of_device(device: Device, machine: Machine) -> Iterator[Trouble]:
    yield from _of_node(device, machine.pcie)
    yield from _of_heat(device)
    if device.slow:
        what = f"it runs at {device.speed_mbps} Mbit/s, as on USB 2"
        cure = "plug it into a blue port (USB 3), with the short cable it came with"
        yield Trouble(what, (cure,), device.name, stops=False)
    if why := machine.closed.get(device.name):
        yield Trouble(f"it cannot be opened: {why}", _OPENING, device.name)
    if _unlisted(device, machine.library):
        what = f"the kernel sees it, {machine.library.name} does not list it"
        cure = "unplug it, wait for 10 s, plug it in again; then see dmesg"
        yield Trouble(what, (cure,), device.name)


def _of_heat(device: Device) -> Iterator[Trouble]:
    if device.dead:
        what = f"its sensor says {device.temp_c} C, as a dead device does"
        cure = "switch the machine off for a minute; if it stays so, it has died of heat"
        yield Trouble(what, (cure,), device.name)
    elif device.temp_c is not None and device.temp_c >= HOT_C:
        what = f"it is {device.temp_c:.0f} C hot, and its driver slows it down from {HOT_C:.0f} C"
        yield Trouble(what, ("give it air, a heat sink or a fan",), device.name, stops=False)


def _unlisted(device: Device, library: Library) -> bool:
    # A library that has no such list, or was not got so far, says nothing against a device.
    told = library.version and not library.fault
    return bool(told) and device.driven and device.path not in {d.path for d in library.devices}


def _of_node(device: Device, pcie: tuple[str, ...]) -> Iterator[Trouble]:
    node = device.node
    if node is None and device.kind == "pci":
        what = f"the PCIe device {device.port} has no driver: there is no /dev/apex_0 for it"
        yield Trouble(what, (*GASKET, *pcie), device.name)
    elif node is None:
        what = f"{device.port} has no node under /dev/bus/usb"
        cure = "in a container, give it /dev/bus/usb; else: sudo udevadm trigger"
        yield Trouble(what, (cure,), device.name)
    elif not node.opens and node.group == "plugdev":
        who = user_name(os.getuid())
        what = f"{who} may not open {node}"
        cures = (f"sudo usermod -aG plugdev {who}", "then log in anew")
        yield Trouble(what, cures, device.name)
    elif not node.opens:
        yield Trouble(f"you may not open {node}", RULE, device.name)
    elif not node.shared:
        what = f"root alone may open {node}: the service cannot"
        yield Trouble(what, RULE, device.name, stops=False)


def _of_pycoral(pycoral: Pycoral | None) -> Iterator[Trouble]:
    if pycoral is not None and pycoral.why:
        yield Trouble(pycoral.why, ("nothing here needs a pycoral",), stops=False)
