"""A bundle gets a file for the Edge TPU: by a compiler that works, fails, hangs or is missing."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeagent import cli
from edgeagent.adding.anatomy import Anatomy, Operator, examine
from edgeagent.compiling.compiler import compile_model
from edgeagent.compiling.log import Operators, read_log
from edgeagent.compiling.table import ABSENT, AFTER, TAKEN, forecast, forecast_lines
from edgeagent.errors import ModelError
from edgeagent.model import bundles_folder, load_bundle

from .edgetpu_sim.compiler import VERSION
from .edgetpu_sim.simulator import Simulator

ROOT = Path(__file__).parent.parent
SSD = ROOT / "tests" / "models" / "squares-ssd"

SEEN = """Edge TPU Compiler version 15.0.340273435

Model compiled successfully in 1379 ms.

Input model: model.tflite
Input size: 4.41MiB
Output model: model_edgetpu.tflite
Output size: 5.49MiB
On-chip memory used for caching model parameters: 1.92MiB
On-chip memory remaining for caching model parameters: 1.75KiB
Off-chip memory used for streaming uncached model parameters: 3.23MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 29
Operation log: model_edgetpu.log

Number of operations that will run on Edge TPU: 28
Number of operations that will run on CPU: 1

Operator                       Count      Status

RESHAPE                        15         Mapped to Edge TPU
CONCATENATION                  3          Mapped to Edge TPU
ADD                            10         Mapped to Edge TPU
CUSTOM                         1          Operation is working on an unsupported data type
"""


def compiler(folder: Path, *words: str) -> Path:
    """A program that behaves as ``words`` say."""
    program = folder / "edgetpu_compiler"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tests.edgetpu_sim.compiler '
        f'{" ".join(words)} "$@"\n'
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles_folder() / "embed88-128", tmp_path / "b" / "embed88-128"))


def compiled(bundle: Path, *words: object) -> int:
    return cli.main(["models", "compile", str(bundle), *map(str, words)])


def untouched(bundle: Path) -> bool:
    names = {path.name for path in bundle.parent.iterdir()}
    whole = load_bundle(bundle)
    return names == {bundle.name} and set(whole.files) == {"cpu"}


def test_what_the_compiler_says_is_read() -> None:
    log = read_log(SEEN)
    assert (log.version, log.subgraphs) == ("15.0.340273435", 1)
    assert (log.on_chip_bytes, log.free_bytes, log.streamed_bytes) == (2013266, 1792, 3386900)
    assert (log.mapped, log.total) == (28, 29)
    assert "CUSTOM x1 on the CPU: Operation is working on an unsupported data type" in "\n".join(
        log.lines()
    )
    assert read_log("").total == 0
    assert read_log("Invalid model: a.tflite\nModel not quantized\n").faults == (
        "Invalid model: a.tflite",
        "Model not quantized",
    )


def test_a_compiled_bundle_runs_on_the_simulated_edge_tpu(
    bundle: Path, tmp_path: Path, edgetpu: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / "report.json").write_text('{"name": "kept", "rows": [1]}')
    assert compiled(bundle, "--compiler", compiler(tmp_path)) == 0
    assert f"edgetpu_compiler {VERSION}: 98 of 98 operators" in capsys.readouterr().out
    report = json.loads((bundle / "report.json").read_text())
    assert (report["name"], report["rows"]) == ("kept", [1])
    assert report["edgetpu"]["mapped"] == report["edgetpu"]["total"] == 98
    whole = load_bundle(bundle, everything=True)
    assert bundle / "report.json" in {one.path for one in whole.contents}
    assert "For `edgetpu`: `model_edgetpu.tflite`" in (bundle / "CARD.md").read_text()
    assert examine(whole.files["edgetpu"].path).compiled
    edgetpu.plug()
    stills = tmp_path / "stills" / "one"
    stills.mkdir(parents=True)
    (stills / "a.ppm").write_bytes(b"P6 4 4 255\n" + bytes(range(48)))
    words = ["--device", "usb", "--library", str(edgetpu.library)]
    assert cli.main(["models", "eval", str(bundle), str(stills.parent), *words]) == 0
    assert "EDGETPU-SIM" in capsys.readouterr().out


def test_compiling_again_wants_leave_and_leaves_one_file(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = compiler(tmp_path, "--tail", "2")
    assert compiled(bundle, "--compiler", program) == 0
    assert "on the CPU: More than one subgraph" in capsys.readouterr().out
    before = (bundle / "manifest.toml").read_text()
    assert compiled(bundle, "--compiler", program) == 64
    assert "--replace" in capsys.readouterr().err
    assert compiled(bundle, "--compiler", program, "--replace") == 0
    assert (bundle / "manifest.toml").read_text() == before


def test_the_bundle_may_stay_and_a_whole_one_stand_elsewhere(bundle: Path, tmp_path: Path) -> None:
    words = ("--compiler", compiler(tmp_path), "--into", tmp_path / "with")
    assert compiled(bundle, *words) == 0
    assert untouched(bundle)
    assert set(load_bundle(tmp_path / "with" / bundle.name).files) == {"cpu", "edgetpu"}
    assert compiled(bundle, *words) == 64


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("activations", "large activation tensors in model"),
        ("internal", "Internal compiler error"),
        ("silent", "failed with status 0"),
        ("nothing", "maps nothing to the Edge TPU: "),
    ],
)
def test_a_compiler_that_will_not_leaves_the_bundle_as_it_was(
    bundle: Path, tmp_path: Path, fault: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiled(bundle, "--compiler", compiler(tmp_path, "--fault", fault)) == 65
    assert told in capsys.readouterr().err
    assert untouched(bundle)


def test_a_compiler_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    program = tmp_path / "edgetpu_compiler"
    program.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {child}\nwait\n")
    program.chmod(0o755)
    model = bundles_folder() / "embed88-128" / "model.tflite"
    (tmp_path / "o").mkdir()
    with pytest.raises(ModelError, match="did not end within 2 s and was killed"):
        compile_model(program, model, tmp_path / "o", limit_s=2, grace_s=0)
    assert not child.exists() or gone(int(child.read_text()))


def gone(pid: int) -> bool:
    for _ in range(1000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_without_a_compiler_it_says_so_and_what_the_table_says(
    bundle: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgeagent", "models", "compile", str(bundle)],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "not compiled: no edgetpu_compiler" in done.stdout
    assert "98 of 98 operators would run on the Edge TPU" in done.stdout
    assert untouched(bundle)


@pytest.mark.parametrize("words", [("--compiler", "/nowhere"), ("--limit", "0")])
def test_what_cannot_be_meant_is_refused(
    bundle: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiled(bundle, *words) == 64
    assert words[0] in capsys.readouterr().err


def test_a_file_for_another_machine_is_no_compiler(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "edgetpu_compiler"
    program.write_bytes(b"\x7fELF for something else")
    program.chmod(0o755)
    assert compiled(bundle, "--compiler", program) == 64
    assert "cannot be run" in capsys.readouterr().err


def test_a_file_compiled_elsewhere_is_added_with_its_log(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = compile_model(compiler(tmp_path), bundle / "model.tflite", tmp_path, limit_s=60)
    assert cli.main(["models", "add-compiled", str(bundle), str(made.path)]) == 0
    assert "98 of 98" in capsys.readouterr().out
    report = json.loads((bundle / "report.json").read_text())
    assert report["edgetpu"]["version"] == VERSION


def test_a_file_of_another_model_is_refused(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = bundles_folder() / "coco16-320" / "model.tflite"
    made = compile_model(compiler(tmp_path), other, tmp_path, limit_s=60)
    assert cli.main(["models", "add-compiled", str(bundle), str(made.path)]) == 65
    assert cli.main(["models", "add-compiled", str(bundle), str(other)]) == 65
    assert "was not compiled for the Edge TPU" in capsys.readouterr().err
    assert untouched(bundle)


def model(*steps: tuple[str, str, tuple[int, ...]]) -> Anatomy:
    """A chain of operators, each with the type and the shape of what it gives."""
    operators = tuple(Operator(name, (n,), (n + 1,)) for n, (name, _, _) in enumerate(steps))
    shapes = ((1, 8, 8, 3), *(shape for _, _, shape in steps))
    dtypes = (steps[0][1], *(dtype for _, dtype, _ in steps))
    return Anatomy(Path("m"), 1, "0" * 64, (), (), operators, shapes, dtypes)


def test_the_forecast_ends_the_subgraph_at_the_first_that_does_not_map() -> None:
    flat = (1, 8, 8, 4)
    steps = [("CONV_2D", "int8", flat), ("ADD", "int8", flat), ("HARD_SWISH", "int8", flat),
             ("CONV_2D", "int8", flat)]  # fmt: skip
    assert forecast(model(*steps)) == (
        Operators("CONV_2D", 1, TAKEN),
        Operators("ADD", 1, TAKEN),
        Operators("HARD_SWISH", 1, ABSENT),
        Operators("CONV_2D", 1, AFTER),
    )
    assert "by the published table 2 of 4" in "\n".join(forecast_lines(forecast(model(*steps))))


def test_floats_and_a_fourth_axis_do_not_map() -> None:
    assert "float32" in forecast(model(("CONV_2D", "float32", (1, 8, 8, 4))))[0].status
    assert "axes" in forecast(model(("RESHAPE", "int8", (2, 8, 8, 4))))[0].status


def test_a_detectors_end_stays_on_the_cpu_as_the_compiler_leaves_it() -> None:
    told = {one.name: one.status for one in forecast(examine(SSD / "model.tflite"))}
    assert told["TFLite_Detection_PostProcess"] == ABSENT


@pytest.mark.parametrize(
    ("name", "tail"), [("squares-ssd", "1"), ("squares-v5", "0"), ("squares-dfl", "0")]
)
def test_every_kind_of_head_keeps_its_roles(tmp_path: Path, name: str, tail: str) -> None:
    bundle = Path(shutil.copytree(ROOT / "tests" / "models" / name, tmp_path / "b" / name))
    assert compiled(bundle, "--compiler", compiler(tmp_path, "--tail", tail)) == 0
    whole = load_bundle(bundle)
    shapes = [{r: s.shape for r, s in file.outputs.items()} for file in whole.files.values()]
    assert shapes[0] == shapes[1]
    assert len(load_bundle(bundle).files) == 2
