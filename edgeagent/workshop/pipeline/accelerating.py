"""Compiles the quantised file for the Edge TPU where its compiler is; else says what would map."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from edgeagent.adding.anatomy import examine
from edgeagent.atomic import write_whole
from edgeagent.compiling.compiler import compile_model, find_compiler
from edgeagent.compiling.table import forecast, forecast_lines
from edgeagent.workshop.pipeline.shrinking import TFLITE

COMPILED = "model_edgetpu.tflite"
REPORT = "edgetpu.json"

LIMIT_S = 600.0


def accelerate(
    shrunk: Path, into: Path, tell: Callable[[str], None], compiler: str = ""
) -> Mapping[str, object]:
    """Copy the folder ``shrunk`` to ``into`` and put the compiled file and ``edgetpu.json`` there.

    Args:
        shrunk: with ``model.tflite``.
        into: a folder.
        tell: hears what maps, and what does not.
        compiler: edgetpu_compiler; "" looks on the PATH, and goes on without.

    Returns:
        What ``edgetpu.json`` says: ``compiled``, and the compiler's log or the forecast.

    Raises:
        ModelError: there is a compiler, and it fails: to leave the file out is the caller's choice.
        UsageError: ``compiler`` is no program.
    """
    shutil.copytree(shrunk, into, dirs_exist_ok=True)
    program = find_compiler(Path(compiler) if compiler else None)
    told = _forecast(into, tell) if program is None else _compiled(program, into, tell)
    write_whole(into / REPORT, json.dumps(told, indent=1).encode() + b"\n")
    return told


def _forecast(folder: Path, tell: Callable[[str], None]) -> dict[str, object]:
    expected = forecast(examine(folder / TFLITE))
    tell("no edgetpu_compiler here: the bundle goes without a file for the Edge TPU")
    for line in forecast_lines(expected):
        tell(line)
    operators = [{"name": o.name, "count": o.count, "status": o.status} for o in expected]
    return {"compiled": False, "forecast": operators}


def _compiled(program: Path, folder: Path, tell: Callable[[str], None]) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="edgeagent-compile-") as name:
        made = compile_model(program, folder / TFLITE, Path(name), LIMIT_S)
        for line in made.log.lines():
            tell(line)
        shutil.copyfile(made.path, folder / COMPILED)
        return {"compiled": True, "log": made.log.told()}
