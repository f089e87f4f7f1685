"""A trained model becomes a quantised file, calibrated by the features it was trained on."""

from collections.abc import Callable
from pathlib import Path

from edgeagent.workshop.pipeline.featurising import read_features
from edgeagent.workshop.pipeline.training import KERAS

TFLITE = "model.tflite"
REPORT = "report.json"

CALIBRATED = 64
"""Features that it is calibrated by, spread over all."""


def shrink(trained: Path, features: Path, into: Path, tell: Callable[[str], None]) -> str:
    """Write ``model.tflite`` and ``report.json`` into ``into``; return the sha256 of the former.

    Args:
        trained: a folder with ``model.keras``, as `train` left it.
        features: as `featurise` left it.
        into: a folder.
        tell: hears of each step, and the account.

    Raises:
        ModelError: the model cannot be read or converted.
    """
    from edgeagent.workshop import born
    from edgeagent.workshop.build import build

    images, _, _ = read_features(features, "train")
    pictures = list(images[:: -(-len(images) // CALIBRATED)])
    built = build(born.read(trained / KERAS), "model", pictures, tell)
    into.mkdir(parents=True, exist_ok=True)
    (into / TFLITE).write_bytes(built.model)
    (into / REPORT).write_bytes(built.report.timeless())
    for line in built.report.lines():
        tell(line)
    return built.report.digest
