"""Settings, secrets and packages, broken on purpose."""

from pathlib import Path

import pytest

from edgeagent.doctor import configuration, packages

from .doctor_cases import NOBODY, case, configured, looked, machine, named, only


def test_each_fault_of_the_settings_is_a_line_with_its_cure_and_status_78(tmp_path: Path) -> None:
    faults = ("e.toml:3: motion.x: no such setting; did you mean y", "e.toml: camera: is missing")
    found = looked(configuration.checks(case(tmp_path, config=None, faults=faults)))
    assert [line.status for line in found] == [78, 78]
    assert found[0].cures == ("did you mean y",)


def test_settings_without_a_camera_are_a_fault(tmp_path: Path) -> None:
    found = looked(configuration.checks(case(tmp_path, config=configured({"camera": []}))))
    assert "names no camera" in found[0].what


def test_a_password_that_everybody_may_read_is_a_fault(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o644)
    config = configured({"mqtt": {"host": "b", "username": "u", "password_file": str(password)}})
    (tmp_path / "edgeagent.toml").touch()
    found = looked(configuration.checks(case(tmp_path, config=config)))
    line = named(found, "secrets")
    assert (line.level, line.status) == ("fault", 78)
    assert line.cures == (f"chmod 0640 {password}",)


def test_a_password_that_the_agent_may_not_read_is_a_fault(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    config = configured({"mqtt": {"host": "b", "username": "u", "password_file": str(password)}})
    (tmp_path / "edgeagent.toml").touch()
    lines = looked(configuration.checks(case(tmp_path, config=config, who=NOBODY)))
    assert any(line.what == f"edgeagent may not read {password}" for line in lines)


def package(folder: Path, name: str, text: str) -> None:
    machine(folder, {f"{name}/__init__.py": text})


PI = {"camera": [{"name": "nest", "source": "picamera", "address": "0"}]}
TRAP = (
    'raise ValueError("numpy.dtype size changed, may indicate binary incompatibility. '
    'Expected 96 from C header, got 88 from PyObject")'
)


def test_the_packages_of_this_installation_are_well(tmp_path: Path) -> None:
    found = looked(packages.checks(case(tmp_path)))
    assert [line.name for line in found] == ["python", "packages", "picamera2"]
    assert {line.level for line in found} == {"ok"}


def test_the_bookworm_trap_is_named_with_the_pip_line_that_mends_it(tmp_path: Path) -> None:
    package(tmp_path, "numpy", '__version__ = "2.2.1"')
    package(tmp_path, "simplejpeg", TRAP)
    package(tmp_path, "picamera2", "import simplejpeg")
    given = case(tmp_path, config=configured(PI))
    (line,) = only(packages.checks(given, tmp_path), "picamera2")
    assert (line.level, line.status) == ("fault", 69)
    assert "numpy.dtype size changed" in line.what
    assert "numpy 2.2.1" in line.cures[0]
    assert "apt's packages on Bookworm want numpy 1" in line.cures[0]
    assert "-m pip install 'numpy<2'" in line.cures[1]


def test_a_numpy_that_cannot_be_imported_is_named_and_what_needs_it_too(tmp_path: Path) -> None:
    package(tmp_path, "numpy", 'raise ImportError("libopenblas.so.0: cannot open")')
    found = only(packages.checks(case(tmp_path), tmp_path), "packages")
    assert [line.name for line in found if line.level == "fault"] == ["numpy", "cv2"]
    assert "libopenblas.so.0: cannot open" in named(found, "numpy").what
    assert "sudo scripts/install" in named(found, "numpy").cures[0]


def test_a_picamera2_that_aborts_takes_nobody_along(tmp_path: Path) -> None:
    package(tmp_path, "picamera2", "import os; os.abort()")
    given = case(tmp_path, config=configured(PI))
    (line,) = only(packages.checks(given, tmp_path), "picamera2")
    assert line.level == "fault"
    assert "SIGABRT" in line.what


def test_a_broken_picamera2_that_nobody_asks_for_is_a_warning(tmp_path: Path) -> None:
    package(tmp_path, "picamera2", TRAP)
    (line,) = only(packages.checks(case(tmp_path), tmp_path), "picamera2")
    assert line.level == "warning"


@pytest.mark.parametrize(
    ("apt", "cure"), [(True, "--system-site-packages"), (False, "apt install python3-picamera2")]
)
def test_a_missing_picamera2_says_whether_apt_has_it(tmp_path: Path, apt: bool, cure: str) -> None:
    if apt:
        (tmp_path / packages.APT).mkdir(parents=True)
    (line,) = only(packages.checks(case(tmp_path, config=configured(PI))), "picamera2")
    assert line.level == "fault"
    assert cure in line.cures[0]


def test_a_package_that_crashes_does_not_hide_those_after_it(tmp_path: Path) -> None:
    package(tmp_path, "cv2", "import os; os.abort()")
    found = only(packages.checks(case(tmp_path), tmp_path), "packages")
    assert [line.name for line in found if line.level == "fault"] == ["cv2"]
    assert named(found, "cv2").status == 70
