"""Models on the CPU: the only place that imports an interpreter.

LiteRT writes one line about its XNNPACK delegate on standard error when it loads a model. It
comes from C++ and has no switch; taking file descriptor 2 away meanwhile would also take it from
every other thread, so the line stays.
"""

import importlib
import importlib.metadata
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeagent.engines import Seat, Tell, Turnstile
from edgeagent.errors import AcceleratorError, BundleError, RuntimeRefusedError
from edgeagent.findings import Notice
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import Tensor, TensorSpec

_COMPILED = b"edgetpu-custom-op"
"""The operator into which the Edge TPU compiler folds what it takes over."""

_RUNTIMES = {
    "litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tflite": ("tflite_runtime.interpreter", "tflite-runtime"),
}
"""Name in the settings to module and package."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An interpreter that is installed."""

    interpreter: Any
    """The class ``Interpreter``."""
    package: str
    version: str

    def __str__(self) -> str:
        """Package and version: what a trial is valid for."""
        return f"{self.package} {self.version}"


def find_runtime(runtime: str = "auto") -> Runtime:
    """Import the interpreter that ``runtime`` names: ``litert``, ``tflite`` or ``auto``.

    Raises:
        RuntimeRefusedError: it is not installed, or cannot be imported.
    """
    names = list(_RUNTIMES) if runtime == "auto" else [runtime]
    whys = []
    for module, package in (_RUNTIMES[name] for name in names):
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            whys.append(str(error))
        else:
            return Runtime(found.Interpreter, package, _version(package))
    packages = " or ".join(_RUNTIMES[name][1] for name in names)
    raise RuntimeRefusedError(
        f"no interpreter for runtime {runtime!r} ({'; '.join(whys)}); "
        f"install one: python -m pip install {packages}"
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        # Built by hand, or unpacked without its metadata.
        return "of unknown version"


def load(path: Path, runtime: Runtime, threads: int) -> Any:  # noqa: ANN401
    """Return an interpreter with the model at ``path`` and its tensors in memory.

    Raises:
        BundleError: the file is compiled for the Edge TPU.
        RuntimeRefusedError: the interpreter does not take it.
    """
    if _COMPILED in path.read_bytes():
        raise BundleError(
            f"{path}: is compiled for the Edge TPU (operator {_COMPILED.decode()}) and cannot "
            "run on the CPU; name the file it was compiled from"
        )
    try:
        interpreter = runtime.interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        raise RuntimeRefusedError(f"{path}: {runtime} does not take it: {why}") from error
    return interpreter


def open_cpu(bundle: Bundle, runtime: str, threads: int, warm: bool, tell: Tell) -> "CpuEngine":
    """Load the bundle's ``cpu`` file; see `engines.open_engine`."""
    engine = CpuEngine(bundle, find_runtime(runtime), threads)
    if warm:
        with engine.seat() as seat:
            seat.run()
    tell(Notice("engine", "ready", engine.story, engine.name))
    return engine


class CpuEngine:
    """A TFLite interpreter on the CPU; see `Engine`, and `Seat`, which it is itself."""

    name = "cpu"

    def __init__(self, bundle: Bundle, runtime: Runtime, threads: int) -> None:
        self.bundle = bundle
        self.file = bundle.files["cpu"]
        self.runtime = runtime
        began_s = time.perf_counter()
        self._interpreter = load(self.file.path, runtime, threads)
        self.load_ms = (time.perf_counter() - began_s) * 1000
        self.first_ms = 0.0
        self.takes: TensorSpec = self.file.input
        self._input_index, self._output_indices = _match(self._interpreter, self.file)
        self.input: Tensor = np.zeros(self.takes.shape, self.takes.dtype)
        self.invoke_us = 0
        self._turnstile = Turnstile()

    @property
    def story(self) -> str:
        """What runs here, and how long it took to get ready, in words."""
        return (
            f"{self.bundle.name} {self.file.digest8} by {self.runtime}, "
            f"loaded in {self.load_ms:.0f} ms, first call {self.first_ms:.0f} ms"
        )

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """See `Engine.seat`."""
        with self._turnstile:
            if self._interpreter is None:
                raise AcceleratorError("engine 'cpu' is closed; open it again", cause="closed")
            yield self

    def run(self) -> Mapping[str, Tensor]:
        """See `Seat.run`."""
        began_ns = time.perf_counter_ns()
        try:
            self._interpreter.set_tensor(self._input_index, self.input)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            why = str(error).partition("\n")[0]
            raise AcceleratorError(f"engine 'cpu': {self.file.path} did not run: {why}") from error
        taken_ns = time.perf_counter_ns() - began_ns
        self.invoke_us = taken_ns // 1000
        self.first_ms = self.first_ms or taken_ns / 1e6
        get = self._interpreter.get_tensor
        return {role: get(index) for role, index in self._output_indices.items()}

    def close(self) -> None:
        """See `Engine.close`."""
        with self._turnstile:
            self._interpreter = None


def _match(interpreter: Any, file: ModelFile) -> tuple[int, dict[str, int]]:  # noqa: ANN401
    """Return the interpreter's index of the input, and of the output in each role.

    Raises:
        BundleError: with every tensor that is not as the manifest says.
    """
    faults: list[str] = []
    taken = _index(interpreter.get_input_details(), file.input, "input", faults)
    details = interpreter.get_output_details()
    given = {
        role: _index(details, spec, f"outputs.{role}", faults)
        for role, spec in file.outputs.items()
    }
    if faults:
        raise BundleError("\n".join(f"{file.path}: {fault}" for fault in faults))
    return taken, given


def _index(details: list[dict[str, Any]], spec: TensorSpec, where: str, faults: list[str]) -> int:
    names = [detail["name"] for detail in details]
    places = [f"#{place}" for place in range(len(details))]
    wanted = names if spec.name in names else places
    if spec.name not in wanted:
        faults.append(f"{where}: has no tensor {spec.name!r}; there are {', '.join(names)}")
        return -1
    detail = details[wanted.index(spec.name)]
    if fault := _difference(detail, spec):
        faults.append(f"{where}: {spec.name} {fault}; deploy the bundle again")
    return int(detail["index"])


def _difference(detail: dict[str, Any], spec: TensorSpec) -> str:
    """Say how the file's tensor differs from the manifest's, "" where it does not."""
    shape = tuple(int(edge) for edge in detail["shape"])
    dtype = np.dtype(detail["dtype"]).name
    scale, zero_point = detail["quantization"]
    if shape != spec.shape:
        return f"has the shape {list(shape)}, the manifest says {list(spec.shape)}"
    if dtype != spec.dtype:
        return f"is of {dtype}, the manifest says {spec.dtype}"
    # A float input's scale in the manifest says how bytes become reals: the file has none.
    if dtype != "float32" and not _same((scale, zero_point), spec):
        return (
            f"has the quantisation {scale!r}, {zero_point}, "
            f"the manifest says {spec.scale!r}, {spec.zero_point}"
        )
    return ""


def _same(quantisation: tuple[float, int], spec: TensorSpec) -> bool:
    # Scales are float32 in the file: six digits in the manifest are enough.
    scale, zero_point = quantisation
    return bool(np.isclose(scale, spec.scale, rtol=1e-6, atol=0)) and zero_point == spec.zero_point
