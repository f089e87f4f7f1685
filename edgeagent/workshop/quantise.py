"""From a frozen graph to .tflite files: in floats, or wholly or partly in eight bits."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from edgeagent.errors import ModelError
from edgeagent.workshop.graph import Floats, Graph, callable_of
from edgeagent.workshop.narrow import narrow, quantised_wider

Mode = Literal["float", "dynamic", "fp16", "int8"]

MODES: Mapping[Mode, str] = {
    "float": "float32 throughout",
    "fp16": "weights in float16",
    "dynamic": "weights in 8 bits",
    "int8": "weights and calculations in 8 bits",
}


def save(graph: Graph, taken: str, given: Mapping[str, str], shape: Sequence[int], to: str) -> None:
    """Write a SavedModel that takes ``image`` and gives the outputs by name.

    The batch is fixed: with an open one, operators that work shapes out stay in the graph, and
    the Edge TPU's compiler refuses them.
    """
    run = callable_of(graph, taken, list(given.values()))
    module = tf.Module()
    module.run = run

    def serve(image: Any) -> dict[str, Any]:  # noqa: ANN401
        return dict(zip(given, run(image), strict=True))

    taking = [tf.TensorSpec(shape, tf.float32, name="image")]
    module.serve = tf.function(serve, input_signature=taking)
    tf.saved_model.save(module, to, signatures={"serving_default": module.serve})


@contextlib.contextmanager
def saved(
    graph: Graph, taken: str, given: Mapping[str, str], shape: Sequence[int]
) -> Iterator[str]:
    """Yield the folder of a SavedModel, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        save(graph, taken, given, shape, folder)
        yield folder


def to_tflite(
    folder: str,
    mode: Mode,
    feeds: Sequence[Floats] = (),
    note: Callable[[str], None] = print,
) -> bytes:
    """Return the file of a SavedModel.

    Args:
        folder: where it is.
        mode: see `MODES`; ``int8`` takes and gives bytes.
        feeds: for ``int8``: inputs that show the ranges.
        note: hears of layers that had to be given other ranges than those seen.

    Raises:
        ModelError: an operator has no quantised form, or the converter gave up.
    """
    model = _converted(_converter(folder, mode, feeds))
    return _widened(folder, feeds, note) if mode == "int8" and narrow(model) else model


def _converter(folder: str, mode: Mode, feeds: Sequence[Floats]) -> Any:  # noqa: ANN401
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
    if mode != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if mode == "int8":
        if not feeds:
            raise ModelError("int8 needs pictures to calibrate by: give --calibrate FOLDER")
        converter.representative_dataset = lambda: ([feed] for feed in feeds)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter


def _widened(folder: str, feeds: Sequence[Floats], note: Callable[[str], None]) -> bytes:
    """Quantise once more, with room in the layers that are next to nothing in all pictures."""
    converter = _converter(folder, "int8", feeds)
    # As the converter's own guide to selective quantisation does it.
    converter._experimental_calibrate_only = True
    model, names = quantised_wider(_converted(converter))
    left = narrow(model)
    if left:
        raise ModelError(
            f"nothing but zero in all {len(feeds)} pictures: {', '.join(left[:5])}; calibrate by "
            "pictures in which there is something for it to see, or end before it with --outputs"
        )
    note(
        f"{len(names)} layers next to zero in all pictures, given room for 1 without having been "
        f"seen there: {', '.join(names[:5])}"
    )
    return model


def _converted(converter: Any) -> bytes:  # noqa: ANN401
    """Convert; what the converter prints is kept for the error."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return bytes(converter.convert())
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            f"the converter refused the graph: {'; '.join(lines[:3])}; see which operator it "
            "names, and cut the graph before it with --outputs"
        ) from error


def as_feed(image: np.ndarray[Any, Any], low: float = 0.0, high: float = 255.0) -> Floats:
    """Return a picture as an input ``[1, height, width, 3]``, black being ``low``."""
    if (low, high) == (0.0, 255.0):
        return image[None].astype(np.float32)
    return (image[None] * ((high - low) / 255) + low).astype(np.float32)
