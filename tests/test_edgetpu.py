"""Edge TPUs as the kernel shows them, in a made-up sysfs."""

import grp
import os
from pathlib import Path

import pytest

from edgeagent.edgetpu import Device, Node, board, find_devices

from .edgetpu_sim.simulator import Simulator


def found(sim: Simulator) -> list[Device]:
    return find_devices(sim.sysfs, sim.dev)


def test_a_machine_without_any_has_none(edgetpu: Simulator, tmp_path: Path) -> None:
    assert found(edgetpu) == []
    assert find_devices(tmp_path / "nothing", tmp_path) == []


@pytest.mark.parametrize(("ready", "ids"), [(False, "1a6e:089a"), (True, "18d1:9302")])
def test_a_stick_is_known_by_either_pair_of_ids(edgetpu: Simulator, ready: bool, ids: str) -> None:
    edgetpu.plug("2-1.4", ready=ready)
    (device,) = found(edgetpu)
    assert (device.name, device.ids, device.port) == ("usb:0", ids, "2-1.4")
    assert device.path == "/sys/bus/usb/devices/2-1.4"
    assert (device.speed_mbps, device.slow) == (5000, False)


def test_a_stick_on_a_usb_2_port_is_slow(edgetpu: Simulator) -> None:
    edgetpu.plug("1-1", speed_mbps=480)
    assert found(edgetpu)[0].slow


def test_those_without_firmware_are_counted_first(edgetpu: Simulator) -> None:
    edgetpu.plug("1-1", ready=True)
    edgetpu.plug("2-1")
    edgetpu.plug("2-10")
    edgetpu.plug("2-2")
    names = {device.port: device.name for device in found(edgetpu)}
    assert names == {"2-1": "usb:0", "2-2": "usb:1", "2-10": "usb:2", "1-1": "usb:3"}


def test_plugging_in_again_gives_another_number(edgetpu: Simulator) -> None:
    edgetpu.plug()
    (before,) = found(edgetpu)
    edgetpu.replug()
    (after,) = found(edgetpu)
    assert before.port == after.port
    assert before.number != after.number


@pytest.mark.parametrize(
    ("temp_c", "dead"), [(45.05, False), (-20.0, False), (99.0, False), (-87.9, True), (200, True)]
)
def test_a_sensor_beyond_sense_means_a_dead_device(
    edgetpu: Simulator, temp_c: float, dead: bool
) -> None:
    edgetpu.plug("apex_0", temp_c=temp_c)
    (device,) = found(edgetpu)
    assert (device.name, device.ids, device.path) == ("pci:0", "1ac1:089a", "/dev/apex_0")
    assert device.temp_c == pytest.approx(temp_c)
    assert device.dead is dead


def test_a_device_without_its_driver_comes_after_those_that_have_one(edgetpu: Simulator) -> None:
    edgetpu.plug("apex_1")
    bare = edgetpu.sysfs / "bus/pci/devices/0000:01:00.0"
    bare.mkdir()
    (bare / "vendor").write_text("0x1ac1\n")
    (bare / "device").write_text("0x089a\n")
    driven, undriven = found(edgetpu)
    assert (driven.name, driven.port, driven.driven) == ("pci:0", "apex_1", True)
    assert (undriven.name, undriven.port, undriven.driven) == ("pci:1", "0000:01:00.0", False)


def test_other_devices_on_the_bus_are_passed_over(edgetpu: Simulator) -> None:
    edgetpu.plug()
    interface = edgetpu.sysfs / "bus/usb/devices/2-1:1.0"
    interface.mkdir()
    half = edgetpu.sysfs / "bus/usb/devices/2-3"
    half.mkdir()
    (half / "idVendor").write_text("1a6e\n")
    assert [device.port for device in found(edgetpu)] == ["2-1"]


def test_what_cannot_be_read_is_unknown(edgetpu: Simulator) -> None:
    edgetpu.plug("apex_0")
    (edgetpu.sysfs / "class/apex/apex_0/temp").write_text("soon\n")
    assert found(edgetpu)[0].temp_c is None
    assert not found(edgetpu)[0].dead


def test_a_node_says_who_may_open_it(edgetpu: Simulator) -> None:
    edgetpu.plug(mode=0o640)
    node = found(edgetpu)[0].node
    assert node is not None
    assert (node.mode, node.group) == (0o640, grp.getgrgid(os.getgid()).gr_name)
    assert str(node).endswith(" 0640")
    assert node.opens


@pytest.mark.parametrize(
    ("owner", "group", "mode", "shared"),
    [
        ("root", "root", 0o664, False),
        ("root", "plugdev", 0o660, True),
        ("root", "plugdev", 0o640, False),
        ("root", "root", 0o666, True),
        ("edgeagent", "root", 0o600, True),
    ],
)
def test_a_node_is_shared_if_anybody_but_root_may_write_it(
    owner: str, group: str, mode: int, shared: bool
) -> None:
    assert Node(Path("/dev/x"), owner, group, mode, opens=True).shared is shared


def test_the_board_is_known_by_its_device_tree(tmp_path: Path) -> None:
    place = tmp_path / "firmware/devicetree/base"
    place.mkdir(parents=True)
    (place / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert board(tmp_path) == "Raspberry Pi 5 Model B Rev 1.0"
    assert board(tmp_path / "nothing") == ""
