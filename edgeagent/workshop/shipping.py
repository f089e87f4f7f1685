"""Puts what a recipe makes into the bundle that ships: the bytes, and what is said of them."""

from dataclasses import replace
from pathlib import Path

from edgeagent.adding.sealing import seal
from edgeagent.atomic import write_whole
from edgeagent.errors import UsageError
from edgeagent.model import Bundle, load_bundle
from edgeagent.pedigree import Data
from edgeagent.workshop.pictures import packaged_data
from edgeagent.workshop.recipe import Recipe

_ORDER = ("train", "calibrate", "judge")


def ship(recipe: Recipe, model: bytes, folder: Path) -> str:
    """Write ``model`` into the bundle in ``folder``, then its manifest and its card.

    Returns:
        What came of the model's bytes, in words.

    Raises:
        UsageError: there is no such bundle.
        BundleError: what is there is not what its manifest says.
    """
    path = folder / "model.tflite"
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such bundle; a recipe makes a model that ships anew")
    same = path.is_file() and path.read_bytes() == model
    if not same:
        write_whole(path, model)
    seal(_told(load_bundle(folder), recipe))
    return f"{path}: {'the same bytes as before' if same else 'written'}"


def _told(bundle: Bundle, recipe: Recipe) -> Bundle:
    """Return ``bundle`` as its recipe tells of it."""
    said = {key: getattr(recipe, key) for key in ("version", "licence", "origin")}
    known = {key: value for key, value in said.items() if value}
    return replace(bundle, **known, data=_data(recipe))


def _data(recipe: Recipe) -> tuple[Data, ...]:
    both = [*recipe.data, packaged_data()]
    return tuple(sorted(both, key=lambda one: _ORDER.index(one.use)))
