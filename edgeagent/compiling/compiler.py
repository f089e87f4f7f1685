"""Runs edgetpu_compiler, within a time, and takes nothing on trust that it leaves behind."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgeagent.adding.anatomy import examine
from edgeagent.adding.pair import SUFFIX
from edgeagent.compiling.log import CompilerLog, read_log
from edgeagent.errors import ModelError, UsageError

NAME = "edgetpu_compiler"
GRACE_S = 30.0
"""How much longer than it was given the compiler may take to stop by itself."""
_LAST_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class Compiled:
    """A file for the Edge TPU, and what the compiler said of it."""

    path: Path
    log: CompilerLog


def find_compiler(named: Path | None) -> Path | None:
    """Return the compiler: the one that is ``named``, else one on the PATH; None: there is none.

    Raises:
        UsageError: ``named`` is no program.
    """
    if named is None:
        found = shutil.which(NAME)
        return Path(found) if found else None
    if not (named.is_file() and os.access(named, os.X_OK)):
        raise UsageError(f"--compiler {named}: is no program that can be run")
    return named


def compile_model(
    compiler: Path, model: Path, into: Path, limit_s: float, grace_s: float = GRACE_S
) -> Compiled:
    """Compile ``model`` into the folder ``into``.

    Args:
        compiler: `find_compiler`.
        model: a .tflite file of 8 bits.
        into: an empty folder.
        limit_s: what the compiler is given; to stop by itself.
        grace_s: so much later it is killed, with its children.

    Raises:
        ModelError: it failed, did not end, or maps nothing; with what it said.
    """
    # By a plain name: some versions of the compiler stumble over others.
    source = into / "model.tflite"
    shutil.copyfile(model, source)
    command = [str(compiler), "-s", "-o", str(into), "-t", f"{limit_s:.0f}", str(source)]
    status, text = _run(command, limit_s + grace_s)
    log = read_log(text)
    made = into / f"model{SUFFIX}.tflite"
    if status or not made.is_file():
        raise ModelError(f"{model}: {compiler} failed with status {status}: {_why(log, text)}")
    if not examine(made).compiled:
        unmapped = [f"{one.name} x{one.count}: {one.status}" for one in log.operators]
        raise ModelError(
            f"{model}: {compiler} maps nothing to the Edge TPU: "
            f"{'; '.join(unmapped) or _why(log, text)}"
        )
    return Compiled(made, log)


def _run(command: list[str], longest_s: float) -> tuple[int, str]:
    """Return the status, and all that was printed."""
    try:
        process = subprocess.Popen(  # noqa: S603 - what its owner names
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(
            f"--compiler {command[0]}: cannot be run: {error.strerror}; it is for x86-64 alone, "
            "compile there and give the file to: edgeagent models add-compiled"
        ) from error
    try:
        text, _ = process.communicate(timeout=longest_s)
    except subprocess.TimeoutExpired:
        # All of its session: it compiles in a child of its own.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise ModelError(
            f"{command[-1]}: {command[0]} did not end within {longest_s:.0f} s and was "
            "killed; give it longer: --limit"
        ) from None
    return process.returncode, text


def _why(log: CompilerLog, text: str) -> str:
    if log.faults:
        return "; ".join(log.faults)
    return text.strip()[-_LAST_CHARACTERS:] or "it said nothing"
