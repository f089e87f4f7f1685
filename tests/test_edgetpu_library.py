"""What a throw-away process can tell of a library, whatever the library does to it."""

import subprocess
import sys
from pathlib import Path

import pytest

from edgeagent.edgetpu import find_devices
from edgeagent.edgetpu.library import Listed, probe_library, try_open

from .edgetpu_sim.build import Libraries
from .edgetpu_sim.simulator import Kind, Simulator


def test_a_library_tells_its_version_and_its_devices(edgetpu: Simulator) -> None:
    edgetpu.plug()
    edgetpu.plug("apex_0")
    library = probe_library(str(edgetpu.library))
    assert (library.fault, library.why) == ("", "")
    assert (library.version, library.file) == ("EDGETPU-SIM", str(edgetpu.library))
    assert library.simulated
    assert library.devices == (
        Listed("pci", "/dev/apex_0"),
        Listed("usb", "/sys/bus/usb/devices/2-1"),
    )


def test_a_library_without_devices_is_well(edgetpu: Simulator) -> None:
    library = probe_library(str(edgetpu.library))
    assert (library.fault, library.devices) == ("", ())


def test_a_missing_library_is_missing() -> None:
    library = probe_library("libnosuchthing.so.7")
    assert library.fault == "missing"
    assert "libnosuchthing.so.7: cannot open shared object file" in library.why


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "libedgetpu.so.1"
    file.write_text("not a library")
    assert probe_library(str(file)).fault == "refused"


def test_a_library_that_is_no_delegate_is_told_so(edgetpu_libraries: Libraries) -> None:
    library = probe_library(str(edgetpu_libraries.no_delegate))
    assert library.fault == "no_delegate"
    assert library.why == "has no function tflite_plugin_create_delegate"


def test_a_library_that_ends_its_process_does_not_end_ours(edgetpu_libraries: Libraries) -> None:
    library = probe_library(str(edgetpu_libraries.crashing))
    assert library.fault == "crashed"
    assert library.why == "ended its process (SIGSEGV) while being loaded"


def test_a_library_that_does_not_return_is_given_up(tmp_path: Path) -> None:
    # Opening a pipe that nobody writes into is as good as a constructor that waits for ever.
    pipe = tmp_path / "libedgetpu.so.1"
    subprocess.run(["mkfifo", str(pipe)], check=True)
    library = probe_library(str(pipe), time_limit_s=2)
    assert (library.fault, library.why) == ("hung", "not done after 2 s, while being loaded")


PYCORAL = """
from pathlib import Path
from edgeagent.edgetpu.library import probe_pycoral
print(probe_pycoral())
"""
GENUINE = """
def set_verbosity(level): return True
def get_runtime_version(): return "BuildLabel(N/A), RuntimeVersion(14)"
def list_edge_tpus(): return [{"type": "usb", "path": "/sys/bus/usb/devices/2-1"}]
"""


def asked(folder: Path) -> str:
    """Ask in a process that finds ``folder``'s pycoral, as if it were installed."""
    return subprocess.run(
        [sys.executable, "-c", PYCORAL],
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_no_pycoral_is_no_fault(tmp_path: Path) -> None:
    assert asked(tmp_path) == "None\n"


def test_the_indexs_pycoral_is_refused_by_name_and_never_imported(tmp_path: Path) -> None:
    package = tmp_path / "pycoral"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    told = asked(tmp_path)
    assert "genuine=False" in told
    assert "a client of the Allen Coral Atlas and knows no Edge TPU" in told
    assert "pip uninstall pycoral" in told


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (GENUINE, "version='BuildLabel(N/A), RuntimeVersion(14)', devices=1, why=''"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "(SIGSEGV) while being import"),
        ("import no_such_pybind", "No module named 'no_such_pybind'"),
    ],
)
def test_a_genuine_pycoral_is_asked_in_a_child(tmp_path: Path, code: str, told: str) -> None:
    utils = tmp_path / "pycoral" / "utils"
    utils.mkdir(parents=True)
    (tmp_path / "pycoral" / "__init__.py").touch()
    (utils / "__init__.py").touch()
    (utils / "edgetpu.py").write_text(code)
    assert told in asked(tmp_path)


def opened(sim: Simulator, time_limit_s: float = 20) -> str:
    (device,) = find_devices(sim.sysfs, sim.dev)
    return try_open(str(sim.library), device, time_limit_s)


@pytest.mark.parametrize("port", ["2-1", "apex_0"])
def test_a_device_that_is_well_can_be_opened(edgetpu: Simulator, port: str) -> None:
    edgetpu.plug(port)
    assert opened(edgetpu) == ""
    assert opened(edgetpu) == ""


@pytest.mark.parametrize(
    ("port", "kind", "why"),
    [
        ("2-1", "denied", "no right to open it (Permission denied: USB error -3 [OpenDevice])"),
        ("apex_0", "denied", "no right to open it (Failed precondition: Device open failed"),
        ("2-1", "stuck", "it does not answer (Deadline exceeded: USB error -7"),
        ("2-1", "crash_create", "ended its process (SIGSEGV) while opening it"),
        ("2-1", "hang_create", "not done after 3 s, while opening it"),
    ],
)
def test_why_a_device_cannot_be_opened_is_told(
    edgetpu: Simulator, port: str, kind: Kind, why: str
) -> None:
    edgetpu.plug(port)
    edgetpu.fault(kind)
    assert opened(edgetpu, time_limit_s=3).startswith(why)


@pytest.mark.parametrize("port", ["2-1", "apex_0"])
def test_a_device_that_another_process_has_open_is_told_so(edgetpu: Simulator, port: str) -> None:
    edgetpu.plug(port)
    lock = edgetpu.folder / "locks" / port
    holder = (
        "import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.lockf(lock, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert opened(edgetpu).startswith("another process has it open")
        process.kill()
    assert opened(edgetpu) == ""


def test_a_device_that_is_gone_is_not_opened(edgetpu: Simulator) -> None:
    edgetpu.plug()
    (device,) = find_devices(edgetpu.sysfs, edgetpu.dev)
    edgetpu.unplug()
    told = "the library does not open it, and says nothing of why"
    assert try_open(str(edgetpu.library), device) == told
