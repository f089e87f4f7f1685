"""The part of a ready model that stays as it is: from a picture to features."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeagent.findings import WHOLE, Box
from edgeagent.frame import Picture
from edgeagent.model import bundles_folder, load_bundle
from edgeagent.pedigree import Data
from edgeagent.preprocess import fit
from edgeagent.tensor import TensorSpec
from edgeagent.workshop.graph import (
    Floats,
    Graph,
    callable_of,
    constant,
    copied,
    extract,
    set_input_shape,
)
from edgeagent.workshop.pictures import Image
from edgeagent.workshop.recipe import edited, read_package, read_recipe

_AS_THEY_ARE = np.eye(3, 4, dtype=np.float32)
"""Takes the planes of a picture as red, green and blue."""

MAP = "tower_0/CenternetHead/mul"
"""Of the detector's graph: the map of a quarter of the input that both its heads read."""

_HEAD = "CenternetHead/centernet_{}_output/{}"
HEAD: Mapping[str, str] = {
    f"{head}/{part}": _HEAD.format(node, constant)
    for head, node in (("heat", "cls"), ("box", "wh"))
    for part, constant in (
        ("depthwise", "depthwise_weights"), ("pointwise", "pointwise_weights"), ("bias", "biases"),
    )
}  # fmt: skip
"""A head's weights to the constants of the published graph."""


@dataclass(frozen=True, slots=True)
class Front:
    """A frozen graph that ends in features."""

    name: str
    graph: Graph
    taken: str
    """The placeholder."""
    given: str
    """The node that gives the features: ``[n, channels]``, or ``[n, rows, columns, channels]``."""
    side_px: int
    licence: str
    heads: Mapping[str, Floats] = field(default_factory=dict)
    """What a detector's head may begin with, by `HEAD`; of another model there is none."""
    labels: tuple[str, ...] = ()
    """What those heads know."""
    data: tuple[Data, ...] = ()
    """What it was trained on, for whoever builds on it."""

    @property
    def digest(self) -> str:
        """What a checkpoint of another front is known by."""
        return hashlib.sha256(self.graph.SerializeToString(deterministic=True)).hexdigest()

    def features(self) -> Callable[[Any], Any]:
        """Return a function from pictures ``[n, side, side, 3]``, 0 to 255, to their features."""
        graph = copied(self.graph)
        set_input_shape(graph, self.taken, [None, self.side_px, self.side_px, 3])
        run = callable_of(graph, self.taken, [self.given])
        return lambda images: run(images)[0]


def vectors(package: Path) -> Front:
    """Return the front for classifiers: the vector model that ships, in float.

    Args:
        package: what its recipe is made of, see `workshop.recipe.fetch`.
    """
    return _of("embed88-128", "embedding", package)


def maps(package: Path) -> Front:
    """Return the front for detectors: that of the detector that ships, before its two heads."""
    return _of("coco16-320", MAP, package, HEAD)


def _of(name: str, given: str, package: Path, heads: Mapping[str, str] | None = None) -> Front:
    recipe = read_recipe(name)
    graph = edited(read_package(recipe, package), recipe)
    bundle = load_bundle(bundles_folder() / name)
    begin = {key: constant(graph, node) for key, node in (heads or {}).items()}
    data = [one for one in bundle.data if one.use == "train"]
    told = tuple(replace(one, name=f"the front, {name}: {one.name}") for one in data)
    return Front(
        name, extract(graph, [given]), recipe.taken, given, recipe.side_px, bundle.licence,
        begin, bundle.labels, told,
    )  # fmt: skip


def seen(image: Image, side_px: int) -> NDArray[np.uint8]:
    """Return a picture as the device would put it before the model: its own code does it."""
    return put(image, side_px)[0]


def put(image: Image, side_px: int) -> tuple[NDArray[np.uint8], Box]:
    """Return the same, and where in it the picture lies, in fractions of the side."""
    red, green, blue = (np.ascontiguousarray(image[:, :, channel]) for channel in range(3))
    shape = (1, side_px, side_px, 3)
    into = np.zeros(shape, np.uint8)
    spec = TensorSpec("", shape, "uint8")
    unfit = fit(Picture(red, green, blue, _AS_THEY_ARE), WHOLE, into, spec)
    return np.asarray(into[0], np.uint8), unfit.used
