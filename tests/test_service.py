"""The unit and the playbook, as far as they can be judged without booting a machine."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "systemd" / "edgeagent.service"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd: systemd-analyze is not there")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / "edgeagent.service"
    text = UNIT.read_text()
    program = "/opt/edgeagent/current/bin/edgeagent"
    assert program in text
    copy.write_text(text.replace(program, "/bin/true"))
    told = analyze("verify", "--man=no", str(copy))
    assert (told.returncode, told.stderr) == (0, "")


def test_the_units_exposure_stays_below_2_3() -> None:
    told = analyze("security", "--offline=true", "--threshold=22", str(UNIT))
    assert told.returncode == 0, told.stdout[-200:]


def test_wrong_settings_alone_keep_the_service_down() -> None:
    lines = UNIT.read_text().splitlines()
    assert "Restart=always" in lines
    assert "RestartPreventExitStatus=78" in lines
    assert "StartLimitIntervalSec=0" in lines
    assert "Type=notify" in lines


def test_the_playbook_is_one_that_ansible_can_read() -> None:
    program = Path(sys.executable).parent / "ansible-playbook"
    inventory = ROOT / "ansible" / "inventory.example.ini"
    told = subprocess.run(
        [program, "--syntax-check", "-i", inventory, ROOT / "ansible" / "site.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
