"""The command line itself."""

import subprocess
import sys

import pytest

from edgeagent import cli


def test_blas_is_told_to_keep_to_one_thread_before_numpy_is_there() -> None:
    code = (
        "import os, sys; os.environ.pop('OPENBLAS_NUM_THREADS', None); import edgeagent.cli; "
        "print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False 1\n"


def test_a_pi_camera_agent_never_loads_pyav_and_a_daemon_never_loads_the_demo() -> None:
    code = (
        "import sys; import edgeagent.cli.run; from edgeagent.config import CameraConfig; "
        "from edgeagent.clock import ManualClock; from edgeagent.sources import open_source; "
        "open_source(CameraConfig(source='picamera'), ManualClock()); "
        "print(sorted({'av', 'picamera2', 'iotcore', 'rich', 'edgeagent.demo'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_only_the_command_named_is_imported() -> None:
    code = (
        "import sys; from edgeagent.cli import main; main(['models']); print('av' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_says_what_it_takes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert cli.COMMANDS[command].split()[0] in capsys.readouterr().out


def test_a_fault_is_one_line_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "/nowhere/clip.mp4"]) == 64
    told = capsys.readouterr().err
    assert told == "edgeagent: /nowhere/clip.mp4: no such file or folder; give the path of a clip\n"
