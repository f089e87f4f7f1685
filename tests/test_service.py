"""The unit, as far as it can be judged without booting a machine."""

import shutil
import subprocess
from pathlib import Path

import pytest

from edgeagent.edgetpu.outcome import OUTCOMES, REQUEST

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "systemd" / "edgeagent.service"
RECOVER = ROOT / "systemd" / "edgeagent-recover.service"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd: systemd-analyze is not there")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def verified(unit: str, folder: Path) -> tuple[int, str]:
    """Verify copies of all our units, as if the program were installed."""
    program = "/opt/edgeagent/current/bin/edgeagent"
    for name in ("edgeagent.service", RECOVER.name, "edgeagent-recover.path"):
        text = (UNIT.parent / name).read_text()
        assert program in text or name.endswith(".path")
        (folder / name).write_text(text.replace(program, "/bin/true"))
    told = analyze("verify", "--man=no", str(folder / unit))
    return told.returncode, told.stderr


@pytest.mark.parametrize(
    "unit", ["edgeagent.service", "edgeagent-recover.service", "edgeagent-recover.path"]
)
def test_systemd_understands_every_line_of_the_units(tmp_path: Path, unit: str) -> None:
    assert verified(unit, tmp_path) == (0, "")


def test_who_takes_recovery_steps_is_root_in_a_small_room() -> None:
    told = analyze("security", "--offline=true", "--threshold=23", str(RECOVER))
    assert told.returncode == 0, told.stdout[-200:]
    lines = RECOVER.read_text().splitlines()
    assert not any(line.startswith("User=") for line in lines)
    assert "CapabilityBoundingSet=CAP_DAC_OVERRIDE" in lines


def test_a_request_outside_the_agents_runtime_folder_is_nobodys() -> None:
    path = UNIT.parent / "edgeagent-recover.path"
    assert f"PathExists=/run/edgeagent/{REQUEST}" in path.read_text().splitlines()
    assert "RuntimeDirectory=edgeagent" in UNIT.read_text().splitlines()
    assert f"RuntimeDirectory={OUTCOMES.name}" in RECOVER.read_text().splitlines()


def test_the_units_exposure_is_1_5_or_better() -> None:
    told = analyze("security", "--offline=true", "--threshold=15", str(UNIT))
    assert told.returncode == 0, told.stdout[-200:]


def test_the_drop_in_for_pins_costs_no_more_than_its_line_says(tmp_path: Path) -> None:
    drop_in = (UNIT.parent / "gpio.conf").read_text()
    unit = tmp_path / "edgeagent.service"
    text = UNIT.read_text().replace("/opt/edgeagent/current/bin/edgeagent", "/bin/true")
    install = text.index("[Install]")
    unit.write_text(text[:install] + drop_in.partition("[Service]")[2] + text[install:])
    told = analyze("verify", "--man=no", str(unit))
    assert (told.returncode, told.stderr) == (0, "")
    told = analyze("security", "--offline=true", "--threshold=15", str(unit))
    assert told.returncode == 0, told.stdout[-200:]


def test_wrong_settings_alone_keep_the_service_down() -> None:
    lines = UNIT.read_text().splitlines()
    assert "Restart=always" in lines
    assert "RestartPreventExitStatus=78" in lines
    assert "StartLimitIntervalSec=0" in lines
    assert "Type=notify" in lines
