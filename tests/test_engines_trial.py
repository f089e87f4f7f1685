"""A model new to the machine is tried in a child first."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgeagent.engines.tflite import find_runtime
from edgeagent.engines.trial import ensure_tried
from edgeagent.errors import RuntimeRefusedError
from edgeagent.model import ModelFile, bundles_folder, find_bundle

CPU = find_bundle("embed88-128", [bundles_folder()]).files["cpu"]


def spoilt(tmp_path: Path, data: bytes) -> ModelFile:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    return replace(CPU, path=path, size_bytes=len(data), sha256=sha256)


def test_what_passed_is_not_tried_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert ensure_tried(CPU, state) is True
    assert ensure_tried(CPU, state) is False
    remembered = json.loads((state / "tried-models.json").read_text())
    assert remembered == {"passed": [f"{CPU.sha256} {find_runtime()}"]}
    assert [path.name for path in state.iterdir()] == ["tried-models.json"]


def test_without_a_state_folder_it_is_tried_each_time() -> None:
    assert ensure_tried(CPU, None) is True
    assert ensure_tried(CPU, None) is True


def test_a_refused_model_is_told_in_the_interpreters_words_and_not_remembered(
    tmp_path: Path,
) -> None:
    broken = spoilt(tmp_path, CPU.path.read_bytes()[:5000])
    with pytest.raises(RuntimeRefusedError) as raised:
        ensure_tried(broken, tmp_path)
    assert str(raised.value).startswith(f"{broken.path}: ai-edge-litert ")
    assert "does not take it: " in str(raised.value)
    assert not (tmp_path / "tried-models.json").exists()


CRASHING = """
import os
import signal

class Interpreter:
    def __init__(self, **_):
        os.kill(os.getpid(), signal.SIGSEGV)
"""
PARENT = """
import sys
from pathlib import Path
from edgeagent.engines.trial import ensure_tried
from edgeagent.errors import RuntimeRefusedError
from edgeagent.model import bundles_folder, find_bundle

try:
    ensure_tried(find_bundle("embed88-128", [bundles_folder()]).files["cpu"], None, "tflite")
except RuntimeRefusedError as error:
    sys.exit(str(error))
"""


def test_a_crash_is_named_by_its_signal_and_survived(tmp_path: Path) -> None:
    package = tmp_path / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text(CRASHING)
    about = tmp_path / "tflite_runtime-9.9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tflite-runtime\nVersion: 9.9\n")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", PARENT],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"{CPU.path}: the runtime crashed on it in a trial (SIGSEGV); "
        "deploy another model, or another version of the runtime"
    )


def test_a_trial_that_hangs_is_killed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeRefusedError, match=r"a trial was not done after 0\.01 s"):
        ensure_tried(CPU, None, time_limit_s=0.01)


@pytest.mark.parametrize("text", ["", "[]", '{"passed": 3}', "\x00"])
def test_a_damaged_memory_means_trying_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "tried-models.json").write_text(text)
    assert ensure_tried(CPU, tmp_path) is True
    assert ensure_tried(CPU, tmp_path) is False


def test_no_room_for_the_memory_does_not_stop_the_agent(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, not a folder")
    assert ensure_tried(CPU, tmp_path / "state") is True
