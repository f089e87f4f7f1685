"""Each thing that can be wrong is named, with what to type."""

import dataclasses
from pathlib import Path

import pytest

from edgeagent.edgetpu import Device, Node
from edgeagent.edgetpu.advice import UDEV_RULES, Machine, examine, packaged, usable
from edgeagent.edgetpu.library import Library, Listed, Pycoral

NODE = Node(Path("/dev/bus/usb/002/003"), "root", "plugdev", 0o660, opens=True)
STICK = Device("usb", 0, "2-1", "18d1:9302", NODE, speed_mbps=5000, number=3)
CARD = Device("pci", 0, "apex_0", "1ac1:089a", NODE, temp_c=50.0)
WELL = Library(
    "libedgetpu.so.1",
    "/usr/lib/libedgetpu.so.1.0",
    "BuildLabel(N/A), RuntimeVersion(14)",
    (Listed("usb", STICK.path), Listed("pci", CARD.path)),
)


def sayings(machine: Machine) -> str:
    return "\n".join(f"{t.about} {t.what}\n{' '.join(t.cures)}" for t in examine(machine))


def test_where_all_is_well_nothing_is_said() -> None:
    machine = Machine([STICK, CARD], WELL, package="libedgetpu1-std 16.0TF2.19.1-1.bookworm")
    assert examine(machine) == []
    assert usable(machine.devices, []) == [STICK, CARD]


@pytest.mark.parametrize(
    ("fault", "why", "told"),
    [
        ("missing", "", "there is no library libedgetpu.so.1"),
        ("no_delegate", "has no function f", "is a library, but no delegate (has no function f)"),
        ("crashed", "ended its process (SIGSEGV) while being loaded", "(SIGSEGV) while being loa"),
        ("hung", "not done after 20 s", "did not answer: not done after 20 s"),
        ("refused", "wrong ELF class", "cannot be loaded: wrong ELF class"),
    ],
)
def test_a_library_of_no_use_stops_every_device(fault: str, why: str, told: str) -> None:
    library = dataclasses.replace(WELL, fault=fault, why=why)  # type: ignore[arg-type]
    machine = Machine([STICK], library)
    (trouble,) = examine(machine)
    assert told in trouble.what
    assert trouble.cures
    assert usable(machine.devices, [trouble]) == []


@pytest.mark.parametrize(
    ("changes", "told", "stops"),
    [
        ({"speed_mbps": 480}, "it runs at 480 Mbit/s, as on USB 2", False),
        ({"node": None}, "has no node under /dev/bus/usb", True),
        (
            {"node": dataclasses.replace(NODE, opens=False)},
            "may not open /dev/bus/usb/002/003 root:plugdev 0660",
            True,
        ),
        (
            {"node": dataclasses.replace(NODE, group="root", mode=0o664)},
            "root alone may open /dev/bus/usb/002/003 root:root 0664",
            False,
        ),
        ({"port": "2-7"}, "the kernel sees it, libedgetpu.so.1 does not list it", True),
    ],
)
def test_what_is_wrong_with_a_stick_is_named(
    changes: dict[str, object], told: str, stops: bool
) -> None:
    device = dataclasses.replace(STICK, **changes)  # type: ignore[arg-type]
    troubles = examine(Machine([device], WELL))
    assert [told in trouble.what for trouble in troubles] == [True]
    assert usable([device], troubles) == ([] if stops else [device])


@pytest.mark.parametrize(
    ("temp_c", "told", "stops"),
    [(-87.9, "its sensor says -87.9 C, as a dead device does", True), (90.0, "90 C hot", False)],
)
def test_heat_is_named(temp_c: float, told: str, stops: bool) -> None:
    (trouble,) = examine(Machine([dataclasses.replace(CARD, temp_c=temp_c)], WELL))
    assert told in trouble.what
    assert trouble.stops is stops


def test_a_card_without_its_driver_is_told_how_to_build_it() -> None:
    card = Device("pci", 0, "0000:01:00.0", "1ac1:089a", None)
    assert "gasket-builder" in sayings(Machine([card], WELL))
    assert "pciex1-compat-pi5" not in sayings(Machine([card], WELL, board="Raspberry Pi 4"))
    on_pi5 = sayings(Machine([card], WELL, board="Raspberry Pi 5 Model B Rev 1.0"))
    for line in ("pciex1-compat-pi5,no-mip", "pcie-32bit-dma-pi5", "pcie_aspm=off", "kernel8.img"):
        assert line in on_pi5


def test_no_device_at_all_is_named() -> None:
    assert "no Edge TPU is plugged in" in sayings(Machine([], WELL))


def test_an_unrelated_pycoral_does_not_stop_the_agent() -> None:
    machine = Machine([STICK], WELL, Pycoral(genuine=False, why="the package 'pycoral' ..."))
    (trouble,) = examine(machine)
    assert not trouble.stops


def test_googles_build_of_2021_is_named(tmp_path: Path) -> None:
    status = tmp_path / "status"
    stanza = "Package: libedgetpu1-std\nStatus: install ok installed\nVersion: {}\nDescription: x\n"
    status.write_text("Package: bash\nStatus: install ok installed\n\n" + stanza.format("16.0"))
    assert packaged(status) == "libedgetpu1-std 16.0"
    assert "crash" in sayings(Machine([STICK], WELL, package=packaged(status)))
    status.write_text(stanza.format("16.0TF2.19.1-1.bookworm"))
    assert examine(Machine([STICK], WELL, package=packaged(status))) == []
    assert packaged(tmp_path / "nothing") == ""


def test_the_rules_that_ship_are_those_that_are_printed() -> None:
    shipped = Path(__file__).parent.parent / "systemd" / "60-edgeagent-edgetpu.rules"
    assert shipped.read_text() == UDEV_RULES
    lines = [line for line in UDEV_RULES.splitlines() if not line.startswith("#")]
    assert [("1a6e" in line, "18d1" in line, "apex" in line) for line in lines] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
