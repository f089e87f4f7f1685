"""Makes the small models in ``tests/models``: one net, four of the heads that Coral's owners have.

python scripts/decoder_models.py       (needs tensorflow-cpu 2.21 and ai-edge-litert)

The net is `squares`. What is real is all that comes after it: TensorFlow's converter quantises it
as it does anyone's, and ``TFLite_Detection_PostProcess`` is the runtime's own. The same versions
make the same bytes.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.squares import LABELS, SIZE, dfl, ssd, v5, v8

MODELS = Path(__file__).parents[1] / "tests" / "models"

Image = NDArray[np.uint8]


def scene(random: np.random.Generator) -> Image:
    """Return a grey picture with noise and up to four squares of any colour."""
    image = random.normal(random.uniform(60, 180), 8, (SIZE, SIZE, 3))
    for _ in range(random.integers(0, 5)):
        side = int(random.integers(16, 90))
        x, y = random.integers(0, SIZE - side + 1, 2)
        pure = random.integers(0, 3)
        colour = [[235, 30, 30], [30, 30, 235], random.integers(0, 256, 3)][pure]
        image[y : y + side, x : x + side] = colour
    return np.clip(image, 0, 255).astype(np.uint8)


def scenes() -> Iterator[list[NDArray[np.float32]]]:
    """Yield what the converter calibrates on."""
    random = np.random.default_rng(7)
    for _ in range(200):
        yield [scene(random)[None].astype(np.float32) / 255]


def picture() -> Image:
    """Return the golden picture: a red square of 48 pixels and a blue one of 24, on grey."""
    image = np.full((SIZE, SIZE, 3), 110, np.uint8)
    image[14:62, 2:50] = (230, 30, 30)
    image[65:89, 63:87] = (30, 30, 230)
    return image


Head = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]


def convert(head: Head, taken: tf.DType, given: tf.DType) -> bytes:
    """Return the net with ``head`` as a .tflite file, quantised throughout."""
    taken_spec = tf.TensorSpec((1, SIZE, SIZE, 3), name="image")
    net = tf.Module()
    net.serve = tf.function(head, input_signature=[taken_spec])
    called = net.serve.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([called], net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = scenes
    converter.allow_custom_ops = True
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = taken, given
    made: bytes = converter.convert()
    return made


def roles(head: Head, details: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Say which output is which: the converter numbers them in the order of their names."""
    names = sorted(head(tf.zeros((1, SIZE, SIZE, 3))))
    by_number = sorted(details, key=lambda detail: str(detail["name"]))
    return dict(zip(names, by_number, strict=True))


def manifest(name: str, decoder: str, data: bytes, taken: str, given: Mapping[str, str]) -> str:
    """Return the text of ``manifest.toml``."""
    head = f"""name = "{name}"
version = "1"
task = "detect"
decoder = "{decoder}"
licence = "Apache-2.0"
origin = "scripts/decoder_models.py"

[files.cpu]
path = "model.tflite"
size_bytes = {len(data)}
sha256 = "{hashlib.sha256(data).hexdigest()}"

[files.cpu.input]
{taken}"""
    return head + "".join(
        f"\n[files.cpu.outputs.{role}]\n{text}" for role, text in sorted(given.items())
    )


def tensor(detail: Mapping[str, Any]) -> str:
    """Return one tensor's lines of the manifest."""
    scale, zero_point = detail["quantization"]
    return f"""name = "{detail["name"]}"
shape = {[int(edge) for edge in detail["shape"]]}
dtype = "{np.dtype(detail["dtype"]).name}"
scale = {scale:.17g}
zero_point = {zero_point}
"""


def golden(interpreter: Interpreter, outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the golden picture, and what the net says to it."""
    image, taken = picture()[None], interpreter.get_input_details()[0]
    # A byte with its highest bit turned over is the byte less 128.
    fitted = image if taken["dtype"] is np.uint8 else (image ^ 0x80).view(np.int8)
    interpreter.set_tensor(taken["index"], fitted)
    interpreter.invoke()
    get = interpreter.get_tensor
    return {"image": image, **{role: get(detail["index"]) for role, detail in outputs.items()}}


def bundle(name: str, decoder: str, head: Head, taken: tf.DType, given: tf.DType) -> None:
    """Write ``tests/models/name``."""
    folder = MODELS / name
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    data = convert(head, taken, given)
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    outputs = roles(head, interpreter.get_output_details())
    (folder / "model.tflite").write_bytes(data)
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    np.savez_compressed(folder / "golden" / "squares.npz", **golden(interpreter, outputs))
    texts = {role: tensor(detail) for role, detail in outputs.items()}
    first = tensor(interpreter.get_input_details()[0])
    (folder / "manifest.toml").write_text(manifest(name, decoder, data, first, texts))


def main() -> None:
    """Write all four anew."""
    bundle("squares-ssd", "ssd", ssd, tf.uint8, tf.float32)
    bundle("squares-v8", "yolo", v8, tf.int8, tf.int8)
    bundle("squares-v5", "yolo", v5, tf.uint8, tf.uint8)
    bundle("squares-dfl", "yolo_dfl", dfl, tf.int8, tf.int8)


if __name__ == "__main__":
    main()
