"""Pictures to try it on, made here: cut-outs at random places before real backgrounds.

Both are of the stills that scikit-image and scikit-learn ship. What is held out to judge by stands
before other parts of the backgrounds, in other places, sizes and light; but the cut-outs are the
same. So the figures say what tuning to a few known things does, and nothing of strangers.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.workshop.pictures import Image, packaged_picture

OUTLINES: Mapping[str, tuple[str, Sequence[tuple[int, int]]]] = {
    "person": ("astronaut.png", (
        (156, 73), (185, 24), (234, 13), (287, 29), (303, 73), (295, 129), (266, 181), (315, 202),
        (342, 242), (363, 266), (382, 347), (500, 371), (511, 511), (16, 511), (24, 403), (40, 290),
        (81, 218), (129, 177), (177, 161), (156, 121),
    )),
    "cat": ("chelsea.png", (
        (21, 66), (57, 0), (341, 0), (392, 38), (362, 71), (362, 132), (348, 217), (305, 269),
        (199, 284), (128, 293), (14, 299), (0, 189),
    )),
    "motorcycle": ("motorcycle_left.png", (
        (133, 268), (145, 400), (198, 406), (338, 433), (618, 452), (677, 425), (665, 339),
        (630, 291), (583, 252), (560, 173), (572, 134), (537, 118), (502, 134), (467, 126),
        (443, 158), (350, 186), (292, 197), (233, 158), (163, 150), (140, 173), (175, 197),
        (117, 228),
    )),
    "cup": ("coffee.png", (
        (180, 44), (227, 21), (293, 18), (369, 32), (420, 63), (406, 113), (463, 164), (480, 227),
        (454, 284), (378, 315), (284, 325), (189, 302), (113, 258), (79, 202), (85, 145),
        (123, 107), (174, 88),
    )),
}  # fmt: skip
"""Still and outline, pixels, of each thing."""

BACKGROUNDS = "grass.png", "gravel.png", "brick.png", "china.jpg", "flower.jpg"
LEARNT_SHARE = 0.6
"""Left part of each background, before which is learnt; held out stands before the rest."""

WIDTH_PX, HEIGHT_PX = 480, 360
TALL_PX = 60, 220
LIGHT = 0.6, 1.25
GRAIN = 6.0
"""Standard deviation of the noise."""
MOST_THINGS = 3
TRIES = 20
QUALITY = 92

CROP_MARGIN = 0.0, 0.3
CROPS = 60, 25
"""Of each class: to learn from, and held out."""
SCENES = 240, 60

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """A cut-out."""

    label: str
    image: Image
    cover: NDArray[np.float32]
    """``[height, width]``: 1 where it is, 0 where the background shows."""


def things() -> list[Thing]:
    """Return the cut-outs."""
    return [_cut(label, *outline) for label, outline in OUTLINES.items()]


def _cut(label: str, still: str, outline: Sequence[tuple[int, int]]) -> Thing:
    image = packaged_picture(still)
    cover = np.zeros(image.shape[:2], np.uint8)
    points = np.array(outline, np.int32)
    cv2.fillPoly(cover, [points], (255,))
    soft = cv2.GaussianBlur(cover, (5, 5), 0).astype(np.float32) / 255
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return Thing(label, image[top:bottom, left:right], soft[top:bottom, left:right])


def backgrounds(learnt: bool) -> list[Image]:
    """Return the parts of the backgrounds for learning, or those for judging."""
    found = []
    for name in BACKGROUNDS:
        image = packaged_picture(name)
        seam = int(image.shape[1] * LEARNT_SHARE)
        found.append(image[:, :seam] if learnt else image[:, seam:])
    return found


def scene(
    draw: np.random.Generator, behind: Sequence[Image], cuts: Sequence[Thing]
) -> tuple[Image, list[tuple[str, Box]]]:
    """Return a picture, and what stands where in it: one to `MOST_THINGS`, none over another."""
    canvas = _background(draw, behind).astype(np.float32)
    placed = list[tuple[str, Box]]()
    for _ in range(draw.integers(1, MOST_THINGS + 1)):
        thing = cuts[draw.integers(len(cuts))]
        box = _free_place(draw, thing, [one for _, one in placed])
        if box is not None:
            _paste(draw, canvas, thing, box)
            placed.append((thing.label, box))
    canvas += draw.normal(0, GRAIN, canvas.shape)
    return np.clip(canvas, 0, 255).astype(np.uint8), placed


def _background(draw: np.random.Generator, behind: Sequence[Image]) -> Image:
    image = behind[draw.integers(len(behind))]
    height, width = image.shape[:2]
    scale = min(width / WIDTH_PX, height / HEIGHT_PX) * draw.uniform(0.6, 1)
    w, h = int(WIDTH_PX * scale), int(HEIGHT_PX * scale)
    left, top = draw.integers(width - w + 1), draw.integers(height - h + 1)
    part = image[top : top + h, left : left + w]
    lit = cv2.resize(part, (WIDTH_PX, HEIGHT_PX)) * draw.uniform(*LIGHT)
    return np.clip(lit, 0, 255).astype(np.uint8)


def _free_place(draw: np.random.Generator, thing: Thing, taken: Sequence[Box]) -> Box | None:
    height, width = thing.cover.shape
    for _ in range(TRIES):
        tall = int(draw.uniform(*TALL_PX))
        wide = int(tall * width / height)
        left = int(draw.integers(max(1, WIDTH_PX - wide)))
        top = int(draw.integers(HEIGHT_PX - tall))
        box = left, top, left + wide, top + tall
        if box[2] <= WIDTH_PX and not any(_meet(box, other) for other in taken):
            return box
    return None


def _meet(one: Box, other: Box) -> bool:
    return (one[0] < other[2] and other[0] < one[2]) and (one[1] < other[3] and other[1] < one[3])


def _paste(draw: np.random.Generator, canvas: NDArray[np.float32], thing: Thing, box: Box) -> None:
    left, top, right, bottom = box
    size = right - left, bottom - top
    image = cv2.resize(thing.image, size, interpolation=cv2.INTER_AREA) * draw.uniform(*LIGHT)
    cover = cv2.resize(thing.cover, size, interpolation=cv2.INTER_AREA)[:, :, None]
    if draw.random() < 0.5:
        image, cover = image[:, ::-1], cover[:, ::-1]
    canvas[top:bottom, left:right] *= 1 - cover
    canvas[top:bottom, left:right] += cover * np.clip(image, 0, 255)


def write_crops(folder: Path, seed: int = 1, counts: tuple[int, int] = CROPS) -> None:
    """Write ``learn/`` and ``judge/``, a folder for each thing in both, and ``nothing/``."""
    with _whole(folder) as begun:
        for learnt, part, count in zip((True, False), ("learn", "judge"), counts, strict=True):
            draw = np.random.default_rng((seed, int(learnt)))
            for label, number, image in _crops(draw, backgrounds(learnt), count):
                (begun / part / label).mkdir(parents=True, exist_ok=True)
                _write(begun / part / label / f"{number:03}.jpg", image)


def _crops(
    draw: np.random.Generator, behind: Sequence[Image], count: int
) -> Iterator[tuple[str, int, Image]]:
    for thing in things():
        for number in range(count):
            image, placed = scene(draw, behind, [thing])
            yield thing.label, number, _around(draw, image, placed[0][1])
    for number in range(count):
        bare = _background(draw, behind)
        side = int(draw.uniform(*TALL_PX))
        left, top = draw.integers(WIDTH_PX - side), draw.integers(HEIGHT_PX - side)
        yield "nothing", number, bare[top : top + side, left : left + side]


def _around(draw: np.random.Generator, image: Image, box: Box) -> Image:
    """Return what is in a box, with some margin, as motion would cut it out."""
    left, top, right, bottom = box
    sides = np.array([right - left, bottom - top] * 2)
    margins = draw.uniform(*CROP_MARGIN, 4) * sides
    edges = [left - margins[0], top - margins[1], right + margins[2], bottom + margins[3]]
    l, t, r, b = (max(0, int(edge)) for edge in edges)  # noqa: E741
    return image[t:b, l:r]


def write_scenes(folder: Path, seed: int = 1, counts: tuple[int, int] = SCENES) -> None:
    """Write ``learn/`` and ``judge/``, pictures in both, and what is where in ``boxes.json``."""
    with _whole(folder) as begun:
        for learnt, part, count in zip((True, False), ("learn", "judge"), counts, strict=True):
            (begun / part).mkdir(parents=True)
            draw, behind = np.random.default_rng((seed, int(learnt))), backgrounds(learnt)
            made = [scene(draw, behind, things()) for _ in range(count)]
            for number, (image, _) in enumerate(made):
                _write(begun / part / f"{number:03}.jpg", image)
            told = _coco([placed for _, placed in made])
            (begun / part / "boxes.json").write_text(json.dumps(told))


def _coco(scenes: Sequence[Sequence[tuple[str, Box]]]) -> dict[str, object]:
    """Return boxes as COCO's instances are written."""
    labels = list(OUTLINES)
    boxes = [(number, *one) for number, placed in enumerate(scenes) for one in placed]
    return {
        "images": [{"id": n, "file_name": f"{n:03}.jpg"} for n in range(len(scenes))],
        "categories": [{"id": n, "name": label} for n, label in enumerate(labels)],
        "annotations": [
            {"id": n, "image_id": image, "category_id": labels.index(label),
             "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]]}
            for n, (image, label, b) in enumerate(boxes)
        ],
    }  # fmt: skip


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill, which takes its place when all is written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as begun:
        made = Path(begun) / "made"
        made.mkdir()
        yield made
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _write(path: Path, image: Image) -> None:
    bgr = np.ascontiguousarray(image[:, :, ::-1])
    cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
