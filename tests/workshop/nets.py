"""Small models of every kind that the workshop reads."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32
Floats = NDArray[np.float32]
Graph = Any
Net = Any
Numbers = Any


def feeds(count: int = 6, seed: int = 0) -> list[Floats]:
    """Return pictures as inputs, 0 to 255."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (count, 8, 8, 3))
    return [np.kron(one, np.ones((4, 4, 1)))[None].astype(np.float32) for one in coarse]


def images(count: int = 6, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Return the same as pictures."""
    return [feed[0].astype(np.uint8) for feed in feeds(count, seed)]


def keras_net() -> Net:
    """Return a small net with batch norms that have seen something, and a dropout."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(3)
    layers = tf.keras.layers
    image = tf.keras.Input((SIDE, SIDE, 3), name="image")
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False)(x)
    x = layers.ReLU(6)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.ReLU(6)(layers.BatchNormalization()(x))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    net = tf.keras.Model(image, layers.Dense(4, activation="softmax", name="scores")(x))
    draw = np.random.default_rng(5)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([draw.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    return net


def swish_graph(spread: float = 30.0) -> Graph:
    """Return a frozen graph: stem, depthwise and head, with hard-swishes as MobileNetV3 has them.

    Channels of the second layer differ in range by ``spread``.
    """
    import tensorflow as tf

    from edgeagent.workshop.graph import add_constant, add_node, new_graph

    draw, graph = np.random.default_rng(7), new_graph()
    shape = tf.TensorShape([1, SIDE, SIDE, 3]).as_proto()
    node = add_node(graph, "Placeholder", "image", [], dtype=tf.float32)
    node.attr["shape"].shape.CopyFrom(shape)
    for name, value in (("three", 3.0), ("sixth", 1 / 6)):
        add_constant(graph, f"{name}/y", np.float32(value))

    def conv(
        name: str, taken: str, kernel: Numbers, bias: Numbers, op: str = "Conv2D", step: int = 1
    ) -> str:
        add_constant(graph, f"{name}/w", np.asarray(kernel, np.float32))
        add_constant(graph, f"{name}/b", np.asarray(bias, np.float32))
        add_node(
            graph, op, f"{name}/conv", [taken, f"{name}/w"], T=tf.float32, padding=b"SAME",
            strides=[1, step, step, 1], dilations=[1, 1, 1, 1], data_format=b"NHWC",
        )  # fmt: skip
        added = [f"{name}/conv", f"{name}/b"]
        add_node(graph, "BiasAdd", f"{name}/added", added, T=tf.float32, data_format=b"NHWC")
        return f"{name}/added"

    def swish(name: str, taken: str) -> str:
        add_node(graph, "Add", f"{name}/swish/add", [taken, "three/y"], T=tf.float32)
        add_node(graph, "Relu6", f"{name}/swish/Relu6", [f"{name}/swish/add"], T=tf.float32)
        add_node(graph, "Mul", f"{name}/swish/mul", ["sixth/y", taken], T=tf.float32)
        both = [f"{name}/swish/mul", f"{name}/swish/Relu6"]
        add_node(graph, "Mul", f"{name}/swish/mul_1", both, T=tf.float32)
        return f"{name}/swish/mul_1"

    stem = swish("net/stem", conv("net/stem", "image", draw.normal(0, 0.01, (3, 3, 3, 6)),
                                  draw.normal(0, 1, 6), step=2))  # fmt: skip
    deep = conv("net/deep", stem, draw.normal(0, 1, (3, 3, 6, 1)), np.zeros(6),
                "DepthwiseConv2dNative")  # fmt: skip
    add_node(graph, "Relu", "net/deep/relu", [deep], T=tf.float32)
    range_of = np.geomspace(1, spread, 12)
    wide = conv("net/wide", "net/deep/relu", draw.normal(0, 0.3, (1, 1, 6, 12)) * range_of,
                draw.normal(0, 0.1, 12) * range_of)  # fmt: skip
    wide = swish("net/wide", wide)
    head = draw.normal(0, 0.3, (1, 1, 12, 4)) / range_of[:, None]
    conv("net/head", wide, head, np.zeros(4))
    return graph


def with_a_layer_of_bias(bias: float) -> Graph:
    """Return the graph with one more layer, whose ReLU gives nothing if ``bias`` is low."""
    import tensorflow as tf

    from edgeagent.workshop.graph import add_constant, add_node

    draw, graph = np.random.default_rng(1), swish_graph(1)
    layers = ("dead", GIVEN, (4, 5), bias), ("end", "dead/relu", (5, 3), 1.0)
    for name, taken, width, shift in layers:
        weights = draw.normal(0, 0.1, (1, 1, *width)).astype(np.float32)
        add_constant(graph, f"{name}/w", weights)
        add_constant(graph, f"{name}/b", np.full(width[1], shift, np.float32))
        add_node(
            graph, "Conv2D", f"{name}/conv", [taken, f"{name}/w"], T=tf.float32, padding=b"SAME",
            strides=[1, 1, 1, 1], dilations=[1, 1, 1, 1], data_format=b"NHWC",
        )  # fmt: skip
        added = [f"{name}/conv", f"{name}/b"]
        add_node(graph, "BiasAdd", f"{name}/added", added, T=tf.float32, data_format=b"NHWC")
        if name == "dead":
            add_node(graph, "Relu", "dead/relu", ["dead/added"], T=tf.float32)
    return graph


TAKEN, GIVEN, WIDE = "image", "net/head/added", "net/wide/swish/mul_1"


def run(graph: Graph, feed: Floats, taken: str = TAKEN, given: str = GIVEN) -> Floats:
    """Return what a graph gives."""
    import tensorflow as tf

    from edgeagent.workshop.graph import callable_of

    return np.asarray(callable_of(graph, taken, [given])(tf.constant(feed))[0])


def write_tfjs(graph: Graph, folder: Path, kind: str) -> None:
    """Write ``graph`` as TensorFlow.js does, weights as ``float32``, ``float16`` or ``uint8``."""
    import json

    from google.protobuf import json_format

    from edgeagent.workshop.graph import constant, copied

    graph, listed, blob = copied(graph), [], b""
    for node in graph.node:
        if node.op == "Const":
            value = constant(graph, node.name).astype(np.float32)
            entry: dict[str, Any] = {
                "name": node.name,
                "shape": list(value.shape),
                "dtype": "float32",
            }
            stored, how = _stored(value, kind)
            listed.append(entry | how)
            blob += stored.tobytes()
            node.attr["value"].tensor.ClearField("tensor_content")
    topology = json_format.MessageToDict(graph)
    model = {
        "modelTopology": topology,
        "weightsManifest": [{"paths": ["w.bin"], "weights": listed}],
    }
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(json.dumps(model))
    (folder / "w.bin").write_bytes(blob)


def _stored(value: Floats, kind: str) -> tuple[NDArray[Any], dict[str, Any]]:
    if kind == "float32":
        return value, {}
    if kind == "float16":
        return value.astype(np.float16), {"quantization": {"dtype": "float16"}}
    low, scale = float(value.min()), float(max(value.max() - value.min(), 1e-6) / 255)
    how = {"dtype": "uint8", "scale": scale, "min": low}
    return np.round((value - low) / scale).astype(np.uint8), {"quantization": how}


def tiny_front(kind: str = "vector") -> Net:
    """Return the small graph as a front: the mean of its widest map, or the map."""
    import tensorflow as tf

    from edgeagent.workshop.graph import add_constant, add_node, extract
    from edgeagent.workshop.training.front import Front

    graph = extract(swish_graph(spread=1.0), [WIDE])
    if kind == "map":
        return Front("tiny", graph, TAKEN, WIDE, SIDE, "none")
    axes = add_constant(graph, "mean/axes", np.array([1, 2], np.int32))
    add_node(graph, "Mean", "mean", [WIDE, axes], T=tf.float32, Tidx=tf.int32, keep_dims=False)
    return Front("tiny", graph, TAKEN, "mean", SIDE, "none")


def write_album(folder: Path, count: int = 10, seed: int = 0) -> Path:
    """Write pictures of three kinds: a red, a green and a blue square before grey."""
    import cv2

    draw = np.random.default_rng(seed)
    for channel, name in enumerate(("blue", "green", "red")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = draw.integers(90, 120, (SIDE, SIDE, 3)).astype(np.uint8)
            left, top = draw.integers(2, 10, 2)
            image[top : top + 20, left : left + 20] = 30
            image[top : top + 20, left : left + 20, channel] = 220
            cv2.imwrite(str(folder / name / f"{number}.png"), image)
    return folder


def write_boxed(folder: Path, count: int = 12, seed: int = 0) -> Path:
    """Write pictures of one red or blue square before grey, and ``boxes.csv``."""
    import cv2

    draw, rows = np.random.default_rng(seed), ["file,label,left,top,right,bottom"]
    folder.mkdir()
    for number in range(count):
        image = draw.integers(90, 120, (SIDE, SIDE, 3)).astype(np.uint8)
        left, top = draw.integers(2, 16, 2)
        channel, label = ((0, "blue"), (2, "red"))[number % 2]
        image[top : top + 14, left : left + 14] = 20
        image[top : top + 14, left : left + 14, channel] = 230
        cv2.imwrite(str(folder / f"{number}.png"), image)
        rows.append(f"{number}.png,{label},{left},{top},{left + 14},{top + 14}")
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n")
    return folder
