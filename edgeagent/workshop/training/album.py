"""Pictures that somebody sorted into one folder a class; every fault is named before any work."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.errors import UsageError
from edgeagent.workshop.pictures import SUFFIXES, Image
from edgeagent.workshop.training.front import seen

HELD_OUT = 5
"""One picture of so many is kept to judge by, where no folder for that is given."""

MOST_LABEL = 64


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures as the model will see them, and what is on them."""

    labels: tuple[str, ...]
    images: NDArray[np.uint8]
    """``[n, side, side, 3]``."""
    classes: NDArray[np.int32]
    """``[n]``, places among ``labels``."""
    digests: tuple[str, ...]
    """sha256 of each file."""

    def part(self, places: Sequence[int]) -> "Album":
        """Return some of them."""
        chosen = np.array(places, np.intp)
        digests = tuple(self.digests[place] for place in places)
        return Album(self.labels, self.images[chosen], self.classes[chosen], digests)

    def named(self, labels: tuple[str, ...], folder: Path) -> "Album":
        """Return the same with its classes counted as in ``labels``.

        Raises:
            UsageError: it has a class that is not among them; ``folder`` is where it is from.
        """
        strange = sorted(set(self.labels) - set(labels))
        if strange:
            raise UsageError(
                f"{folder}: nothing was learnt of {', '.join(strange)}; the classes are "
                f"{', '.join(labels)}"
            )
        places = np.array([labels.index(label) for label in self.labels], np.int32)
        return Album(labels, self.images, places[self.classes], self.digests)


def read_album(folder: Path, side_px: int, least: int = 2) -> Album:
    """Read a folder of folders, each named by what its pictures show.

    Args:
        folder: with two of them at least.
        side_px: of the model's input.
        least: how many pictures a class needs.

    Raises:
        UsageError: it is empty, has one class, a class has too few, or pictures cannot be read;
            all of a kind are named.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: no such folder; give one that has a folder of pictures a class"
        )
    found = {one.name: _pictures(one) for one in sorted(folder.iterdir()) if _shows(one)}
    _check(folder, found, least)
    pairs = [(place, path) for place, paths in enumerate(found.values()) for path in paths]
    images = read_all([path for _, path in pairs])
    boxed = np.stack([seen(image, side_px) for image in images])
    classes = np.array([place for place, _ in pairs], np.int32)
    return Album(tuple(found), boxed, classes, tuple(digest(path) for _, path in pairs))


def _shows(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _check(folder: Path, found: dict[str, list[Path]], least: int) -> None:
    if not any(found.values()):
        raise UsageError(
            f"{folder}: no pictures ({', '.join(sorted(SUFFIXES))}) in folders of their own; "
            f"make one folder a class: {folder}/cat/1.jpg, {folder}/fox/1.jpg"
        )
    if len(found) < 2:
        raise UsageError(
            f"{folder}: has one class alone ({', '.join(found)}); there is nothing to tell it "
            "from: add a folder of what else is before the camera, such as nothing/"
        )
    few = [f"{name} ({len(paths)})" for name, paths in found.items() if len(paths) < least]
    if few:
        raise UsageError(
            f"{folder}: too few pictures of {', '.join(few)}; a class needs {least} at least, "
            "for one is held out to judge by; 30 and more are of use"
        )
    long = [name for name in found if len(name) > MOST_LABEL]
    if long:
        raise UsageError(f"{folder}: a label has {MOST_LABEL} characters at most: {long[0]}")


def read_all(paths: Sequence[Path]) -> list[Image]:
    """Return every picture, RGB.

    Raises:
        UsageError: some cannot be read; all of them are named.
    """
    found = [(path, cv2.imread(str(path))) for path in paths]
    broken = [str(path) for path, image in found if image is None]
    if broken:
        raise UsageError(
            f"not pictures that OpenCV reads: {', '.join(broken)}; mend them or take them out"
        )
    return [np.asarray(image[:, :, ::-1], np.uint8) for _, image in found if image is not None]


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def split(classes: Sequence[int], digests: Sequence[str]) -> tuple[list[int], list[int]]:
    """Choose which to learn from and which to hold out: one of `HELD_OUT` in each class.

    The same pictures are chosen whatever their names are, and wherever the folder is.
    """
    learnt, held = list[int](), list[int]()
    for one in sorted(set(classes)):
        places = sorted((p for p, c in enumerate(classes) if c == one), key=lambda p: digests[p])
        count = max(1, len(places) // HELD_OUT)
        held += places[:count]
        learnt += places[count:]
    return sorted(learnt), sorted(held)
