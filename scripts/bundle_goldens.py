"""Makes the golden tensors of the bundles and of the decoders' tests by running the real models.

python scripts/bundle_goldens.py STILLS CLIP TESTDATA

STILLS is the ``data`` folder of the scikit-image package (astronaut.png, NASA, public domain;
chelsea.png, CC0), CLIP is cockatoo.mp4 (BSD-2-Clause, of python3-imageio), TESTDATA has
google-coral/test_data's classifier, extractor and stills (Apache-2.0). Nothing else goes in.
Pictures are cut to 32 levels a channel, which halves the files and is as good an input as any.
"""

import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.adding.sealing import seal
from edgeagent.engines import open_engine
from edgeagent.engines.tflite import find_runtime, load
from edgeagent.model import Bundle, bundles_folder, find_bundle
from edgeagent.tensor import Tensor

Image = NDArray[np.uint8]

THRESHOLD = 0.3
GOLDEN = Path(__file__).parents[1] / "tests" / "golden"


def letterbox(image: Image, size: int) -> Image:
    """Return ``image`` scaled into a black square, 32 levels a channel."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    shape = round(width * scale), round(height * scale)
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
    out = np.zeros((size, size, 3), np.uint8)
    top, left = (size - shape[1]) // 2, (size - shape[0]) // 2
    out[top : top + shape[1], left : left + shape[0]] = small
    return out & np.uint8(0xF8)


def still(path: Path) -> Image:
    """Return the picture in ``path`` as RGB."""
    bgr = cv2.imread(str(path))
    assert bgr is not None, path
    return np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)


def frame(clip: Path, number: int) -> Image:
    """Return frame ``number`` of ``clip`` as RGB."""
    with av.open(str(clip)) as container:
        found = next(islice(container.decode(video=0), number, None))
        return np.asarray(found.to_ndarray(format="rgb24"), np.uint8)


def run(bundle: Bundle, image: Image) -> Mapping[str, Tensor]:
    """Return the raw outputs of ``bundle`` for ``image``."""
    engine = open_engine(bundle)
    with engine.seat() as seat:
        seat.input[0] = image
        return seat.run()


def run_file(path: Path, image: Image) -> Tensor:
    """Return the only output of the model in ``path`` for ``image``, scaled to its input."""
    interpreter = load(path, find_runtime(), threads=1)
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    size = int(taken["shape"][1]), int(taken["shape"][2])
    fitted = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    interpreter.set_tensor(taken["index"], fitted[None])
    interpreter.invoke()
    raw: Tensor = interpreter.get_tensor(given["index"])
    return raw


Found = tuple[float, int, list[float]]
"""Score, class, and left, top, right, bottom in input pixels."""


def plain_centernet(bundle: Bundle, outputs: Mapping[str, Tensor]) -> list[Found]:
    """Decode the slow way, cell by cell in floats: what the fast way must agree with."""
    specs = bundle.files["cpu"].outputs
    heat = specs["heat"].dequantise(outputs["heat"])[0]
    box = specs["box"].dequantise(outputs["box"])[0]
    found: list[Found] = []
    for y, x, c in np.argwhere(heat >= THRESHOLD):
        around = heat[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2, c]
        if heat[y, x, c] == around.max():
            left, top, right, bottom = box[y, x]
            edges = [4 * x - left, 4 * y - top, 4 * x + right, 4 * y + bottom]
            found.append((float(heat[y, x, c]), int(c), [float(edge) for edge in edges]))
    return plain_nms(sorted(found, key=lambda one: -one[0]), bundle.params.nms_iou)


def plain_nms(found: list[Found], most_iou: float) -> list[Found]:
    """Drop each box that overlaps a better one of its class by more than ``most_iou``."""
    kept: list[Found] = []
    for one in found:
        rivals = [other for other in kept if other[1] == one[1]]
        if all(overlap(one[2], other[2]) <= most_iou for other in rivals):
            kept.append(one)
    return kept


def overlap(a: list[float], b: list[float]) -> float:
    """Return intersection over union."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    whole = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (whole - width * height)


def write(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write ``arrays`` compressed; the same arrays make the same bytes."""
    np.savez_compressed(path, **arrays)


def write_bundles(person: Image, cat: Image) -> None:
    """Write ``golden/`` of both bundles that ship."""
    for name, size in (("coco16-320", 320), ("embed88-128", 128)):
        bundle = find_bundle(name, [bundles_folder()])
        for what, picture in (("person", person), ("cat", cat)):
            image = letterbox(picture, size)
            path = bundle.folder / "golden" / f"{what}.npz"
            path.parent.mkdir(exist_ok=True)
            write(path, {"image": image[None], **run(bundle, image)})
        seal(bundle)


def write_centernet(name: str, picture: Image) -> None:
    """Write outputs of the detector with what the slow decoder reads in them."""
    bundle = find_bundle("coco16-320", [bundles_folder()])
    outputs = run(bundle, picture)
    found = plain_centernet(bundle, outputs)
    write(
        GOLDEN / f"{name}.npz",
        {
            **outputs,
            "score": np.array([one[0] for one in found], np.float32),
            "kind": np.array([one[1] for one in found], np.int64),
            "edges_px": np.array([one[2] for one in found], np.float32),
        },
    )


def quadrants(person: Image, cat: Image, bird: Image) -> Image:
    """Return four small pictures in one."""
    parts = [letterbox(picture, 160) for picture in (person, cat, cat[:, ::-1], bird)]
    return np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])


def write_coral(testdata: Path) -> None:
    """Write what the classifier and the extractor say to two stills."""
    models, images = testdata / "models", testdata / "images"
    for name, file in (
        ("mobilenet_v1_050_160", "mobilenet_v1_0.5_160_quant.tflite"),
        ("extractor_v1_100_224", "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"),
    ):
        raw = {
            what: run_file(models / file, still(images / picture))
            for what, picture in (("cat", "cat.bmp"), ("parrot", "parrot.jpg"))
        }
        write(GOLDEN / f"{name}.npz", raw)


def main() -> None:
    """Write everything anew."""
    stills, clip, testdata = (Path(argument) for argument in sys.argv[1:4])
    GOLDEN.mkdir(exist_ok=True)
    person, cat = still(stills / "astronaut.png"), still(stills / "chelsea.png")
    bird = frame(clip, 250)
    write_bundles(person, cat)
    write_centernet("coco16_bird", letterbox(bird, 320))
    write_centernet("coco16_four", quadrants(person, cat, bird))
    write_coral(testdata)


if __name__ == "__main__":
    main()
