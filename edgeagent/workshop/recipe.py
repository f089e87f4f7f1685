"""How a model that ships is made of a registry's package: a file, so that it can be done again."""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from edgeagent.errors import DAMAGED, BundleError, DownloadError, UsageError
from edgeagent.manifest import Reader, did_you_mean, toml
from edgeagent.pedigree import Data
from edgeagent.workshop.graph import (
    Graph,
    add_constant,
    add_node,
    constant,
    extract,
    set_constant,
    set_input_shape,
)
from edgeagent.workshop.package import members
from edgeagent.workshop.tfjs import read_tfjs

FOLDER = Path(__file__).parent / "recipes"

FETCH_S = 600.0


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of the published graph; all are exact."""

    kind: Literal["fold", "set", "keep", "mean"]
    """Multiply constants by another; give them a value; keep some of their last side; average
    what a node gives over its places."""
    constants: tuple[str, ...]
    """Names of nodes."""
    factor: str = ""
    value: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """Where a model comes from, what is changed, and what must come out."""

    name: str
    package: str
    """An npm package and its version."""
    package_sha256: str
    topology: str
    """Path of ``model.json`` within it."""
    weights: str
    taken: str
    """The placeholder."""
    side_px: int
    views: Literal["whole", "patches"]
    """What the model is shown: pictures with black bars, or square pieces."""
    given: Mapping[str, str]
    """Node of each output's name."""
    edit: tuple[Edit, ...] = ()
    model_sha256: str = ""
    """Of the quantised file."""
    version: str = ""
    """What the manifest says; empty: what it said before. The same holds for the next."""
    licence: str = ""
    origin: str = ""
    data: tuple[Data, ...] = ()
    """What it was made of, but for what it is quantised by."""
    like: str = ""
    """The bundle that ships whose labels, licence and origin it has; "": it ships itself."""


def recipes() -> list[str]:
    """Return the names of those that ship."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_recipe(name: str) -> Recipe:
    """Return the recipe ``name``, or that in a file of one's own.

    Raises:
        UsageError: there is none.
        BundleError: the file is wrong; every fault is named.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise UsageError(f"--recipe {name}: no such recipe{did_you_mean(name, recipes())}")
    try:
        table = toml(path.read_text())
    except DAMAGED as error:
        raise BundleError(f"{path}: cannot be read ({error})") from error
    given, edits = table.pop("given", {}), table.pop("edit", [])
    reader = Reader(path.parent, [])
    read = [reader.read(Edit, edit, f"edit {n + 1}.") for n, edit in enumerate(edits)]
    kept = tuple(edit for edit in read if edit is not None)
    recipe = reader.read(Recipe, table, given={"given": given, "edit": kept})
    if recipe is None or reader.faults:
        raise BundleError(f"{path}: " + "; ".join(reader.faults))
    return recipe


def fetch(recipe: Recipe, folder: Path, limit_s: float = FETCH_S) -> Path:
    """Return the package's file in ``folder``, fetched by npm if it is not there.

    Raises:
        DownloadError: npm is missing, failed, or what came is not what the recipe names.
    """
    path = folder / f"{recipe.package_sha256[:16]}.tgz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _pack(recipe, path, limit_s)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != recipe.package_sha256:
        path.unlink()
        raise DownloadError(
            f"{recipe.package}: sha256 {found}, and the recipe says {recipe.package_sha256}; it "
            "was thrown away: try again, and do not use it if it comes again"
        )
    return path


def _pack(recipe: Recipe, path: Path, limit_s: float) -> None:
    if shutil.which("npm") is None:
        raise DownloadError(
            f"npm is needed to fetch {recipe.package}: sudo apt install npm, or fetch the package "
            "elsewhere and give it with --package FILE"
        )
    begun = path.with_suffix(".begun")
    begun.mkdir(exist_ok=True)
    command = ["npm", "pack", "--silent", recipe.package, "--pack-destination", str(begun)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit_s)  # noqa: S603
        next(begun.glob("*.tgz")).rename(path)
    except (subprocess.SubprocessError, StopIteration) as error:
        said = getattr(error, "stderr", None) or error
        raise DownloadError(f"npm pack {recipe.package}: {said}") from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def read_package(recipe: Recipe, package: Path) -> Graph:
    """Return the graph as it was published.

    Raises:
        BundleError: the package lacks it, or is damaged.
        ModelError: it is no graph model.
    """
    return read_tfjs(*members(package, (recipe.topology, recipe.weights)))


def edited(graph: Graph, recipe: Recipe) -> Graph:
    """Make the recipe's changes in place, and return what its outputs need."""
    for edit in recipe.edit:
        _EDITS[edit.kind](graph, edit)
    graph = extract(graph, list(recipe.given.values()))
    set_input_shape(graph, recipe.taken, [1, recipe.side_px, recipe.side_px, 3])
    return graph


def _fold(graph: Graph, edit: Edit) -> None:
    factor = constant(graph, edit.factor)
    for name in edit.constants:
        set_constant(graph, name, constant(graph, name) * factor)


def _set(graph: Graph, edit: Edit) -> None:
    for name in edit.constants:
        set_constant(graph, name, np.array(edit.value, np.int32))


def _keep(graph: Graph, edit: Edit) -> None:
    for name in edit.constants:
        set_constant(graph, name, constant(graph, name)[..., list(edit.value)])


def _mean(graph: Graph, edit: Edit) -> None:
    places: Sequence[int] = [1, 2]
    axes = add_constant(graph, "emb/axis", np.array(places, np.int32))
    taken = [edit.constants[0], axes]
    add_node(graph, "Mean", "embedding", taken, T=tf.float32, Tidx=tf.int32, keep_dims=False)


_EDITS = {"fold": _fold, "set": _set, "keep": _keep, "mean": _mean}
