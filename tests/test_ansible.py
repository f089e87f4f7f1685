"""The playbooks and roles, as far as they can be judged without a device."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
ANSIBLE = ROOT / "ansible"
PLAYBOOKS = sorted(path.name for path in ANSIBLE.glob("*.yml"))
ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())
ISSUE = ANSIBLE / "roles/pki/files/issue.sh"
REVOKE = ANSIBLE / "roles/pki/files/revoke.sh"


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_each_playbook_is_one_that_ansible_can_read(playbook: str, tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "ansible-playbook"
    told = subprocess.run(
        [program, "--syntax-check", "-i", "inventory.example", playbook],
        cwd=ANSIBLE,
        env={**os.environ, "ANSIBLE_CONFIG": "ansible.cfg", "ANSIBLE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr


def read(role: str, file: str) -> Any:  # noqa: ANN401
    return yaml.safe_load((ANSIBLE / "roles" / role / file).read_text())


@pytest.mark.parametrize("role", ROLES)
def test_each_default_of_a_role_is_the_one_that_its_documentation_says(role: str) -> None:
    points = read(role, "meta/argument_specs.yml")["argument_specs"].values()
    options = {name: option for point in points for name, option in point["options"].items()}
    said = {name: option["default"] for name, option in options.items() if "default" in option}
    assert said == read(role, "defaults/main.yml")
    assert all("description" in option for option in options.values())


def test_a_pi_that_vanishes_is_given_up_within_seconds_by_ssh_itself() -> None:
    words = re.findall(r"-o (\w+)=(\w+)", (ANSIBLE / "ansible.cfg").read_text())
    options = {name: int(value) for name, value in words if value.isdigit()}
    assert options["ConnectTimeout"] <= 10
    assert options["ServerAliveInterval"] * options["ServerAliveCountMax"] <= 15


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    return tmp_path / "pki"


def issue(folder: Path, name: str, days: int = 365, renew: int = 60, names: str = "") -> str:
    argv: list[str | Path] = ["sh", ISSUE, folder, name, str(days), str(renew), names]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def openssl(*argv: str | Path) -> str:
    return subprocess.run(["openssl", *argv], capture_output=True, text=True, check=True).stdout


def test_a_certificate_is_made_once_and_signed_by_the_fleets_own_ca(pki: Path) -> None:
    assert issue(pki, "door") == "issued door\n"
    assert issue(pki, "door") == ""
    assert "OK" in openssl("verify", "-CAfile", pki / "ca.crt", pki / "door.crt")
    text = openssl("x509", "-noout", "-text", "-in", pki / "door.crt")
    assert "CN = door" in text
    assert "TLS Web Client Authentication" in text
    assert (pki / "door.key").stat().st_mode & 0o077 == 0
    assert pki.stat().st_mode & 0o077 == 0


def test_a_certificate_that_ends_soon_is_made_anew_with_the_same_key(pki: Path) -> None:
    issue(pki, "door", days=30)
    key = (pki / "door.key").read_bytes()
    assert issue(pki, "door", renew=60) == "issued door\n"
    assert (pki / "door.key").read_bytes() == key
    assert issue(pki, "door", renew=60) == ""


def test_a_servers_certificate_is_made_anew_when_its_names_change(pki: Path) -> None:
    issue(pki, "hub", names="DNS:hub.local")
    assert issue(pki, "hub", names="DNS:hub.local") == ""
    assert issue(pki, "hub", names="DNS:hub.local,IP:10.0.0.2") == "issued hub\n"
    text = openssl("x509", "-noout", "-text", "-in", pki / "hub.crt")
    assert "DNS:hub.local, IP Address:10.0.0.2" in text
    assert "TLS Web Server Authentication" in text


def revoke(folder: Path, *names: str) -> str:
    argv: list[str | Path] = ["sh", REVOKE, folder, *names]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def is_let_in(pki: Path, certificate: Path) -> bool:
    """Return what a broker would say of ``certificate`` that holds to the list."""
    argv = ["openssl", "verify", "-crl_check", "-CAfile", "ca.crt", "-CRLfile", "ca.crl"]
    told = subprocess.run([*argv, certificate], cwd=pki, capture_output=True, check=False)
    return told.returncode == 0


def test_every_certificate_a_device_ever_got_is_taken_back_and_no_others(pki: Path) -> None:
    issue(pki, "door", days=30)
    issue(pki, "door-2")
    old = (pki / "door.crt").read_bytes()
    assert issue(pki, "door", renew=60) == "issued door\n"
    assert revoke(pki) == "made a list\n"
    certificates = sorted((pki / "issued/door").iterdir())
    assert len(certificates) == 2
    assert all(is_let_in(pki, path) for path in certificates)
    assert revoke(pki, "door") == "took back door\n"
    assert old in [path.read_bytes() for path in certificates]
    assert not any(is_let_in(pki, path) for path in certificates)
    assert is_let_in(pki, pki / "door-2.crt")


def test_who_takes_the_place_of_a_stolen_device_gets_a_new_key_and_is_let_in(pki: Path) -> None:
    issue(pki, "door")
    key = (pki / "door.key").read_bytes()
    revoke(pki, "door")
    assert issue(pki, "door") == "issued door\n"
    assert (pki / "door.key").read_bytes() != key
    assert is_let_in(pki, pki / "door.crt")
    assert revoke(pki) == "", "a list that is there is left"


def test_a_list_does_not_end_before_the_fleets_own_ca(pki: Path) -> None:
    issue(pki, "door")
    revoke(pki)
    end = openssl("crl", "-noout", "-nextupdate", "-in", pki / "ca.crl").split("=")[1]
    years = int(end.split()[3]) - datetime.now(UTC).year
    assert years >= 19, "a broker lets nobody in by a list that has ended"


def test_taking_back_what_was_never_made_changes_nothing(pki: Path) -> None:
    issue(pki, "door")
    revoke(pki)
    before = {path: path.read_bytes() for path in pki.iterdir() if path.is_file()}
    with pytest.raises(subprocess.CalledProcessError) as told:
        revoke(pki, "dor")
    assert 'no certificate of "dor"' in told.value.stderr
    assert {path: path.read_bytes() for path in pki.iterdir() if path.is_file()} == before


def test_a_device_with_nothing_installed_says_so() -> None:
    if Path("/opt/edgeagent").exists():
        pytest.skip("needs a machine without edgeagent")
    told = subprocess.run(
        [sys.executable, ANSIBLE / "roles/edgeagent/files/device.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    state = json.loads(told.stdout)
    assert (state["release"], state["ready"], state["models"]) == ("", False, [])
    assert state["free_bytes"] > 0
