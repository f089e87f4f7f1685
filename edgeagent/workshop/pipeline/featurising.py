"""From pictures to what a model is given: by the very code that does it on the device.

There is one definition of preprocessing, `edgeagent.preprocess.fit`, and one of decoding, that of
the agent's sources. A second one here, however like it, would train a model for pictures that the
device never makes.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError, UsageError
from edgeagent.findings import WHOLE
from edgeagent.frame import Picture
from edgeagent.preprocess import fit
from edgeagent.sources import open_source
from edgeagent.tensor import TensorSpec
from edgeagent.workshop.pipeline.dataset import (
    LABELS,
    TABLE,
    Split,
    digest_of,
    labels_of,
    read_rows,
    write_rows,
)

IMAGES = "images.npy"

Features = NDArray[np.uint8]
"""``[pictures, side, side, 3]``: bytes as the model's quantised input takes them."""


def input_spec(side_px: int) -> TensorSpec:
    """Return the input of the models that are trained here: the bytes as they are."""
    return TensorSpec("image", (1, side_px, side_px, 3), "uint8", 1.0, 0)


def still(path: Path) -> Picture | None:
    """Return a still as the agent's camera of stills gives it; None: it cannot be decoded."""
    config = CameraConfig(name="still", source="images", address=str(path))
    source = open_source(config, ManualClock(), pace=False)
    try:
        frame = next(iter(source.frames()), None)
    except CameraError:
        return None
    finally:
        source.close()
    return frame.picture if frame else None


def feature(picture: Picture, side_px: int) -> Features:
    """Return ``[side_px, side_px, 3]`` of the whole of ``picture``."""
    spec = input_spec(side_px)
    into: Features = np.empty((side_px, side_px, 3), np.uint8)
    fit(picture, WHOLE, into[None], spec)
    return into


def featurise(folder: Path, side_px: int, into: Path) -> str:
    """Write what a model is given for each picture, and return its digest.

    Args:
        folder: as `ingest` left it.
        side_px: width and height of the model's input.
        into: gets ``images.npy``, ``table.csv`` in the same order, and ``labels.txt``.

    Raises:
        UsageError: a picture cannot be decoded.
    """
    rows = read_rows(folder / TABLE)
    into.mkdir(parents=True, exist_ok=True)
    images = np.stack([_of(folder / row.file, side_px) for row in rows])
    np.save(into / IMAGES, images)
    write_rows(into / TABLE, rows)
    (into / LABELS).write_text("".join(f"{label}\n" for label in labels_of(rows)))
    whole = hashlib.sha256(digest_of(into / TABLE).encode())
    whole.update(repr(images.shape).encode() + images.tobytes())
    return whole.hexdigest()


def _of(path: Path, side_px: int) -> Features:
    picture = still(path)
    if picture is None:
        raise UsageError(f"{path}: is no picture that the device can decode; validate first")
    return feature(picture, side_px)


def read_features(folder: Path, split: Split) -> tuple[Features, NDArray[np.int64], list[str]]:
    """Return images of one split, the place of each one's label, and the labels."""
    rows = read_rows(folder / TABLE)
    labels = (folder / LABELS).read_text().splitlines()
    kept = [place for place, row in enumerate(rows) if row.split == split]
    images = np.load(folder / IMAGES, mmap_mode="r")
    places = [labels.index(rows[place].label) for place in kept]
    return np.ascontiguousarray(images[kept]), np.array(places, np.int64), labels
