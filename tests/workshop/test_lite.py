"""A float .tflite is taken back to a graph that says the same; what cannot be says why."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeagent.errors import BundleError, EdgeagentError, ModelError, UsageError

from .nets import GIVEN, SIDE, TAKEN, Graph, Net, feeds, images, keras_net, run, swish_graph


def written(graph: Graph, path: Path, mode: str = "float", given: str = GIVEN) -> Path:
    """Convert a graph."""
    from edgeagent.workshop.quantise import saved, to_tflite

    with saved(graph, TAKEN, {"head": given}, [1, SIDE, SIDE, 3]) as folder:
        path.write_bytes(to_tflite(folder, mode, feeds()))  # type: ignore[arg-type]
    return path


def converted(net: Net, path: Path) -> Path:
    """Convert a Keras model."""
    import tensorflow as tf

    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(net).convert())
    return path


def many_ways() -> Net:
    """Return a net of most operators that are known."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(4)
    layers, ops = tf.keras.layers, tf.keras.ops
    image = tf.keras.Input((SIDE, SIDE, 3), batch_size=1)
    x = layers.Conv2D(8, 3, 2, "same", activation="hard_swish")(image)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_uniform")(x)
    deep = layers.DepthwiseConv2D(3, dilation_rate=2, padding="same", depth_multiplier=2)(x)
    x = ops.concatenate([layers.LeakyReLU(0.3)(deep), ops.tanh(deep)], axis=-1)
    x = layers.ZeroPadding2D(1)(layers.AveragePooling2D(2)(x))
    x = layers.Conv2DTranspose(4, 3, 2, "same")(layers.MaxPooling2D(2, 1, "valid")(x))
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.UpSampling2D(2)(x))
    one, other = ops.split(x[:, 1:-1:2, ::2], 2, axis=-1)
    x = ops.maximum(one, -0.5) / (ops.square(other) + 1.0) - ops.sigmoid(one)
    x = ops.transpose(ops.minimum(x, ops.abs(x)), (0, 2, 1, 3))
    x = layers.Dense(5, activation="elu")(layers.Flatten()(layers.Dense(3)(x)))
    return tf.keras.Model(image, layers.Softmax()(x + ops.sum(x, axis=1, keepdims=True)))


@pytest.mark.parametrize("mode", ["float", "fp16"])
def test_a_tflite_is_taken_back_with_its_hard_swishes(tmp_path: Path, mode: str) -> None:
    from edgeagent.workshop import born
    from edgeagent.workshop.hardswish import find_hard_swishes

    model = born.read(written(swish_graph(), tmp_path / "net.tflite", mode))
    assert (model.kind, model.shape) == ("float .tflite", [1, SIDE, SIDE, 3])
    assert list(model.given) == ["head"]
    assert len(list(find_hard_swishes(model.graph))) == 2
    for feed in feeds(2):
        wanted = run(swish_graph(), feed)
        given = run(model.graph, feed, model.taken, model.given["head"])
        off = np.abs(given - wanted).max() / np.ptp(wanted)
        assert off < (0.01 if mode == "fp16" else 1e-4)


def test_what_its_operators_do_is_done_again(tmp_path: Path) -> None:
    from edgeagent.workshop import born

    net = many_ways()
    # Reading it holds the two against each other, operator by operator.
    model = born.read(converted(net, tmp_path / "net.tflite"))
    [given] = model.given.values()
    wanted = net(feeds(1)[0], training=False).numpy()
    assert np.allclose(run(model.graph, feeds(1)[0], model.taken, given), wanted, atol=1e-3)


def test_a_tflite_becomes_a_quantised_file_with_all_repairs(tmp_path: Path) -> None:
    from edgeagent.workshop import born
    from edgeagent.workshop.build import build

    model = born.read(written(swish_graph(200), tmp_path / "net.tflite"))
    built = build(model, "net", images(12), lambda _: None, modes=("int8",))
    assert [line.split()[-1] for line in built.report.repairs[:2]] == ["segments", "gate"]
    assert built.report.rows[-1].least > 0.97


def test_a_tflite_may_be_cut_at_a_tensor(tmp_path: Path) -> None:
    from edgeagent.adding.anatomy import examine
    from edgeagent.workshop import born
    from edgeagent.workshop.lite import read_lite

    path = written(swish_graph(), tmp_path / "net.tflite")
    lite = read_lite(path)
    names = [one.name.decode() for one in lite.read.subgraphs[0].tensors]
    name = names[examine(path).operators[-2].outputs[0]]
    model = born.read(path, outputs=[name])
    [given] = model.given.values()
    found = run(model.graph, feeds(1)[0], model.taken, given)
    assert np.allclose(found, run(swish_graph(), feeds(1)[0], given="net/wide/swish/mul_1"), 1e-3)


def quantised(folder: Path) -> Path:
    return written(swish_graph(), folder / "net.tflite", "int8")


def cut_short(folder: Path) -> Path:
    path = written(swish_graph(), folder / "net.tflite")
    path.write_bytes(path.read_bytes()[:-900])
    return path


def unknown(folder: Path) -> Path:
    import tensorflow as tf

    image = tf.keras.Input((SIDE, SIDE, 3), batch_size=1)
    return converted(tf.keras.Model(image, tf.keras.ops.cumsum(image, 1)), folder / "net.tflite")


def of_numbers(folder: Path) -> Path:
    import tensorflow as tf

    net = tf.keras.Sequential([tf.keras.Input((10,)), tf.keras.layers.Dense(2)])
    return converted(net, folder / "net.tflite")


def web_page(folder: Path) -> Path:
    (folder / "net.tflite").write_bytes(b"<html>not found</html>")
    return folder / "net.tflite"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (quantised, UsageError, "in eight bits already: edgeagent models add"),
        (cut_short, BundleError, "damaged or cut short"),
        (web_page, BundleError, "is a web page"),
        (unknown, ModelError, "CUMSUM, which gives .* cannot be taken back"),
        (of_numbers, ModelError, "not pictures"),
    ],
)
def test_what_cannot_be_taken_back_says_why(
    tmp_path: Path, make: Callable[[Path], Path], error: type[EdgeagentError], words: str
) -> None:
    from edgeagent.workshop import born

    with pytest.raises(error, match=words):
        born.read(make(tmp_path))


def test_a_size_or_an_output_that_it_has_not_is_refused(tmp_path: Path) -> None:
    from edgeagent.workshop import born

    path = written(swish_graph(), tmp_path / "net.tflite")
    assert born.read(path, (SIDE, SIDE)).shape == [1, SIDE, SIDE, 3]
    with pytest.raises(UsageError, match="takes 32x32, which cannot be changed"):
        born.read(path, (48, 48))
    with pytest.raises(UsageError, match="no such tensor"):
        born.read(path, outputs=["nowhere"])


def test_a_graph_that_says_something_else_than_its_file_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    from edgeagent.workshop.lite import hold, read_lite

    lite = read_lite(written(swish_graph(), tmp_path / "net.tflite"))
    other = written(swish_graph(1), tmp_path / "other.tflite")
    hold(lite)
    with pytest.raises(ModelError, match="done by TensorFlow, head is"):
        hold(replace(lite, path=other))


def test_keras_with_batch_norms_goes_the_same_way(tmp_path: Path) -> None:
    from edgeagent.workshop import born

    model = born.read(converted(keras_net(), tmp_path / "net.tflite"))
    [given] = model.given.values()
    wanted = keras_net()(feeds(1)[0], training=False).numpy()
    assert np.allclose(run(model.graph, feeds(1)[0], model.taken, given), wanted, atol=1e-4)
