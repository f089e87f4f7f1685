"""Tune a ready model to pictures of your own: its front stays, a new head is trained.

scripts/train classifier FOLDER --into bundles --name mine    FOLDER has a folder a class
scripts/train detector FOLDER --into bundles --name mine      FOLDER has boxes.json or boxes.csv
scripts/train detector --example --into bundles               on pictures that are made here
Needs .venv-train (scripts/setup train), which scripts/train makes.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from edgeagent.adding import FIRST_VERSION
from edgeagent.cli.log import complain
from edgeagent.cli.models_add import advice
from edgeagent.cli.progress import Shown
from edgeagent.errors import EdgeagentError, UsageError
from edgeagent.model import Bundle
from edgeagent.workshop.pictures import FREE
from edgeagent.workshop.recipe import fetch, read_recipe
from edgeagent.workshop.training import crew, example
from edgeagent.workshop.training.fitting import Plan
from edgeagent.workshop.training.front import maps, vectors
from edgeagent.workshop.training.judging import Verdict
from edgeagent.workshop.training.precision import Precision
from edgeagent.workshop.training.road import CLASSIFIER, DETECTOR, Order, tune
from edgeagent.workshop.training.team import ALONE, Joined

# It warns of what is deprecated in itself.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edgeagent"
PLANS = {
    "classifier": Plan(epochs=12, batch=32, rate=0.02),
    "detector": Plan(epochs=12, batch=8, rate=0.002),
}


def arguments() -> argparse.ArgumentParser:
    """Return what it takes."""
    parser = argparse.ArgumentParser("scripts/train", description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=tuple(PLANS), help="what it is to tell")
    parser.add_argument(
        "data",
        nargs="?",
        type=Path,
        help="pictures: in a folder a class, or with boxes.json or boxes.csv",
    )
    parser.add_argument("--example", action="store_true", help="make pictures, and take those")
    parser.add_argument(
        "--held-out", type=Path, metavar="DATA",
        help="pictures to judge by; default: a fifth of each class, which is not learnt from",
    )  # fmt: skip
    parser.add_argument("--into", type=Path, required=True, help="folder of bundles")
    parser.add_argument("--name", help="of the bundle; default: the folder's, or example-KIND")
    parser.add_argument("--replace", action="store_true", help="in the place of one of this name")
    parser.add_argument("--version", default=FIRST_VERSION, help="of the bundle, as semver.org")
    parser.add_argument(
        "--data-licence", default="not stated", metavar="TEXT", help="of the pictures"
    )
    parser.add_argument(
        "--work", type=Path, help="folder for the checkpoint; default: .train-NAME in --into"
    )
    parser.add_argument("--epochs", type=int, help="times that each picture is learnt from")
    parser.add_argument("--seed", type=int, default=1, help="another gives other chances")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N",
        help="processes that share each batch; on several machines, set TF_CONFIG instead",
    )  # fmt: skip
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
    plan = plan_of(options)
    # First of all: TensorFlow joins workers before it does anything else.
    team = Joined() if crew.CONFIG in os.environ else ALONE
    order = order_of(options)
    # Both models that ship are made of this one package.
    package = options.package or fetch(read_recipe("embed88-128"), CACHE)
    if options.workers > 1 and team is ALONE:
        return crew.run(command(options, order, package), options.workers)
    made: tuple[Bundle, Verdict | Precision] | None
    with Shown("batches learnt from") as shown:
        if options.kind == "classifier":
            made = tune(CLASSIFIER, order, vectors(package), plan, tell, shown, team)
        else:
            made = tune(DETECTOR, order, maps(package), plan, tell, shown, team)
    if made is not None:
        bundle, verdict = made
        print("\n".join(verdict.lines()))
        print(advice(bundle))
    return 0


def tell(words: str) -> None:
    """Say what is under way, at once: who watches a log wants to see it move."""
    if sys.stderr.isatty():
        # Where the line about batches stands.
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
    print(words, flush=True)


def command(options: argparse.Namespace, order: Order, package: Path) -> list[str]:
    """Return what one of several workers runs: the same, with all of it found and made."""
    words = [
        sys.executable, __file__, options.kind, order.data, "--into", order.into,
        "--work", order.work, "--name", order.name, "--seed", options.seed, "--package", package,
    ]  # fmt: skip
    words += ["--held-out", order.held] if order.held else []
    words += ["--epochs", options.epochs] if options.epochs else []
    words += ["--version", order.version, "--data-licence", order.data_licence]
    words += ["--replace"] if order.replace else []
    return [str(word) for word in words]


def plan_of(options: argparse.Namespace) -> Plan:
    """Return how it is learnt."""
    usual: Plan = PLANS[options.kind]
    epochs: int = usual.epochs if options.epochs is None else options.epochs
    if not 1 <= epochs <= 10_000:
        raise UsageError(f"--epochs {epochs}: from 1 to 10000")
    if not 1 <= options.workers <= usual.batch:
        raise UsageError(
            f"--workers {options.workers}: from 1 to {usual.batch}, a batch's pictures"
        )
    return replace(usual, epochs=epochs, seed=options.seed)


def order_of(options: argparse.Namespace) -> Order:
    """Return what is wanted; pictures are made where there are none."""
    if options.example == (options.data is not None):
        raise UsageError("give a folder of pictures, or --example")
    name = options.name or (
        options.data.resolve().stem if options.data else f"example-{options.kind}"
    )
    work = options.work or options.into / f".train-{name}"
    data, held = options.data, options.held_out
    licence, made_by = options.data_licence, ""
    if options.example:
        write = example.write_crops if options.kind == "classifier" else example.write_scenes
        write(work / "example", options.seed)
        data, held = work / "example" / "learn", work / "example" / "judge"
        licence, made_by = FREE, f"made by scripts/train --example, seed {options.seed}"
        print(f"pictures are in {work / 'example'}")
    rest = options.replace, options.version, licence, made_by
    return Order(data, work, options.into, name, held, *rest)


if __name__ == "__main__":
    sys.exit(main())
