"""A model as it was trained, served by TensorFlow in the terms of its bundle."""

from pathlib import Path

import numpy as np
import pytest

from edgeagent.engines import open_engine
from edgeagent.errors import AcceleratorError, BundleError, RuntimeRefusedError, UsageError
from edgeagent.model import bundles_folder, find_bundle, load_bundle
from edgeagent.serving.answering import Served
from edgeagent.serving.protocol import Message, Named
from edgeagent.serving.terms import heard
from edgeagent.serving.trained import open_trained, platform_of

from .colours import Made

BUNDLE = find_bundle("coco16-320", [bundles_folder()])


def keras_of(made: Made) -> Path:
    """The net that the model of two colours was made from."""
    return made.model.parent / "k" / "model.keras"


def test_a_keras_twin_answers_in_the_terms_of_the_bundle(made: Made, tmp_path: Path) -> None:
    import tensorflow as tf

    bundle = load_bundle(made.bundle(tmp_path / "bundles"))
    keras = keras_of(made)
    tf.keras.models.load_model(keras).export(str(tmp_path / "saved"), verbose=False)
    assert (platform_of(keras), platform_of(tmp_path / "saved")) == (
        "keras",
        "tensorflow_savedmodel",
    )
    image = np.full(bundle.some_file.input.shape, 30, np.uint8)
    image[..., 2 - sum(b"b") % 3] = 220
    answers = []
    trained = [open_trained(bundle, path) for path in (keras, tmp_path / "saved")]
    for engine in (*trained, open_engine(bundle)):
        served = Served("m", engine, 0.4, 2, "x")
        answers.append(heard(served.answer(Message([Named("image", image)])), "classify"))
        engine.close()
    assert [one[0].name for one in answers] == ["b"] * 3  # type: ignore[union-attr]
    scores = [one[0].score for one in answers]  # type: ignore[union-attr]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert scores[0] == pytest.approx(scores[2], abs=0.05)


def test_a_float_model_that_is_none_of_the_bundles_is_said(made: Made, tmp_path: Path) -> None:
    # The detector's input is larger, which a net without dense layers on it would not mind.
    with pytest.raises((BundleError, AcceleratorError), match=r"there must be one of|did not run"):
        open_trained(BUNDLE, keras_of(made))
    broken = tmp_path / "broken.keras"
    broken.write_bytes(b"PK")
    with pytest.raises(RuntimeRefusedError, match="does not take it"):
        open_trained(BUNDLE, broken)
    with pytest.raises(UsageError, match="no such file"):
        open_trained(BUNDLE, tmp_path / "nowhere.keras")
