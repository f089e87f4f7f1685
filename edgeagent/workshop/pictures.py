"""Pictures to calibrate by: from a folder, or those that well-known packages ship."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.contents import digest
from edgeagent.errors import UsageError
from edgeagent.pedigree import Data, digest_of

Image = NDArray[np.uint8]
"""``[height, width, 3]``, RGB."""

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp"))

PACKAGED: Sequence[tuple[str, str]] = (
    *(
        ("skimage", f"data/{name}")
        for name in (
            "astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png",
            "motorcycle_right.png", "rocket.jpg", "grass.png", "brick.png",
        )
    ),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)  # fmt: skip
"""Stills in scikit-image's and scikit-learn's wheels; each is named with its free licence there."""

DARKER = 0.45
CROPS, CROP_LEAST, CROP_MOST = 3, 0.35, 0.7
PATCHES, PATCH_LEAST, PATCH_MOST = 2, 0.25, 0.8


def read_picture(path: Path) -> Image:
    """Return the picture in ``path``.

    Raises:
        UsageError: OpenCV cannot read it.
    """
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise UsageError(f"{path}: not a picture that OpenCV reads; take it out of the folder")
    return np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)


def folder_pictures(folder: Path) -> list[Image]:
    """Return every picture in ``folder`` and below, in the order of their paths.

    Raises:
        UsageError: there is none, or one cannot be read; all that cannot are named.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(
            f"{folder}: no picture ({', '.join(sorted(SUFFIXES))}) to calibrate by; some 20 of "
            "what the camera will see, dark ones among them, are enough"
        )
    broken = [str(path) for path in paths if cv2.imread(str(path)) is None]
    if broken:
        raise UsageError(f"not pictures that OpenCV reads: {', '.join(broken)}; take them out")
    return [read_picture(path) for path in paths]


def packaged_pictures() -> list[Image]:
    """Return the stills of `PACKAGED`.

    Raises:
        UsageError: a package is missing.
    """
    return [read_picture(_folder(package) / path) for package, path in PACKAGED]


FREE = "free, each named in its package"


def packaged_data() -> Data:
    """Return what a manifest says of the stills of `PACKAGED`.

    Raises:
        UsageError: a package is missing.
    """
    digests = [digest(_folder(package) / path) for package, path in PACKAGED]
    name = "stills of scikit-image and scikit-learn"
    return Data("calibrate", name, FREE, len(digests), digest_of(digests))


SKIMAGE, SKLEARN = ("skimage", "data"), ("sklearn", "datasets/images")


def packaged_picture(name: str) -> Image:
    """Return one of the stills that either package ships, by its file's name.

    Raises:
        UsageError: the package is missing, or has no such picture.
    """
    package, folder = SKLEARN if name in ("china.jpg", "flower.jpg") else SKIMAGE
    return read_picture(_folder(package) / folder / name)


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(f"{package} is not installed: scripts/setup train, or --calibrate FOLDER")
    return Path(spec.origin).parent


def varied(pictures: Sequence[Image]) -> list[Image]:
    """Return each as it is, mirrored, darkened, and three pieces of it; the same at each call."""
    rng, views = np.random.default_rng(0), list[Image]()
    for image in pictures:
        dark = (image * DARKER).astype(np.uint8)
        views += [image, image[:, ::-1], dark, *_pieces(image, rng)]
    return views


def _pieces(image: Image, rng: np.random.Generator) -> Iterator[Image]:
    height, width = image.shape[:2]
    for _ in range(CROPS):
        share = rng.uniform(CROP_LEAST, CROP_MOST)
        top = int(rng.uniform(0, height * (1 - share)))
        left = int(rng.uniform(0, width * (1 - share)))
        yield image[top : top + int(height * share), left : left + int(width * share)]


def patches(pictures: Sequence[Image], side_px: int) -> list[Image]:
    """Return square patches, two of each picture: what a vector model is given."""
    rng, found = np.random.default_rng(0), list[Image]()
    for image in pictures:
        height, width = image.shape[:2]
        for _ in range(PATCHES):
            side = rng.uniform(PATCH_LEAST, PATCH_MOST) * min(height, width)
            left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
            part = image[int(top) : int(top + side), int(left) : int(left + side)]
            small = cv2.resize(part, (side_px, side_px), interpolation=cv2.INTER_AREA)
            found.append(np.asarray(small, np.uint8))
    return found


def letterboxed(image: Image, width_px: int, height_px: int) -> Image:
    """Return ``image`` scaled into a black rectangle."""
    height, width = image.shape[:2]
    scale = min(width_px / width, height_px / height)
    size = round(width * scale), round(height * scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out = np.zeros((height_px, width_px, 3), np.uint8)
    top, left = (height_px - size[1]) // 2, (width_px - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=how)
    return out
