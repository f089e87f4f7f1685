"""Models as they are born: Keras, SavedModel, frozen graph, TensorFlow.js, float .tflite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from edgeagent.errors import BundleError, ModelError, UsageError
from edgeagent.workshop.graph import (
    Graph,
    by_name,
    extract,
    new_graph,
    set_input_shape,
    source,
    uses,
)
from edgeagent.workshop.lite import cut, hold, read_lite
from edgeagent.workshop.package import model_in
from edgeagent.workshop.tfjs import read_tfjs

CHANNELS = 3


@dataclass(slots=True)
class Born:
    """A model with its variables made constants."""

    kind: str
    graph: Graph
    taken: str
    """The placeholder."""
    given: Mapping[str, str]
    """Node or tensor of each output's name."""
    shape: Sequence[int]
    """``[1, height, width, 3]``."""
    nodes_before: int = 0
    """With its variables; 0: it came frozen."""
    bytes_before: int = 0


def read(path: Path, side_px: tuple[int, int] | None = None, outputs: Sequence[str] = ()) -> Born:
    """Read whatever ``path`` is.

    Args:
        path: ``.keras``, ``.h5``, a SavedModel's folder, ``.pb``, a float ``.tflite``, or TF.js's
            ``model.json`` or a ``.tgz`` that holds one.
        side_px: width and height of the input, where the model leaves them open.
        outputs: nodes to end at; () takes the model's own.

    Raises:
        UsageError: it is none of these, or something is missing.
        BundleError: a .tflite is damaged.
        ModelError: it cannot be read, or is no model of pictures.
    """
    if not path.exists():
        raise UsageError(
            f"{path}: no such file; give a .keras, .pb, .tflite, .json, .tgz or a SavedModel"
        )
    way = _way(path)
    try:
        return way(path, side_px, outputs)
    except (UsageError, BundleError, ModelError):
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[:1]
        raise ModelError(f"{path}: cannot be read: {type(error).__name__}: {first}") from error


_Way = Callable[[Path, tuple[int, int] | None, Sequence[str]], Born]


def _way(path: Path) -> _Way:
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return _from_saved_model
        if (path / "model.json").is_file():
            return _from_tfjs
        raise UsageError(f"{path}: neither saved_model.pb nor model.json is in this folder")
    ways: Mapping[str, _Way] = {
        ".keras": _from_keras,
        ".h5": _from_keras,
        ".pb": _from_frozen,
        ".json": _from_tfjs,
        ".tgz": _from_tfjs,
        ".tflite": _from_lite,
    }
    if path.suffix not in ways:
        raise UsageError(f"{path}: not one of {', '.join(sorted(ways))} or a SavedModel's folder")
    return ways[path.suffix]


def from_keras(model: Any, side_px: tuple[int, int] | None = None) -> Born:  # noqa: ANN401
    """Freeze a Keras model."""
    shape = _shape(model.inputs[0].shape, side_px)
    names = [_plain(name) for name in getattr(model, "output_names", ("output_0",))]
    return _frozen("Keras", lambda image: _named(names, model(image, training=False)), shape)


def _from_keras(path: Path, side_px: tuple[int, int] | None, outputs: Sequence[str]) -> Born:
    return _cut(from_keras(tf.keras.models.load_model(path, compile=False), side_px), outputs)


def _named(names: Sequence[str], given: Any) -> dict[str, Any]:  # noqa: ANN401
    if isinstance(given, Mapping):
        return {_plain(str(name)): value for name, value in given.items()}
    values = given if isinstance(given, list | tuple) else [given]
    return dict(zip(names, values, strict=True))


def _plain(name: str) -> str:
    return name.replace("/", "_")


def _from_saved_model(path: Path, side_px: tuple[int, int] | None, outputs: Sequence[str]) -> Born:
    model = tf.saved_model.load(str(path))
    signature = model.signatures.get("serving_default")
    if signature is None:
        raise ModelError(
            f"{path}: has no signature serving_default, but {list(model.signatures)}; export it "
            "with model.export"
        )
    takes = signature.structured_input_signature[1]
    if len(takes) != 1:
        raise ModelError(f"{path}: takes {sorted(takes)}; a model of one picture is wanted")
    [(name, spec)] = takes.items()
    shape = _shape(spec.shape, side_px)
    return _cut(_frozen("SavedModel", lambda image: signature(**{name: image}), shape), outputs)


def _shape(shape: Any, side_px: tuple[int, int] | None) -> list[int]:  # noqa: ANN401
    """Return the fixed shape of an input."""
    sides = list(shape)
    if len(sides) != 4 or sides[3] != CHANNELS:
        raise ModelError(f"takes {sides}, not pictures [batch, height, width, {CHANNELS}]")
    wanted = [side_px[1], side_px[0]] if side_px else sides[1:3]
    if None in wanted:
        raise UsageError(
            "the model takes pictures of any size: say which with --size 224 or 320x240"
        )
    return [1, *(int(side) for side in wanted), CHANNELS]


def _frozen(kind: str, call: Callable[[Any], Mapping[str, Any]], shape: Sequence[int]) -> Born:
    """Trace a call of pictures of one shape, and make its variables constants."""
    traced = tf.function(call).get_concrete_function(tf.TensorSpec(shape, tf.float32, "image"))
    names = list(traced.structured_outputs)
    before = traced.graph.as_graph_def()
    frozen = convert_variables_to_constants_v2(traced, lower_control_flow=True)
    given = {name: edge.name for name, edge in zip(sorted(names), frozen.outputs, strict=True)}
    held = sum(variable.numpy().nbytes for variable in traced.variables)
    return Born(
        kind=kind,
        graph=frozen.graph.as_graph_def(),
        taken=source(frozen.inputs[0].name),
        given=given,
        shape=shape,
        nodes_before=len(before.node) + sum(len(f.node_def) for f in before.library.function),
        bytes_before=before.ByteSize() + held,
    )


def _from_frozen(path: Path, side_px: tuple[int, int] | None, outputs: Sequence[str]) -> Born:
    graph = new_graph()
    graph.ParseFromString(path.read_bytes())
    return _with_fixed_shape("frozen graph", graph, side_px, outputs)


def _from_tfjs(path: Path, side_px: tuple[int, int] | None, outputs: Sequence[str]) -> Born:
    topology, weights = model_in(path) if path.suffix == ".tgz" else _unpacked(path)
    return _with_fixed_shape("TensorFlow.js", read_tfjs(topology, weights), side_px, outputs)


def _unpacked(path: Path) -> tuple[bytes, bytes]:
    folder = path if path.is_dir() else path.parent
    topology = folder / "model.json" if path.is_dir() else path
    return topology.read_bytes(), b"".join(one.read_bytes() for one in sorted(folder.glob("*.bin")))


def _from_lite(path: Path, side_px: tuple[int, int] | None, outputs: Sequence[str]) -> Born:
    lite = read_lite(path)
    shape = _shape(lite.shape, None)
    if side_px not in (None, (shape[2], shape[1])):
        raise UsageError(
            f"{path}: takes {shape[2]}x{shape[1]}, which cannot be changed in a .tflite: leave "
            "--size out, or give what it was made from"
        )
    hold(lite)
    born = _frozen("float .tflite", cut(lite, outputs) if outputs else lite, shape)
    born.nodes_before = 0
    return born


def _with_fixed_shape(
    kind: str, graph: Graph, side_px: tuple[int, int] | None, outputs: Sequence[str]
) -> Born:
    places = [node for node in graph.node if node.op == "Placeholder"]
    if len(places) != 1:
        raise ModelError(f"has {len(places)} placeholders; a model of one picture is wanted")
    sides = [dim.size if dim.size > 0 else None for dim in places[0].attr["shape"].shape.dim]
    shape = _shape(sides, side_px)
    set_input_shape(graph, places[0].name, shape)
    ends = outputs or _ends(graph)
    given = {_plain(source(end)): end for end in ends}
    return Born(kind, graph, places[0].name, given, shape)


def _ends(graph: Graph) -> list[str]:
    """Return the nodes that nobody takes."""
    used = uses(graph)
    dead = ("Const", "Placeholder", "NoOp", "Assert")
    return [node.name for node in graph.node if not used[node.name] and node.op not in dead]


def _cut(born: Born, outputs: Sequence[str]) -> Born:
    """End at other nodes than the model's own."""
    if outputs:
        missing = [name for name in outputs if name not in by_name(born.graph)]
        if missing:
            extract(born.graph, missing)
        born.given = {_plain(name): name for name in outputs}
    return born
