"""Models in a TFLite interpreter: the only place that imports one.

LiteRT writes one line about its XNNPACK delegate on standard error when it loads a model. It
comes from C++ and has no switch; taking file descriptor 2 away meanwhile would also take it from
every other thread, so the line stays.
"""

import importlib
import importlib.metadata
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeagent.engines import Seat, Tell, Turnstile
from edgeagent.engines.matching import Described, match
from edgeagent.errors import AcceleratorError, BundleError, RuntimeRefusedError
from edgeagent.findings import Notice
from edgeagent.tensor import Tensor, TensorSpec

if TYPE_CHECKING:
    from edgeagent.model import Bundle

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
    load_delegate: Any = None
    """The function of that name, beside the class."""

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
            version = _version(package)
            return Runtime(
                found.Interpreter, package, version, getattr(found, "load_delegate", None)
            )
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


def load(path: Path, runtime: Runtime, threads: int, delegate: Any = None) -> Any:  # noqa: ANN401
    """Return an interpreter with the model at ``path`` and its tensors in memory.

    Raises:
        BundleError: the file is compiled for the Edge TPU, and there is no delegate to run it.
        RuntimeRefusedError: the interpreter does not take it.
    """
    if delegate is None and _COMPILED in path.read_bytes():
        raise BundleError(
            f"{path}: is compiled for the Edge TPU (operator {_COMPILED.decode()}) and cannot "
            "run on the CPU; name the file it was compiled from"
        )
    delegates = {} if delegate is None else {"experimental_delegates": [delegate]}
    try:
        interpreter = runtime.interpreter(model_path=str(path), num_threads=threads, **delegates)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        raise RuntimeRefusedError(f"{path}: {runtime} does not take it: {why}") from error
    return interpreter


class Loaded:
    """A file in an interpreter; the same in the agent's own process and in a child.

    Raises:
        BundleError: the file's tensors are not those of the manifest.
        RuntimeRefusedError: see `load`.
    """

    def __init__(
        self,
        file: Described,
        runtime: Runtime,
        threads: int,
        delegate: Any = None,  # noqa: ANN401
    ) -> None:
        self._interpreter = load(file.path, runtime, threads, delegate)
        self._input_index, self._output_indices = match(self._interpreter, file)

    def invoke(self, taken: Tensor) -> int:
        """Run on ``taken`` and return how long that took, in nanoseconds.

        Raises:
            ValueError, RuntimeError: the interpreter's own.
        """
        began_ns = time.perf_counter_ns()
        self._interpreter.set_tensor(self._input_index, taken)
        self._interpreter.invoke()
        return time.perf_counter_ns() - began_ns

    def outputs(self) -> dict[str, Tensor]:
        """Return a copy of each output of the last run, by role."""
        get = self._interpreter.get_tensor
        return {role: get(index) for role, index in self._output_indices.items()}

    def bind(self, taken: Tensor, given: Mapping[str, Tensor]) -> Callable[[], int]:
        """Return a function that runs from ``taken`` into ``given``, as `invoke` else.

        For a child, which is woken with cold caches: all it can look up once, it has.
        """
        invoke = self.invoke
        # Views, not get_tensor's copies; each must be gone before the next run, and is.
        copies = [
            (given[role], self._interpreter.tensor(index))
            for role, index in self._output_indices.items()
        ]

        def run() -> int:
            taken_ns = invoke(taken)
            for into, view in copies:
                into[...] = view()
            return taken_ns

        return run


def open_cpu(bundle: "Bundle", runtime: str, threads: int, warm: bool, tell: Tell) -> "CpuEngine":
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
    ease = 1.0

    def __init__(self, bundle: "Bundle", runtime: Runtime, threads: int) -> None:
        self.bundle = bundle
        self.file = bundle.cpu_file()
        self.runtime = runtime
        began_s = time.perf_counter()
        self._loaded: Loaded | None = Loaded(self.file, runtime, threads)
        self.load_ms = (time.perf_counter() - began_s) * 1000
        self.first_ms = 0.0
        self.takes: TensorSpec = self.file.input
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
            if self._loaded is None:
                raise AcceleratorError("engine 'cpu' is closed; open it again", cause="closed")
            yield self

    def run(self) -> Mapping[str, Tensor]:
        """See `Seat.run`."""
        assert self._loaded is not None, "run() is for who sits"
        try:
            taken_ns = self._loaded.invoke(self.input)
        except (ValueError, RuntimeError) as error:
            why = str(error).partition("\n")[0]
            raise AcceleratorError(f"engine 'cpu': {self.file.path} did not run: {why}") from error
        self.invoke_us = taken_ns // 1000
        self.first_ms = self.first_ms or taken_ns / 1e6
        return self._loaded.outputs()

    def close(self) -> None:
        """See `Engine.close`."""
        with self._turnstile:
            self._loaded = None
