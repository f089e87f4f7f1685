"""``edgeagent tpu`` says what there is, what is wrong, and by its status whether one is usable."""

import json
from pathlib import Path

import pytest

from edgeagent.cli import main

from .edgetpu_sim.build import Libraries
from .edgetpu_sim.simulator import Simulator


def arguments(sim: Simulator, library: Path | None = None) -> list[str]:
    places = ["--sysfs", str(sim.sysfs), "--dev", str(sim.dev)]
    return ["tpu", "--library", str(library or sim.library), *places]


def test_a_usable_device_is_exit_status_0(
    edgetpu: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    edgetpu.plug()
    assert main(arguments(edgetpu)) == 0
    said = capsys.readouterr().out
    assert "usable: usb:0" in said
    assert "version   EDGETPU-SIM" in said
    assert "this library is a simulation, and its figures are no Edge TPU's" in said


def test_a_library_without_a_device_is_exit_status_69(
    edgetpu: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(edgetpu)) == 69
    said = capsys.readouterr().out
    assert "no Edge TPU can be used; the agent runs on the CPU" in said
    assert "no Edge TPU is plugged in" in said


@pytest.mark.parametrize(
    ("companion", "told"),
    [
        ("no_delegate", "is a library, but no delegate"),
        ("crashing", "ended its process (SIGSEGV) while being"),
    ],
)
def test_a_wrong_library_is_named(
    edgetpu: Simulator,
    edgetpu_libraries: Libraries,
    capsys: pytest.CaptureFixture[str],
    companion: str,
    told: str,
) -> None:
    edgetpu.plug()
    assert main(arguments(edgetpu, getattr(edgetpu_libraries, companion))) == 69
    assert told in " ".join(capsys.readouterr().out.split())


def test_a_missing_library_is_named(edgetpu: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    edgetpu.plug()
    assert main(arguments(edgetpu, Path("libnosuchthing.so.1"))) == 69
    assert "there is no library libnosuchthing.so.1" in capsys.readouterr().out


def test_one_cure_is_said_once_for_all_it_cures(
    edgetpu: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    edgetpu.plug("1-1", speed_mbps=480)
    edgetpu.plug("1-2", speed_mbps=480)
    assert main(arguments(edgetpu)) == 0
    said = capsys.readouterr().out
    assert said.count("it runs at 480 Mbit/s") == 2
    assert said.count("blue port") == 1


def test_as_json_it_is_one_object(edgetpu: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    edgetpu.plug("apex_0", temp_c=-87.9)
    edgetpu.plug()
    assert main([*arguments(edgetpu), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["usable"] == ["usb:0"]
    assert said["simulated"] is True
    assert [device["name"] for device in said["devices"]] == ["usb:0", "pci:0"]
    assert any("-87.9 C" in trouble["what"] for trouble in said["troubles"])


def test_the_udev_rules_can_be_piped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tpu", "--udev-rules"]) == 0
    assert capsys.readouterr().out.count('GROUP="plugdev"') == 3


def test_a_device_that_cannot_be_opened_is_not_usable(
    edgetpu: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    edgetpu.plug()
    assert main([*arguments(edgetpu), "--open"]) == 0
    edgetpu.fault("stuck", port="2-1")
    assert main([*arguments(edgetpu), "--open"]) == 69
    said = capsys.readouterr().out
    assert "usb:0: it cannot be opened: it does not answer" in said
    assert "systemctl stop edgeagent" in said
