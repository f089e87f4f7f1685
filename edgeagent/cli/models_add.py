"""``edgeagent models add``: make a bundle of a .tflite file."""

import argparse
from pathlib import Path
from typing import Any

from edgeagent import settings
from edgeagent.cli.check import DEFAULT_FILE
from edgeagent.errors import UsageError
from edgeagent.model import Bundle
from edgeagent.pedigree import Data


def add_arguments(ways: Any) -> None:  # noqa: ANN401
    """Say what it takes."""
    text = "make a bundle of a .tflite file; what it is, is found out"
    parser: argparse.ArgumentParser = ways.add_parser("add", help=text, description=text)
    parser.add_argument("file", type=Path, metavar="FILE.tflite", help="the model for the CPU")
    parser.add_argument(
        "--edgetpu", type=Path, metavar="FILE",
        help="the same compiled for the Edge TPU; default: FILE_edgetpu.tflite beside it",
    )  # fmt: skip
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="one a line; default: those in the model"
    )
    parser.add_argument("--name", default="", help="of the bundle; default: the file's")
    parser.add_argument("--task", choices=("classify", "detect", "embed"), help="insist on it")
    parser.add_argument(
        "--takes",
        choices=("0..1", "-1..1", "0..255"),
        help="what a float model's input is scaled to",
    )
    parser.add_argument(
        "--fallback", choices=("cpu", "none"), default="cpu",
        help="none: a compiled file without one for the CPU",
    )  # fmt: skip
    parser.add_argument(
        "--still", type=Path, action="append", default=[], metavar="FILE",
        help="picture to try it on, kept in the bundle; default: two that ship",
    )  # fmt: skip
    add_said(parser)
    add_place(parser)
    parser.set_defaults(go=run)


def add_said(parser: argparse.ArgumentParser) -> None:
    """Say what its owner knows of it, and its manifest is to say."""
    parser.add_argument("--version", default="1.0.0", help="which it is, as semver.org has it")
    parser.add_argument("--licence", default="not stated", help="what the manifest says of it")
    parser.add_argument("--origin", default="", help="where it is from, for the manifest")
    parser.add_argument(
        "--trained-on", action="append", default=[], metavar="WHAT",
        help="what it was trained on: a folder of pictures, or what that is called",
    )  # fmt: skip
    parser.add_argument(
        "--data-licence", default="not stated", metavar="TEXT", help="that of those pictures"
    )


def trained_on(options: argparse.Namespace) -> list[Data]:
    """Return what the manifest is to say of the data."""
    from edgeagent.adding.made_of import data_of

    return [data_of("train", what, options.data_licence) for what in options.trained_on]


def add_place(parser: argparse.ArgumentParser) -> None:
    """Say where bundles go."""
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="where bundles are; default: [model] folder"
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="settings file")
    parser.add_argument("--replace", action="store_true", help="in the place of one of this name")


def run(options: argparse.Namespace) -> int:
    """Make the bundle and say how it is used."""
    from edgeagent.adding import Wish, add

    same = (
        "edgetpu",
        "labels",
        "name",
        "task",
        "takes",
        "fallback",
        "licence",
        "origin",
        "version",
        "replace",
    )
    said = {key: getattr(options, key) for key in same}
    said["data"] = tuple(trained_on(options))
    wish = Wish(options.file, stills=tuple(options.still), **said)
    print(advice(add(wish, place(options), print)))
    return 0


def place(options: argparse.Namespace) -> Path:
    """Return the folder for bundles.

    Raises:
        UsageError: neither the command line nor the settings name one.
    """
    into: Path | None = options.into
    if into is not None:
        return into
    if options.config != DEFAULT_FILE or DEFAULT_FILE.exists():
        folder = settings.load(options.config).model.folder
        if folder:
            return Path(folder)
    raise UsageError(f"where to? give --into FOLDER, or set folder in [model] of {options.config}")


def advice(bundle: Bundle) -> str:
    """Say how the agent is told to use ``bundle``."""
    key = "vector" if bundle.task == "embed" else "name"
    option = "--vector" if bundle.task == "embed" else "--model"
    folder = bundle.folder.absolute()
    settings = f'  [model]\n  folder = "{folder.parent}"\n  {key} = "{bundle.name}"'
    ready = f"{folder} is ready. In the settings:\n{settings}"
    if "cpu" not in bundle.files:
        return f'{ready}\n  fallback = "none"'
    return f"{ready}\nTo try it: edgeagent replay CLIP {option} {folder}"
