"""Cameras, rights, Edge TPUs and models, broken on purpose."""

import grp
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgeagent.clips import demo
from edgeagent.doctor import accelerator, cameras, models, rights
from edgeagent.doctor.case import Case, Who
from edgeagent.errors import EdgeagentError
from edgeagent.model import bundles_folder

from .doctor_cases import NOBODY, case, configured, looked, machine, named
from .edgetpu_sim.simulator import Simulator
from .test_doctor_service import AGENT


def clip(address: object, **more: object) -> dict[str, Any]:
    return {"camera": [{"name": "door", "address": str(address), **more}]}


def settings_file(tmp_path: Path, address: object) -> Path:
    path = tmp_path / "edgeagent.toml"
    path.write_text(f'[[camera]]\nname = "door"\naddress = "{address}"\n')
    return path


def test_a_camera_is_opened_for_one_frame(tmp_path: Path) -> None:
    settings_file(tmp_path, demo())
    (line,) = looked(cameras.checks(case(tmp_path, config=configured(clip(demo())))))
    assert line.level == "ok"
    assert line.what.startswith("gave a frame of 1280x720 after")


def test_a_camera_that_is_not_there_is_a_fault_with_what_to_type(tmp_path: Path) -> None:
    settings_file(tmp_path, "/dev/video97")
    (line,) = looked(cameras.checks(case(tmp_path, config=configured(clip("/dev/video97")))))
    assert (line.level, line.status) == ("fault", 69)
    assert "/dev/video97" in line.what
    assert "v4l2-ctl --list-devices" in line.cures[-1]


def test_a_camera_that_the_agent_holds_is_not_opened(tmp_path: Path) -> None:
    # Opened it would be a fault: there is no such device.
    config = configured(clip("/dev/video97"))
    (line,) = looked(cameras.checks(case(tmp_path, config=config, agent=AGENT)))
    assert (line.level, line.what) == ("ok", "watched by the running agent, 1,234 frames so far")


def test_a_camera_is_not_opened_beside_an_agent_that_could_not_be_asked(tmp_path: Path) -> None:
    given = case(tmp_path, config=configured(clip("/dev/video97")), refused="no right to ask")
    (line,) = looked(cameras.checks(given))
    assert (line.level, line.cures) == ("warning", ("sudo edgeagent doctor",))


def test_a_held_camera_of_which_no_frame_came_is_a_warning(tmp_path: Path) -> None:
    agent = {**AGENT, "counters": {}}
    (line,) = looked(cameras.checks(case(tmp_path, agent=agent)))
    assert line.level == "warning"
    assert "none has come yet" in line.what


def test_what_the_agent_says_of_its_camera_is_told(tmp_path: Path) -> None:
    agent = {**AGENT, "faults": {"camera.door": "silent for 10 s"}}
    (line,) = looked(cameras.checks(case(tmp_path, agent=agent)))
    assert (line.level, line.what) == ("warning", "the agent says: silent for 10 s")


def node(root: Path, name: str, mode: int) -> Path:
    machine(root, {f"dev/{name}": ""})
    path = root / "dev" / name
    path.chmod(mode)
    return path


def test_a_missing_group_is_named_with_the_line_that_mends_it(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: a node is given to a group")
    os.chown(node(tmp_path, "video0", 0o660), 0, grp.getgrnam("video").gr_gid)
    found = looked(rights.checks(case(tmp_path, who=NOBODY)))
    line = named(found, "cameras")
    assert (line.level, line.what) == ("fault", "edgeagent may not open /dev/video0")
    assert line.cures[0] == "sudo usermod -aG video edgeagent"
    assert line.cures[1] == "then sudo systemctl restart edgeagent"


def test_who_is_in_the_group_may_open_it(tmp_path: Path) -> None:
    gid = node(tmp_path, "video0", 0o660).stat().st_gid
    who = Who("edgeagent", 64321, frozenset([gid]))
    line = named(looked(rights.checks(case(tmp_path, who=who))), "cameras")
    assert (line.level, line.what) == ("ok", "edgeagent may open /dev/video0")


def test_a_camera_device_that_is_not_there_at_all_is_warned_of(tmp_path: Path) -> None:
    line = named(looked(rights.checks(case(tmp_path, who=NOBODY))), "cameras")
    assert line.level == "warning"
    assert "there is no /dev/video*" in line.what


def test_what_no_camera_asks_for_may_be_closed(tmp_path: Path) -> None:
    node(tmp_path, "dma_heap/linux,cma", 0o600)
    line = named(looked(rights.checks(case(tmp_path, who=NOBODY))), "dma_heap")
    assert line.level == "warning"
    assert "/dev/dma_heap/linux,cma" in line.what


def test_a_units_user_that_does_not_exist_is_a_fault(tmp_path: Path) -> None:
    who = Who("edgeagent", -1, frozenset(), exists=False)
    line = named(looked(rights.checks(case(tmp_path, who=who))), "user")
    assert line.level == "fault"
    assert "systemd-sysusers" in line.cures[0]


def tpu_case(edgetpu: Simulator, device: str) -> Case:
    config = configured({"model": {"device": device, "library": str(edgetpu.library)}})
    return case(edgetpu.folder, config=config)


def test_an_edge_tpu_that_can_be_used_is_one_good_line(edgetpu: Simulator) -> None:
    edgetpu.plug()
    line = looked(accelerator.checks(tpu_case(edgetpu, "auto")))[-1]
    assert line.level == "ok"
    assert line.what.startswith("usb:0 at 2-1, 5000 Mbit/s")


@pytest.mark.parametrize(("device", "level"), [("auto", "ok"), ("usb", "fault"), ("cpu", "ok")])
def test_no_edge_tpu_is_a_fault_only_where_one_is_asked_for(
    edgetpu: Simulator, device: str, level: str
) -> None:
    (line,) = looked(accelerator.checks(tpu_case(edgetpu, device)))
    assert line.level == level


def test_a_slow_port_is_a_warning_beside_a_usable_one(edgetpu: Simulator) -> None:
    edgetpu.plug("1-1.4", speed_mbps=480)
    found = looked(accelerator.checks(tpu_case(edgetpu, "usb")))
    assert {line.level for line in found[:-1]} == {"warning"}
    assert any("blue port" in cure for line in found for cure in line.cures)
    assert found[-1].level == "ok"


def test_a_corrupt_model_is_named_with_status_65(tmp_path: Path) -> None:
    shutil.copytree(bundles_folder() / "embed88-128", tmp_path / "models/embed88-128")
    model = tmp_path / "models/embed88-128/model.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    config = configured({"model": {"folder": str(tmp_path / "models"), "name": "embed88-128"}})
    (check,) = models.checks(case(tmp_path, config=config))
    with pytest.raises(EdgeagentError, match="has the sha256") as told:
        list(check.look())
    assert told.value.exit_status == 65


def test_a_model_is_run_once(tmp_path: Path) -> None:
    config = configured({"model": {"name": "embed88-128"}})
    (line,) = looked(models.checks(case(tmp_path, config=config)))
    assert line.level == "ok"
    assert "embed, 7fd2c739, runs on ai-edge-litert" in line.what
