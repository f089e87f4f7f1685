"""What is read of a .tflite file is what an interpreter says of it; damage is named."""

import contextlib
import importlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeagent.adding.anatomy import Anatomy, Port, examine
from edgeagent.adding.operators import BUILTIN, DTYPES
from edgeagent.engines.tflite import find_runtime, load
from edgeagent.errors import BundleError

DATA = os.environ.get("EDGEAGENT_TESTDATA", "")
MODELS = Path(__file__).parent / "models"
RELEASE = Path(__file__).parents[1] / "models"
SSD = MODELS / "squares-ssd" / "model.tflite"
OURS = [*sorted(MODELS.glob("*/model.tflite")), *sorted(RELEASE.glob("*/model.tflite"))]
needs_coral = pytest.mark.skipif(not DATA, reason="needs EDGEAGENT_TESTDATA: Coral's models")


def refusal(path: Path) -> str:
    with pytest.raises(BundleError) as raised:
        examine(path)
    return str(raised.value).replace(str(path), "FILE")


def check(port: Port, detail: dict[str, Any]) -> None:
    spec = port.spec
    scale, zero_point = detail["quantization"]
    assert (spec.name, spec.dtype) == (detail["name"], np.dtype(detail["dtype"]).name)
    assert spec.shape == tuple(detail["shape"])
    assert spec.scale == pytest.approx(scale)
    assert spec.zero_point == zero_point


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.parent.name)
def test_it_agrees_with_an_interpreter(path: Path) -> None:
    model = examine(path)
    interpreter = load(path, find_runtime(), threads=1)
    for ports, details in (
        (model.inputs, interpreter.get_input_details()),
        (model.outputs, interpreter.get_output_details()),
    ):
        for port, detail in zip(ports, details, strict=True):
            check(port, detail)
            assert not port.dynamic
    assert not model.compiled
    # Constants that a delegate has folded in are the interpreter's alone.
    steps = [op["op_name"] for op in interpreter._get_ops_details() if op["op_name"] != "DELEGATE"]
    assert [one.name for one in model.operators] == steps


@needs_coral
def test_what_is_compiled_for_the_edge_tpu_is_recognised() -> None:
    folder = Path(DATA) / "models"
    compiled = {path.name for path in folder.glob("*.tflite") if examine(path).compiled}
    assert compiled == {path.name for path in folder.glob("*_edgetpu.tflite")}
    assert len(compiled) == 3


def test_the_numbers_are_the_schemas() -> None:
    schema = importlib.import_module("ai_edge_litert.schema_py_generated")
    assert all(getattr(schema.BuiltinOperator, name) == n for n, name in enumerate(BUILTIN))
    assert all(getattr(schema.TensorType, name.upper()) == n for n, name in enumerate(DTYPES))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is not a .tflite model: bytes 4 to 7 are b'' instead of b'TFL3'"),
        (b"person\nbicycle\n", "is not a .tflite model: bytes 4 to 7 are b'on\\nb'"),
        (b"<!DOCTYPE html><html>", "is a web page; download the file itself"),
        (b"\n\n<html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a git LFS pointer"),
        (b"PK\3\4....", "is a zip archive; unpack it"),
        (b"\x1f\x8b\x08\0....", "is a gzip archive; unpack it"),
        (b"\x1c\0\0\0TFL3", "its 8 bytes are damaged or cut short (byte 28 of 8 is asked for)"),
    ],
)
def test_what_is_no_model_is_named(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    assert refusal(path).startswith(f"FILE: {told}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x") == "FILE: No such file or directory; name a .tflite file"
    assert refusal(tmp_path) == "FILE: Is a directory; name a .tflite file"


def test_a_model_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = SSD.read_bytes()
    path = tmp_path / "model.tflite"
    # What comes after the last byte that anything points at may go.
    for length in range(8, len(whole) - 64, 37):
        path.write_bytes(whole[:length])
        assert "damaged or cut short" in refusal(path)


def test_another_version_of_the_schema_is_refused(tmp_path: Path) -> None:
    data = bytearray(SSD.read_bytes())
    at = int.from_bytes(data[:4], "little")
    vtable = at - int.from_bytes(data[at : at + 4], "little", signed=True)
    field = at + int.from_bytes(data[vtable + 4 : vtable + 6], "little")
    data[field] = 4
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    assert "(schema version 4, 1 graphs)" in refusal(path)


flips = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=12)


@settings(
    max_examples=400, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(flips=flips, keep=st.floats(0.2, 1.0))
def test_a_spoilt_model_is_read_or_refused(
    tmp_path: Path, flips: list[tuple[int, int]], keep: float
) -> None:
    data = bytearray(SSD.read_bytes())
    graph = 6000
    for place, value in flips:
        # Half of them where the tables are rather than the weights.
        data[place % (graph if place % 2 else len(data))] = value
    path = tmp_path / "model.tflite"
    path.write_bytes(data[: int(len(data) * keep)])
    model: Anatomy | None = None
    with contextlib.suppress(BundleError):
        model = examine(path)
    if model is not None:
        assert all(0 <= port.spec.scale < 1e6 for port in (*model.inputs, *model.outputs))


BOMB = """
import resource, struct, sys
from pathlib import Path
from edgeagent.adding.anatomy import examine
from edgeagent.errors import BundleError

try:
    examine(Path(sys.argv[1]))
except BundleError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def bomb() -> bytes:
    """65,536 operators that are all the same one, whose inputs are one list of 65,536 tensors."""
    count = 1 << 16
    builder = importlib.import_module("flatbuffers").Builder(1 << 20)

    def vector(items: list[int]) -> int:
        builder.StartVector(4, len(items), 4)
        for item in items:
            builder.PrependUOffsetTRelative(item)
        return int(builder.EndVector())

    def table(**slots: int) -> int:
        builder.StartObject(8)
        for slot, offset in slots.items():
            builder.PrependUOffsetTRelativeSlot(int(slot[1:]), offset, 0)
        return int(builder.EndObject())

    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependInt32(0)
    operator = table(_1=builder.EndVector())
    graph = table(_3=vector([operator] * count))
    codes, graphs = vector([table()]), vector([graph])
    builder.StartObject(8)
    builder.PrependUint32Slot(0, 3, 0)
    builder.PrependUOffsetTRelativeSlot(1, codes, 0)
    builder.PrependUOffsetTRelativeSlot(2, graphs, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_a_file_made_to_swell_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(bomb())
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(path)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )
    told, peak_kib = done.stdout.splitlines()
    assert told.endswith("(its lists overlap beyond measure); fetch it again")
    assert int(peak_kib) < 200 * 1024
    assert time.monotonic() - began_s < 20
