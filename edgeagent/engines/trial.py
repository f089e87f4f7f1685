"""Tries a model that is new to this machine in a throw-away process, and remembers that it ran.

A parser that crashes takes its process with it: not the agent's. What passed is kept in
``tried-models.json`` in the state folder, by the file's digest and the runtime's version.
"""

import argparse
import json
import logging
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from edgeagent.atomic import write_whole
from edgeagent.engines.tflite import find_runtime, load
from edgeagent.errors import DAMAGED, ModelError, RuntimeRefusedError
from edgeagent.model import ModelFile

_log = logging.getLogger(__name__)

TIME_LIMIT_S = 60.0
"""Longest a trial may take: loading and one call, on the slowest Pi under load."""

MEMORY = "tried-models.json"
_MOST_KEPT = 64


def ensure_tried(
    file: ModelFile, state: Path | None, runtime: str = "auto", time_limit_s: float = TIME_LIMIT_S
) -> bool:
    """Load and run ``file`` once in a child process, unless it passed on this machine before.

    Args:
        file: a checked file of a bundle.
        state: folder in which passed digests are kept, None to try each time.
        runtime: see `engines.open_engine`.
        time_limit_s: a child not done by then is killed.

    Returns:
        Whether a child was started.

    Raises:
        RuntimeRefusedError: the child crashed, hung or refused; the message says by what.
    """
    key = f"{file.sha256} {find_runtime(runtime)}"
    passed = recalled(state)
    if key in passed:
        return False
    _try(file, runtime, time_limit_s)
    _remember(state, [*passed, key][-_MOST_KEPT:])
    return True


def _try(file: ModelFile, runtime: str, time_limit_s: float) -> None:
    package = str(Path(__file__).parents[2])
    paths = [package, os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "edgeagent.engines.trial", str(file.path.absolute())]
    try:
        child = subprocess.run(  # noqa: S603
            [*command, "--runtime", runtime],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=time_limit_s,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeRefusedError(
            f"{file.path}: a trial was not done after {time_limit_s:g} s; deploy another model"
        ) from None
    if child.returncode:
        raise RuntimeRefusedError(_why(file.path, child.returncode, child.stderr))


def _why(path: Path, status: int, stderr: bytes) -> str:
    if status < 0:
        return (
            f"{path}: the runtime crashed on it in a trial ({signal.Signals(-status).name}); "
            "deploy another model, or another version of the runtime"
        )
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"{path}: a trial ended with status {status}"


def recalled(state: Path | None) -> list[str]:
    """Return what passed before: digest and runtime of each; nothing where that cannot be read."""
    if state is None:
        return []
    try:
        return [str(key) for key in json.loads((state / MEMORY).read_text())["passed"]]
    except FileNotFoundError:
        return []
    except (*DAMAGED, KeyError, TypeError) as error:
        _log.warning("%s cannot be read (%s); models are tried again", state / MEMORY, error)
        return []


def _remember(state: Path | None, passed: list[str]) -> None:
    if state is None:
        return
    path = state / MEMORY
    try:
        state.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"passed": passed}, indent=1).encode())
    except OSError as error:
        _log.warning("%s cannot be written (%s); the model is tried at each start", path, error)


def main() -> int:
    """Be the child: load the file named, run it on zeros, and say by the exit status."""
    parser = argparse.ArgumentParser(prog="python -m edgeagent.engines.trial")
    parser.add_argument("file", type=Path)
    parser.add_argument("--runtime", default="auto")
    args = parser.parse_args()
    # A crash is expected here; its memory on the SD card is of use to nobody.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _run_once(args.file, args.runtime)
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


def _run_once(path: Path, runtime: str) -> None:
    found = find_runtime(runtime)
    interpreter = load(path, found, threads=1)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    try:
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        raise RuntimeRefusedError(f"{path}: {found} does not run it: {why}") from error


if __name__ == "__main__":
    sys.exit(main())
