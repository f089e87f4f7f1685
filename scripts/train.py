"""Tune a ready model to pictures of your own: its front stays, a new head is trained.

scripts/train classifier FOLDER --into bundles --name mine    FOLDER has a folder a class
scripts/train classifier --example --into bundles             on pictures that are made here
Needs .venv-train (scripts/setup train), which scripts/train makes.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from edgeagent.cli.log import complain
from edgeagent.cli.models_add import advice
from edgeagent.cli.progress import Shown
from edgeagent.errors import EdgeagentError, UsageError
from edgeagent.workshop.recipe import fetch, read_recipe
from edgeagent.workshop.training import example
from edgeagent.workshop.training.fitting import Plan
from edgeagent.workshop.training.front import vectors
from edgeagent.workshop.training.road import Order, tune_classifier

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edgeagent"
CLASSIFIER = Plan(epochs=12, batch=32, rate=0.02)


def arguments() -> argparse.ArgumentParser:
    """Return what it takes."""
    parser = argparse.ArgumentParser("scripts/train", description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=("classifier",))
    parser.add_argument("data", nargs="?", type=Path, help="pictures, in a folder a class")
    parser.add_argument("--example", action="store_true", help="make pictures, and take those")
    parser.add_argument(
        "--held-out", type=Path, metavar="DATA",
        help="pictures to judge by; default: a fifth of each class, which is not learnt from",
    )  # fmt: skip
    parser.add_argument("--into", type=Path, required=True, help="folder of bundles")
    parser.add_argument("--name", help="of the bundle; default: the folder's, or example")
    parser.add_argument("--replace", action="store_true", help="in the place of one of this name")
    parser.add_argument(
        "--work", type=Path, help="folder for the checkpoint; default: .train-NAME in --into"
    )
    parser.add_argument("--epochs", type=int, help="times that each picture is learnt from")
    parser.add_argument("--seed", type=int, default=1, help="another gives other chances")
    parser.add_argument(
        "--package", type=Path, metavar="FILE",
        help="the npm package of the ready model, fetched before; default: npm fetches it",
    )  # fmt: skip
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Train, and say how good it is."""
    options = arguments().parse_args(words)
    try:
        return run(options)
    except EdgeagentError as error:
        complain(error)
        return error.exit_status
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on after the last whole epoch", file=sys.stderr)
        return 130


def run(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    order, plan = order_of(options), plan_of(options)
    package = options.package or fetch(read_recipe("embed88-128"), CACHE)
    with Shown("pictures learnt from, in batches") as shown:
        made = tune_classifier(order, vectors(package), plan, print, shown)
    if made is not None:
        bundle, verdict = made
        print("\n".join(verdict.lines()))
        print(advice(bundle))
    return 0


def plan_of(options: argparse.Namespace) -> Plan:
    """Return how it is learnt."""
    epochs = CLASSIFIER.epochs if options.epochs is None else options.epochs
    if not 1 <= epochs <= 10_000:
        raise UsageError(f"--epochs {epochs}: from 1 to 10000")
    return Plan(epochs, CLASSIFIER.batch, CLASSIFIER.rate, options.seed)


def order_of(options: argparse.Namespace) -> Order:
    """Return what is wanted; pictures are made where there are none."""
    if options.example == (options.data is not None):
        raise UsageError("give a folder of pictures, or --example")
    name = options.name or (options.data.resolve().name if options.data else "example")
    work = options.work or options.into / f".train-{name}"
    data, held = options.data, options.held_out
    if options.example:
        example.write_crops(work / "example", options.seed)
        data, held = work / "example" / "learn", work / "example" / "judge"
        print(f"pictures are in {work / 'example'}")
    return Order(data, work, options.into, name, held, options.replace)


if __name__ == "__main__":
    sys.exit(main())
