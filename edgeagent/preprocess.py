"""Fits a region of the picture into a model's input, and maps what was found there back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.findings import Box, Detection, Finding
from edgeagent.frame import Matrix, Picture, Plane
from edgeagent.tensor import Tensor, TensorSpec

Size = tuple[int, int]
"""Width and height in pixels."""

_GREY_CHROMA = 128.0

F = TypeVar("F", bound=Finding)


@dataclass(frozen=True, slots=True)
class Unfit:
    """The way back from the model's input to the frame."""

    region: Box
    """What was really cropped (whole pixels), in frame fractions."""
    used: Box
    """Where in the model's input it lies, in fractions; the rest is black."""

    def back(self, box: Box) -> Box:
        """Map ``box`` from input fractions to frame fractions, clipped to the region."""
        return Box(self._x(box.left), self._y(box.top), self._x(box.right), self._y(box.bottom))

    def findings(self, findings: Iterable[Finding]) -> list[Finding]:
        """Map every detection back; one that lies in the black alone is dropped."""
        mapped = (self._finding(finding) for finding in findings)
        return [f for f in mapped if not isinstance(f, Detection) or f.box.area > 0]

    def _finding(self, finding: F) -> F:
        if isinstance(finding, Detection):
            return replace(finding, box=self.back(finding.box))
        return finding

    def _x(self, x: float) -> float:
        share = (x - self.used.left) / self.used.width
        return self.region.left + min(max(share, 0.0), 1.0) * self.region.width

    def _y(self, y: float) -> float:
        share = (y - self.used.top) / self.used.height
        return self.region.top + min(max(share, 0.0), 1.0) * self.region.height


def fit(picture: Picture, region: Box, into: Tensor, spec: TensorSpec) -> Unfit:
    """Write ``region`` of ``picture`` into a model's input: cropped, scaled, RGB, letterboxed.

    Each plane is scaled by itself before colour is made, so that only as many pixels are
    converted as the model takes. Halvings come first: OpenCV's 2x2 INTER_AREA costs a fifteenth
    of its general one, and the bilinear step that is left then skips no pixel.

    Args:
        picture: planes of the frame.
        region: what to look at, in fractions of the frame.
        into: the model's input, ``[1, height, width, 3]``, C order; written in place.
        spec: its dtype: uint8 takes bytes 0 to 255 as they are, int8 the byte less 128, float32
            the byte, or ``scale * (byte - zero_point)`` where the spec has a scale.

    Returns:
        How to map boxes back.
    """
    height, width = spec.shape[1:3]
    crop = _crop_px(picture, region)
    size = _scaled((crop[2] - crop[0], crop[3] - crop[1]), (width, height))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    image = _bytes_of(into)
    seat = image[top : top + size[1], left : left + size[0]]
    _letterbox(image, left, top, size)
    _colour(picture, crop, size, seat)
    _quantise(image, into, spec)
    return Unfit(
        _fractions(crop, picture.size_px),
        _fractions((left, top, left + size[0], top + size[1]), (width, height)),
    )


def put(image: NDArray[np.uint8], into: Tensor, spec: TensorSpec) -> None:
    """Write RGB bytes of just the input's size into a model's input; `fit` says as what.

    Args:
        image: ``[1, height, width, 3]``.
        into: the model's input; written in place.
        spec: its dtype.
    """
    held = _bytes_of(into)
    held[...] = image[0]
    _quantise(held, into, spec)


Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


def _fractions(rect: Rect, size_px: Size) -> Box:
    w, h = size_px
    return Box(rect[0] / w, rect[1] / h, rect[2] / w, rect[3] / h)


def _crop_px(picture: Picture, region: Box) -> Rect:
    """Widen to whole pixels, even ones so that halved chroma planes are cropped alike."""
    width, height = picture.size_px
    left, right = _span_px(region.left, region.right, width)
    top, bottom = _span_px(region.top, region.bottom, height)
    return left, top, right, bottom


def _span_px(low: float, high: float, length_px: int) -> tuple[int, int]:
    # A hair inward first: .1 * 640 must not become 66 by the last bit of a float.
    first = 2 * int(np.floor(max(low, 0.0) * length_px / 2 + 1e-6))
    last = 2 * int(np.ceil(min(high, 1.0) * length_px / 2 - 1e-6))
    first = max(min(first, length_px - 2), 0)
    return first, min(max(last, first + 2), length_px)


def _scaled(crop: Size, room: Size) -> Size:
    """Return the largest size of ``crop``'s shape within ``room``."""
    scale = min(room[0] / crop[0], room[1] / crop[1])
    width, height = (max(1, min(r, round(c * scale))) for c, r in zip(crop, room, strict=True))
    return width, height


def _bytes_of(into: Tensor) -> NDArray[np.uint8]:
    """Return where to put the bytes: the tensor's own memory where it holds bytes."""
    if into.dtype.itemsize == 1:
        held: NDArray[np.uint8] = into[0].view(np.uint8)
        return held
    return np.empty(into.shape[1:], np.uint8)


def _letterbox(image: NDArray[np.uint8], left: int, top: int, size: Size) -> None:
    """Blacken what the picture will not cover."""
    image[:top] = 0
    image[top + size[1] :] = 0
    image[:, :left] = 0
    image[:, left + size[0] :] = 0


def _colour(picture: Picture, crop: Rect, size: Size, out: NDArray[np.uint8]) -> None:
    luma = _shrink(picture.y, picture, crop, size)
    if picture.u is None or picture.v is None:
        cv2.transform(luma[:, :, None], _grey(picture.to_rgb), out)
        return
    u = _shrink(picture.u, picture, crop, size)
    v = _shrink(picture.v, picture, crop, size)
    cv2.transform(cv2.merge([luma, u, v]), picture.to_rgb, out)


def _grey(to_rgb: Matrix) -> NDArray[np.float32]:
    """Return the ``(3, 2)`` matrix of a picture whose chroma is neutral."""
    offset = to_rgb[:, 1:3].sum(axis=1) * np.float32(_GREY_CHROMA) + to_rgb[:, 3]
    return np.column_stack([to_rgb[:, 0], offset])


def _shrink(plane: Plane, picture: Picture, crop: Rect, size: Size) -> NDArray[np.uint8]:
    """Crop ``plane`` and bring it to ``size``."""
    rows, columns = plane.shape
    width, height = picture.size_px
    # Rounded up, as decoders round the chroma planes of an odd picture.
    left, right = (-(-edge * columns // width) for edge in (crop[0], crop[2]))
    top, bottom = (-(-edge * rows // height) for edge in (crop[1], crop[3]))
    part: NDArray[np.uint8] = plane[top:bottom, left:right]
    while part.shape[1] >= 2 * size[0] and part.shape[0] >= 2 * size[1]:
        part = _halve(part)
    if part.shape != (size[1], size[0]):
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return part


def _halve(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # An odd last row or column goes: a ratio other than 2 would leave the fast path.
    rows, columns = part.shape[0] // 2, part.shape[1] // 2
    even = part[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _quantise(image: NDArray[np.uint8], into: Tensor, spec: TensorSpec) -> None:
    if into.dtype == np.int8:
        # 128 taken from a byte is its highest bit turned over.
        np.bitwise_xor(image, 0x80, out=image)
    elif into.dtype == np.float32:
        scale = np.float32(spec.scale or 1.0)
        real = into[0]
        np.subtract(image, np.float32(spec.zero_point), out=real, casting="unsafe")
        np.multiply(real, scale, out=real)
