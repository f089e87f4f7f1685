"""A model as it was trained, run by TensorFlow behind an engine's promises: the float twin itself.

Needs TensorFlow, which is imported here when a model is opened.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeagent.engines import Seat, Turnstile
from edgeagent.errors import AcceleratorError, BundleError, RuntimeRefusedError, UsageError
from edgeagent.model import Bundle, ModelFile
from edgeagent.tensor import Tensor, TensorSpec

KERAS = (".keras", ".h5")
"""What Keras keeps a whole model in."""

Call = Callable[[Any], Any]


def is_trained(path: Path) -> bool:
    """Say whether ``path`` is a model as TensorFlow keeps it: Keras's file, or a SavedModel."""
    return path.suffix in KERAS or (path / "saved_model.pb").is_file()


def platform_of(path: Path) -> str:
    """Return what the protocol calls the format of ``path``."""
    return "keras" if path.suffix in KERAS else "tensorflow_savedmodel"


def open_trained(bundle: Bundle, path: Path) -> "Trained":
    """Load the model in ``path`` in the place of the bundle's file.

    Its outputs are known by their shapes, which are those of the bundle's; what a byte of a picture
    is to it, the bundle's quantised input says, as for `evaluation.twin.float_twin`.

    Raises:
        UsageError: there is no such file.
        RuntimeRefusedError: TensorFlow is not installed, or does not take it.
        BundleError: its tensors are not those of the bundle.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; give the float model")
    began_s = time.perf_counter()
    call = _load(path)
    trained = Trained(bundle, path, call)
    trained.load_ms = (time.perf_counter() - began_s) * 1000
    return trained


def _load(path: Path) -> Call:
    try:
        import tensorflow as tf
    except ImportError as error:
        raise RuntimeRefusedError(
            f"{path}: wants TensorFlow ({error}); scripts/setup train, or serve the .tflite"
        ) from error
    try:
        if path.suffix in KERAS:
            net = tf.keras.models.load_model(path, compile=False)
            kept: Call = tf.function(lambda image: net(image, training=False), autograph=False)
            return kept
        return _by_signature(tf.saved_model.load(str(path)))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        why = str(error).partition("\n")[0]
        raise RuntimeRefusedError(f"{path}: TensorFlow does not take it: {why}") from error


def _by_signature(held: Any) -> Call:  # noqa: ANN401
    signature = held.signatures.get("serving_default")
    names = list(signature.structured_input_signature[1]) if signature else []
    if len(names) != 1:
        raise ValueError("its signature 'serving_default' is none of one input")

    def call(image: Any) -> Any:  # noqa: ANN401
        assert held is not None  # a signature lives only as long as what it was loaded with
        return signature(**{names[0]: image})

    return call


class Trained:
    """TensorFlow as an engine; see `engines.Engine`, and `engines.Seat`, which it is itself."""

    name = "cpu"
    ease = 1.0
    load_ms = 0.0

    def __init__(self, bundle: Bundle, path: Path, call: Call) -> None:
        """Run it once on zeros, by which its outputs are known."""
        taken = _taken(bundle.some_file.input)
        self._call: Call | None = call
        self.input: Tensor = np.zeros(taken.shape, taken.dtype)
        self.takes: TensorSpec = taken
        self.invoke_us = 0
        self._turnstile = Turnstile()
        given = self._outputs(path)
        self.first_ms = self.invoke_us / 1000
        self._places = _places(path, bundle, given)
        outputs = {role: TensorSpec("", given[place].shape, "float32")
                   for role, place in self._places.items()}  # fmt: skip
        size_bytes, sha256 = _digest(path)
        self.file = ModelFile(path, size_bytes, sha256, taken, outputs)
        self.bundle = replace(bundle, files={"cpu": self.file})

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """See `Engine.seat`."""
        with self._turnstile:
            if self._call is None:
                raise AcceleratorError("engine 'cpu' is closed; open it again", cause="closed")
            yield self

    def run(self) -> Mapping[str, Tensor]:
        """See `Seat.run`."""
        given = self._outputs(self.file.path)
        return {role: given[place] for role, place in self._places.items()}

    def close(self) -> None:
        """See `Engine.close`."""
        with self._turnstile:
            self._call = None

    def _outputs(self, path: Path) -> list[Tensor]:
        assert self._call is not None, "run() is for who sits"
        began_ns = time.perf_counter_ns()
        try:
            given = self._call(self.input)
            # TensorFlow's errors have no base but Exception.
        except Exception as error:
            why = str(error).partition("\n")[0]
            raise AcceleratorError(f"{path}: did not run: {why}") from error
        outputs = [np.asarray(one, np.float32) for one in _flat(given)]
        self.invoke_us = (time.perf_counter_ns() - began_ns) // 1000
        return [*outputs]


def _flat(given: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(given, Mapping):
        return [given[name] for name in sorted(given)]
    return [*given] if isinstance(given, list | tuple) else [given]


def _taken(quantised: TensorSpec) -> TensorSpec:
    """Return the float input of the model that ``quantised`` was made from."""
    if quantised.dtype == "float32":
        return quantised
    # An int8 model's value is the byte less 128.
    shift = 128 if quantised.dtype == "int8" else 0
    return replace(quantised, dtype="float32", zero_point=quantised.zero_point + shift)


def _places(path: Path, bundle: Bundle, given: Sequence[Tensor]) -> dict[str, int]:
    """Return which of ``given`` plays each role."""
    shapes = [one.shape for one in given]
    found = {}
    for role, spec in bundle.some_file.outputs.items():
        if shapes.count(spec.shape) != 1:
            told = " and ".join(str(list(shape)) for shape in shapes)
            raise BundleError(
                f"{path}: of its outputs, {told}, there must be one of {list(spec.shape)} to be "
                f"{role!r}; give the float model that {bundle.name} was quantised from"
            )
        found[role] = shapes.index(spec.shape)
    return found


def _digest(path: Path) -> tuple[int, str]:
    """Return the bytes of a file, or of all in a folder, and their sha256."""
    inside = path.rglob("*") if path.is_dir() else iter([path])
    files = sorted(file for file in inside if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return sum(file.stat().st_size for file in files), digest.hexdigest()
