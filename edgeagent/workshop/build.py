"""The whole road: a model as it was born becomes a quantised file, with an account of each step."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from edgeagent.engines.tflite import find_runtime, load
from edgeagent.errors import BundleError
from edgeagent.workshop.born import Born
from edgeagent.workshop.equalise import equalise
from edgeagent.workshop.graph import Floats, Graph, copied, extract, source
from edgeagent.workshop.hardswish import split_hard_swishes
from edgeagent.workshop.pictures import (
    Image,
    letterboxed,
    packaged_pictures,
    patches,
    varied,
)
from edgeagent.workshop.quantise import MODES, Mode, as_feed, saved, to_tflite
from edgeagent.workshop.recipe import Recipe, edited, read_package
from edgeagent.workshop.report import Report
from edgeagent.workshop.shrink import STEPS, Judge, Row, Step, cosines, judge, shrink
from edgeagent.workshop.stem import segment_stem

JUDGED = 8
"""Pictures by which the steps are compared, spread over those for calibration."""

INVOKES = 7

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """A quantised file, and the account."""

    model: bytes
    report: Report


def build(
    born: Born,
    name: str,
    pictures: Sequence[Image],
    tell: Tell,
    *,
    black_white: tuple[float, float] = (0.0, 255.0),
    modes: Sequence[Mode] = ("float", "dynamic", "int8"),
    steps: Sequence[Step] = STEPS,
) -> Built:
    """Take every step.

    Args:
        born: the model; it is used up.
        name: of the bundle, for the report.
        pictures: to calibrate by, of any size.
        tell: hears of each step when it begins.
        black_white: what the model takes for a black and a white sample.
        modes: files to make; the last is the one that is kept.
        steps: how the graph is made smaller.

    Raises:
        ModelError: the converter does not take it.
    """
    _, height, width, _ = born.shape
    boxed = [letterboxed(image, width, height) for image in pictures]
    feeds = [as_feed(image, *black_white) for image in _with_both_ends(boxed)]
    tell(f"shrinking: {len(born.graph.node)} nodes")
    judged = judge(born, feeds[:: max(1, len(feeds) // JUDGED)][:JUDGED])
    rows = shrink(born, judged, steps)
    tell("repairing what eight bits cannot carry")
    repairs = repair(born, feeds)
    rows.append(judged.row("repairs", born.graph, born.taken, list(born.given.values())))
    model = b""
    with saved(born.graph, born.taken, born.given, born.shape) as folder:
        for mode in modes:
            tell(f"converting: {MODES[mode]}")
            model = to_tflite(folder, mode, feeds, repairs.append)
            rows.append(_tflite_row(f".tflite, {MODES[mode]}", model, list(born.given), judged))
    return Built(model, _report(name, born, model, rows, repairs, len(feeds)))


def _with_both_ends(boxed: Sequence[Image]) -> list[Image]:
    """Make sure that black and white are seen, so that a byte of input stands for itself."""
    if any(image.max() == 255 for image in boxed) and any(image.min() == 0 for image in boxed):
        return list(boxed)
    half = np.zeros_like(boxed[0])
    half[: half.shape[0] // 2] = 255
    return [*boxed, half]


def _report(
    name: str, born: Born, model: bytes, rows: Sequence[Row], repairs: Sequence[str], pictures: int
) -> Report:
    versions = f"tensorflow {tf.__version__}, numpy {np.__version__}"
    digest = hashlib.sha256(model).hexdigest()
    return Report(name, born.kind, digest, rows, repairs, pictures, versions)


def repair(born: Born, feeds: Sequence[Floats]) -> list[str]:
    """Change the graph so that quantising costs less, and return what was done."""
    graph = copied(born.graph)
    nodes = [source(end) for end in born.given.values()]
    done = []
    segments = segment_stem(graph, feeds)
    graph = extract(graph, nodes)
    if segments:
        done.append(f"the first hard-swish in {segments} segments")
    swishes = split_hard_swishes(graph)
    graph = extract(graph, nodes)
    if swishes:
        done.append(f"{swishes} hard-swishes split into value and gate")
    done.append(_equalised(graph, born.taken, nodes, feeds))
    born.graph = graph
    return done


def _equalised(graph: Graph, taken: str, nodes: Sequence[str], feeds: Sequence[Floats]) -> str:
    # Every second picture: ranges are known well enough, and all maps of a picture are held.
    found = equalise(graph, taken, nodes, feeds[::2])
    beside = f"; left alone beside {', '.join(found.strange)}" if found.strange else ""
    return (
        f"channels equalised in {found.free} of {found.groups} groups, at most "
        f"{found.max_scale:.0f} times{beside}"
    )


def _tflite_row(step: str, model: bytes, names: Sequence[str], judged: Judge) -> Row:
    """Run a .tflite as the device would, and compare it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        interpreter = load(path, find_runtime(), threads=1)
        found = [_run(interpreter, names, feed) for feed in judged.feeds]
        operators = sum(op["op_name"] != "DELEGATE" for op in interpreter._get_ops_details())
        ms = _invoke_ms(interpreter)
    return Row(step, 0, operators, len(model), ms, *cosines(found, judged.wanted))


def _run(interpreter: object, names: Sequence[str], feed: Floats) -> list[Floats]:
    """Return the outputs as reals, in the order of ``names``."""
    signature = interpreter.get_signature_runner()  # type: ignore[attr-defined]
    [(taken, detail)] = signature.get_input_details().items()
    given = signature(**{taken: _quantised(feed, detail)})
    details = signature.get_output_details()
    return [_real(given[name], details[name]) for name in names]


def _quantised(feed: Floats, detail: object) -> object:
    scale, zero = detail["quantization"]  # type: ignore[index]
    if not scale:
        return feed
    return np.clip(np.round(feed / scale) + zero, 0, 255).astype(np.uint8)


def _real(value: Floats, detail: object) -> Floats:
    scale, zero = detail["quantization"]  # type: ignore[index]
    if not scale:
        return value
    return np.asarray((value.astype(np.float32) - zero) * scale, np.float32)


def _invoke_ms(interpreter: object) -> float:
    times = []
    for _ in range(INVOKES):
        at_s = time.perf_counter()
        interpreter.invoke()  # type: ignore[attr-defined]
        times.append((time.perf_counter() - at_s) * 1e3)
    return float(np.median(times))


def cook(
    recipe: Recipe,
    package: Path,
    tell: Tell,
    modes: Sequence[Mode] = ("float", "dynamic", "int8"),
) -> Built:
    """Make the model of a recipe; the last of ``modes`` is the one that is kept.

    Raises:
        BundleError: other bytes came out than the recipe names.
    """
    graph = edited(read_package(recipe, package), recipe)
    side = recipe.side_px
    born = Born("TensorFlow.js", graph, recipe.taken, recipe.given, [1, side, side, 3])
    pictures = varied(packaged_pictures())
    if recipe.views == "patches":
        pictures = patches(pictures, side)
    # Published folded already; to fold what is left would give other bytes than those proven.
    built = build(born, recipe.name, pictures, tell, modes=modes, steps=STEPS[:2])
    if recipe.model_sha256 and built.report.digest != recipe.model_sha256:
        raise BundleError(
            f"{recipe.name}: sha256 {built.report.digest} came out, and the recipe says "
            f"{recipe.model_sha256}; were the pinned requirements used? ({built.report.versions})"
        )
    return built
