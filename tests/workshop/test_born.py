"""Every kind of model is read to the same answers; what cannot be read says why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeagent.errors import EdgeagentError, ModelError, UsageError

from .nets import GIVEN, SIDE, TAKEN, feeds, keras_net, run, swish_graph, write_tfjs


def as_keras(folder: Path) -> Path:
    keras_net().save(folder / "net.keras")
    return folder / "net.keras"


def as_saved_model(folder: Path) -> Path:
    keras_net().export(folder / "saved", verbose=False)
    return folder / "saved"


@pytest.mark.parametrize("make", [as_keras, as_saved_model])
def test_a_model_with_variables_is_frozen_to_the_same_answers(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    from edgeagent.workshop import born

    net, model = keras_net(), born.read(make(tmp_path))
    assert model.nodes_before > 0
    assert model.shape == [1, SIDE, SIDE, 3]
    assert not any(node.op.startswith(("Var", "ReadVar")) for node in model.graph.node)
    [given] = model.given.values()
    for feed in feeds(3):
        wanted = net(feed, training=False).numpy()
        assert np.allclose(run(model.graph, feed, model.taken, given), wanted, atol=1e-5)


@pytest.mark.parametrize(("kind", "off"), [("float32", 1e-6), ("float16", 0.01), ("uint8", 0.2)])
def test_a_graph_of_tensorflow_js_is_read_with_its_weights(
    tmp_path: Path, kind: str, off: float
) -> None:
    from edgeagent.workshop import born

    write_tfjs(swish_graph(1), tmp_path / "js", kind)
    model = born.read(tmp_path / "js")
    assert (model.taken, dict(model.given)) == (TAKEN, {"net_head_added": GIVEN})
    wanted = run(swish_graph(1), feeds(1)[0])
    assert np.abs(run(model.graph, feeds(1)[0]) - wanted).max() <= off * np.abs(wanted).max()


def test_a_frozen_graph_may_be_cut_at_a_node(tmp_path: Path) -> None:
    from edgeagent.workshop import born

    (tmp_path / "net.pb").write_bytes(swish_graph().SerializeToString())
    model = born.read(tmp_path / "net.pb", outputs=["net/wide/added"])
    assert dict(model.given) == {"net_wide_added": "net/wide/added"}


def lost_weights(folder: Path) -> Path:
    write_tfjs(swish_graph(), folder / "js", "float32")
    (folder / "js" / "w.bin").write_bytes(b"\0" * 40)
    return folder / "js"


def garbage(folder: Path) -> Path:
    (folder / "net.keras").write_bytes(b"no archive")
    return folder / "net.keras"


def wrong_kind(folder: Path) -> Path:
    (folder / "net.onnx").write_bytes(b"")
    return folder / "net.onnx"


def no_pictures(folder: Path) -> Path:
    import tensorflow as tf

    net = tf.keras.Sequential([tf.keras.Input((10,)), tf.keras.layers.Dense(2)])
    net.save(folder / "net.keras")
    return folder / "net.keras"


def any_size(folder: Path) -> Path:
    import tensorflow as tf

    layers = [tf.keras.Input((None, None, 3)), tf.keras.layers.Conv2D(2, 3)]
    tf.keras.Sequential(layers).save(folder / "net.keras")
    return folder / "net.keras"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda folder: folder / "nothing.keras", UsageError, "no such file"),
        (lambda folder: folder, UsageError, "neither saved_model.pb nor model.json"),
        (wrong_kind, UsageError, "not one of .h5, .json"),
        (garbage, ModelError, "cannot be read"),
        (lost_weights, ModelError, "the weights end within"),
        (no_pictures, ModelError, "not pictures"),
        (any_size, UsageError, "say which with --size"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, make: Callable[[Path], Path], error: type[EdgeagentError], words: str
) -> None:
    from edgeagent.workshop import born

    with pytest.raises(error, match=words):
        born.read(make(tmp_path))


def test_a_model_of_any_size_takes_the_size_it_is_given(tmp_path: Path) -> None:
    from edgeagent.workshop import born

    model: Any = born.read(any_size(tmp_path), (48, 24))
    assert model.shape == [1, 24, 48, 3]
