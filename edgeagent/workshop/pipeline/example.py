"""Pictures to begin with: three shapes before real stills, by two cameras, by day and by night."""

import csv
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from edgeagent.workshop.pictures import PACKAGED, Image, packaged_pictures

SIDE_PX = 96
EACH = 4
"""Pictures of a shape, of a still, by a camera, at a light."""

TESTED_BY = 3
"""So many of the stills are only behind what is tested."""

NIGHT, NOISE = 0.4, 4.0
"""A dark picture's share of brightness; what the sensor adds to it, in levels."""

FADED = 0.6
"""Contrast of the camera ``yard``."""

Rng = np.random.Generator
_Place = tuple[int, int]
_Draw = Callable[[Image, _Place, int, tuple[int, ...]], object]


def _disc(image: Image, at: _Place, r_px: int, colour: tuple[int, ...]) -> None:
    cv2.circle(image, at, r_px, colour, -1, cv2.LINE_AA)


def _square(image: Image, at: _Place, r_px: int, colour: tuple[int, ...]) -> None:
    cv2.rectangle(image, (at[0] - r_px, at[1] - r_px), (at[0] + r_px, at[1] + r_px), colour, -1)


def _cross(image: Image, at: _Place, r_px: int, colour: tuple[int, ...]) -> None:
    for step in (-1, 1):
        ends = (at[0] - r_px, at[1] - step * r_px), (at[0] + r_px, at[1] + step * r_px)
        cv2.line(image, *ends, colour, r_px // 2, cv2.LINE_AA)


SHAPES: Mapping[str, _Draw] = {"cross": _cross, "disc": _disc, "square": _square}


def make_example(folder: Path, seed: int = 0) -> None:
    """Fill ``folder`` with pictures and ``data.csv``; the same at each call with one ``seed``.

    What is behind the shapes are the stills that scikit-image and scikit-learn ship, each of a free
    licence; those behind the pictures for testing are behind no other.

    Raises:
        UsageError: one of the two packages is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "label", "unit", "split", "camera", "light"))
        for number, (row, image) in enumerate(_pictures(rng)):
            name = f"{number:04}.png"
            cv2.imwrite(str(folder / name), image[:, :, ::-1])
            writer.writerow((name, *row))


def _pictures(rng: Rng) -> Iterator[tuple[tuple[str, ...], Image]]:
    stills = packaged_pictures()
    for place, label in product(range(len(stills)), SHAPES):
        unit = Path(PACKAGED[place][1]).stem
        split = "train" if place < len(stills) - TESTED_BY else "test"
        for camera, light, _ in product(("door", "yard"), ("day", "night"), range(EACH)):
            image = _seen(_drawn(_patch(stills[place], rng), label, rng), camera, light, rng)
            yield (label, unit, split, camera, light), image


def _patch(still: Image, rng: Rng) -> Image:
    height, width = still.shape[:2]
    side = int(rng.uniform(0.4, 1.0) * min(height, width))
    top, left = (int(rng.integers(0, room - side + 1)) for room in (height, width))
    part = still[top : top + side, left : left + side]
    return np.asarray(cv2.resize(part, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _drawn(image: Image, label: str, rng: Rng) -> Image:
    r_px = int(rng.integers(SIDE_PX // 4, SIDE_PX * 2 // 5))
    x, y = (int(SIDE_PX / 2 + rng.integers(-8, 9)) for _ in "xy")
    # Far from what is behind it: a shape that nobody sees teaches nothing.
    behind = image.mean(axis=(0, 1))
    colour = tuple(int(one) for one in np.where(behind < 128, 255, 0) * rng.uniform(0.8, 1, 3))
    SHAPES[label](image, (x, y), r_px, colour)
    return image


def _seen(image: Image, camera: str, light: str, rng: Rng) -> Image:
    real = image.astype(np.float64)
    if camera == "yard":
        real = cv2.GaussianBlur(real, (3, 3), 0) * FADED + 128 * (1 - FADED)
    if light == "night":
        real = real * NIGHT + rng.normal(0, NOISE, real.shape)
    return np.clip(real, 0, 255).astype(np.uint8)
