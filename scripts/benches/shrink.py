"""scripts/bench shrink: how small a model becomes, step by step; and the runtimes beside it.

InceptionV3, MobileNet v1 and v2 with weights drawn at random (kernels by He's rule, seed 1), since
no registry ships trained ones; the two models that ship, by their recipes, from the package they
are made of. Bytes do not depend on the weights' values; how like float the answers are does.
Needs .venv-train (scripts/setup train), which scripts/bench makes.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from edgeagent.errors import DownloadError
from edgeagent.workshop.born import from_keras
from edgeagent.workshop.build import Built, build, cook
from edgeagent.workshop.pictures import packaged_pictures
from edgeagent.workshop.quantise import Mode
from edgeagent.workshop.recipe import fetch, read_recipe, recipes

PUBLISHED: tuple[str, ...] = ("InceptionV3", "MobileNet", "MobileNetV2")
RUNTIMES = ("tensorflow-cpu", "ai-edge-litert", "tflite-runtime")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edgeagent"


def untrained(name: str) -> Any:  # noqa: ANN401
    """Return a published architecture whose signal survives to the end."""
    tf.keras.utils.set_random_seed(1)
    model = getattr(tf.keras.applications, name)(weights=None, classifier_activation=None)
    draw = np.random.default_rng(1)
    for weight in model.weights:
        if "kernel" in weight.path:
            weight.assign(draw.normal(0, he(weight), weight.shape))
    return model


def he(weight: Any) -> float:  # noqa: ANN401
    """Return the spread that keeps a signal's: 2 over how many inputs one output sums."""
    shape = weight.shape
    inputs = shape[0] * shape[1] if shape[-1] == 1 else np.prod(shape[:-1])
    return float(np.sqrt(2 / inputs))


def published(name: str, tell: Callable[[str], None]) -> Built:
    """Build one of `PUBLISHED`."""
    modes: tuple[Mode, ...] = ("float", "fp16", "dynamic", "int8")
    born = from_keras(untrained(name))
    return build(born, name, packaged_pictures(), tell, black_white=(-1, 1), modes=modes)


def built(names: list[str]) -> Iterator[Built]:
    """Build each of ``names``, in turn; one that cannot be fetched says so."""
    for name in names:
        try:
            if name in PUBLISHED:
                yield published(name, tell)
            else:
                recipe = read_recipe(name)
                yield cook(recipe, fetch(recipe, CACHE), tell)
        except DownloadError as error:
            print(f"{name}: left out: {error}", file=sys.stderr)


def tell(words: str) -> None:
    """Say what is under way."""
    print(f"  {words}", file=sys.stderr)


def runtimes() -> dict[str, int]:
    """Return the size of each runtime that is installed, in bytes, without what it depends on."""
    sizes = {}
    for name in RUNTIMES:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue
        paths = (Path(str(file.locate())) for file in files)
        sizes[name] = sum(path.stat().st_size for path in paths if path.is_file())
    return sizes


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", action="append", choices=[*PUBLISHED, *recipes()])
    options = parser.parse_args()
    reports = [one.report for one in built(options.only or [*PUBLISHED, *recipes()])]
    sizes = runtimes()
    if options.json:
        rows = [{"name": r.name, "rows": [vars_of(row) for row in r.rows]} for r in reports]
        print(json.dumps({"models": rows, "runtimes": sizes}))
        return 0
    for report in reports:
        print("\n".join(report.lines()), end="\n\n")
    for name, size in sizes.items():
        print(f"{name:20} {size / 1e6:8.1f} MB installed")
    return 0


def vars_of(row: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a row's fields."""
    return {key: getattr(row, key) for key in row.__slots__}


if __name__ == "__main__":
    sys.exit(main())
