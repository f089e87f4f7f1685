"""What the real clip lends: its empty background, and people cut out of it.

The clip is OpenCV's sample ``vtest.avi``, the rectangles are the public Faster R-CNN detections
of PETS09, in the format of the MOT Challenge.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH_PX, HEIGHT_PX = 768, 576
FOOTAGE = ("vtest.avi", "PETS09_det_frcnn.txt")

Real = NDArray[np.float32]
Luma = NDArray[np.uint8]
Row = list[float]
"""One detection: left, top, width, height, score."""


@dataclass(frozen=True)
class Sprite:
    """One person cut out of the footage."""

    luma: Real
    alpha: Real
    behind: float
    """Mean luma of the background it stood before."""

    def scaled(self, height_px: int) -> "Sprite":
        """Return the person ``height_px`` tall."""
        scale = height_px / self.luma.shape[0]
        luma, alpha = (
            np.asarray(cv2.resize(a, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), "f4")
            for a in (self.luma, self.alpha)
        )
        return Sprite(luma, alpha, self.behind)


def luma_of(path: Path) -> Iterator[Luma]:
    """Decode ``path``; each plane is valid until the next."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
            yield rows[: frame.height, : frame.width]


def detections(path: Path) -> dict[int, list[Row]]:
    """Read a MOT Challenge detection file: frame number, from 1, to its rows."""
    found: dict[int, list[Row]] = defaultdict(list)
    for line in path.read_text().splitlines():
        parts = line.split(",")
        if len(parts) > 6:
            found[int(parts[0])].append([float(v) for v in parts[2:7]])
    return found


class Footage:
    """What the real clip lends: its empty background and its people."""

    EVERY, MEDIAN_EVERY = 7, 6

    def __init__(self, folder: Path) -> None:
        self._found = detections(folder / FOOTAGE[1])
        kept, for_median = {}, []
        for n, luma in enumerate(luma_of(folder / FOOTAGE[0])):
            if n % self.MEDIAN_EVERY == 0:
                for_median.append(luma.copy())
            if n % self.EVERY == 0:
                kept[n] = luma.copy()
        self.background = np.median(np.stack(for_median), axis=0).astype(np.float32)
        self.sprites = [s for n, luma in kept.items() for s in self._people(n, luma)]

    def _people(self, n: int, luma: Luma) -> Iterator[Sprite]:
        rows = self._found[n + 1]
        for row in rows:
            if _alone(row, rows):
                sprite = self._cut(luma, row)
                if sprite is not None:
                    yield sprite

    def _cut(self, luma: Luma, row: Row) -> Sprite | None:
        left, top, width, height = (
            int(v) + pad for v, pad in zip(row, (-3, -3, 6, 6), strict=False)
        )
        part = np.s_[top : top + height, left : left + width]
        person, behind = luma[part].astype(np.float32), self.background[part]
        mask = (cv2.GaussianBlur(np.abs(person - behind), (5, 5), 0) > 14).astype(np.uint8)
        mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 5))), np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        if count < 2 or stats[1:, 4].max() < 0.25 * width * height:
            return None
        best = 1 + int(stats[1:, 4].argmax())
        x, y, w, h = stats[best, :4]
        soft = cv2.GaussianBlur((labels == best).astype(np.float32), (3, 3), 0)
        inner = np.s_[y : y + h, x : x + w]
        return Sprite(person[inner], np.asarray(soft, "f4")[inner], float(behind.mean()))


def _alone(row: Row, rows: list[Row]) -> bool:
    """Whether a detection is sure, inside the frame, and clear of the others."""
    x, y, w, h, score = row
    margin = 8
    inside = (
        x >= margin and y >= margin and x + w <= WIDTH_PX - margin and y + h <= HEIGHT_PX - margin
    )
    near = (abs(x - o[0]) < w * 1.3 and abs(y - o[1]) < h * 1.1 for o in rows if o is not row)
    return score >= 0.985 and inside and not any(near)


def missing(folder: Path) -> list[str]:
    """Return the names of the needed files that ``folder`` lacks."""
    return [name for name in FOOTAGE if not (folder / name).is_file()]
