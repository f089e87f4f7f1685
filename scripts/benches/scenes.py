"""Ten nuisances, drawn: each shown empty for 15 s, then with three people crossing.

Everything random comes from the seed alone.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from scripts.benches.footage import HEIGHT_PX, WIDTH_PX, Footage, Luma, Real, Sprite

FPS = 10
SEGMENT_FRAMES = 150
NUISANCES = (
    "clean",
    "noise",
    "lowcontrast",
    "slowlight",
    "lightstep",
    "flicker",
    "tree",
    "shake",
    "irswitch",
    "cloud",
)
HEIGHTS_PX = ((20, 110, 36, 64), (28, 90, 50, 18), (44, 80, 120, 30))
"""How tall the people of one segment are, in the order they come."""
NOISE = {"noise": 7.0, "lowcontrast": 3.5}
"""Standard deviation of the sensor noise; 2 where a nuisance is not named."""
FAINT = 0.32
"""Contrast of the people in the segment of low contrast."""
IR_NOISE = 6.0
TREE = (60, 300, 240, 200)
"""Left, top, width and height of the foliage, px."""


@dataclass(frozen=True)
class Walk:
    """One person's way through a segment."""

    sprite: Sprite
    start_px: tuple[float, float]
    speed_px: float
    """Pixels per frame, negative to the left."""
    first: int
    frames: int
    contrast: float
    number: int

    def at(self, t: int) -> tuple[float, float]:
        """Return the left and top of the person in frame ``t`` of the segment."""
        age = t - self.first
        return self.start_px[0] + self.speed_px * age, self.start_px[1] + 0.6 * math.sin(age * 1.3)


class Scene:
    """Everything that is drawn, from one seed. Frames must be asked for in order."""

    def __init__(self, footage: Footage, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._footage = footage
        self._y, self._x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        self._leaves = self._texture()
        self._phase = self._rng.uniform(0, 6.28, 6)
        self._tree_mask = self._ellipse()
        across, down = (
            ((self._x - WIDTH_PX / 2) / (WIDTH_PX / 2)),
            ((self._y - HEIGHT_PX / 2) / (HEIGHT_PX / 2)),
        )
        self._vignette = 1 - 0.5 * (across**2 + down**2) / 2
        self._shift = np.zeros(2)

    def _texture(self) -> Real:
        """Leaves: noise at two scales, of standard deviation 28."""
        layers = []
        for sigma in (1.6, 5.0):
            noise = self._rng.normal(0, 1, (300, 340)).astype(np.float32)
            blurred = cv2.GaussianBlur(noise, (0, 0), sigma)
            layers.append(blurred / blurred.std())
        both = layers[0] + layers[1]
        return np.asarray(both / both.std() * 28, np.float32)

    def _ellipse(self) -> Real:
        _, _, width, height = TREE
        mask = np.zeros((height, width), np.float32)
        middle, half = (width // 2, height // 2), (width // 2 - 8, height // 2 - 8)
        cv2.ellipse(mask, middle, half, 0, 0, 360, (1.0,), -1)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), 3), np.float32)

    def frames(self) -> Iterator[tuple[Luma, dict[str, Any]]]:
        """Yield each frame with its truth: nuisance, half, t, boxes."""
        for index, nuisance in enumerate(NUISANCES):
            for half in (0, 1):
                walks = self._walks(index, nuisance) if half else []
                for t in range(SEGMENT_FRAMES):
                    n = (index * 2 + half) * SEGMENT_FRAMES + t
                    frame, boxes = self._draw(n, t, nuisance, walks)
                    luma = self._spoil(frame, n, t, nuisance, half)
                    yield luma, {"nu": nuisance, "half": half, "t": t, "boxes": boxes}

    def _walks(self, index: int, nuisance: str) -> list[Walk]:
        heights = HEIGHTS_PX[index % 3]
        return [self._walk(index * 10 + k, k, height, nuisance) for k, height in enumerate(heights)]

    def _walk(self, number: int, k: int, height: int, nuisance: str) -> Walk:
        rng = self._rng
        sprite = self._footage.sprites[rng.integers(len(self._footage.sprites))].scaled(height)
        speed = max(1.2, height * rng.uniform(0.07, 0.14))
        way = int(rng.choice([-1, 1]))
        frames = int(rng.uniform(24, 32))
        room = WIDTH_PX - 60 - speed * frames
        left = rng.uniform(60, room) if room > 60 else 30.0
        left += speed * frames if way < 0 else 0.0
        top = rng.uniform(80, HEIGHT_PX - height - 10)
        if nuisance == "tree":
            top = rng.uniform(60, 230 - min(height, 160)) if k != 1 else 340.0
        contrast = FAINT if nuisance == "lowcontrast" else 1.0
        return Walk(sprite, (left, top), speed * way, 6 + k * 36, frames, contrast, number)

    def _draw(
        self, n: int, t: int, nuisance: str, walks: list[Walk]
    ) -> tuple[Real, list[list[float]]]:
        frame = self._footage.background.copy()
        if nuisance == "tree":
            self._foliage(frame, n / FPS)
        boxes = [_person(frame, w, t) for w in walks if w.first <= t < w.first + w.frames]
        return frame, [b for b in boxes if b is not None]

    def _foliage(self, frame: Real, at_s: float) -> None:
        left, top, width, height = TREE
        x, y = self._x[:height, :width], self._y[:height, :width]
        sway = 3 * math.sin(at_s * 5 + self._phase[0]) + 1.2 * math.sin(at_s * 11 + self._phase[1])
        from_x = x + 20 + sway * (1 + 0.4 * np.sin(y / 30 + at_s * 3))
        from_y = y + 20 + 1.5 * math.sin(at_s * 7 + self._phase[2])
        maps = from_x.astype(np.float32), from_y.astype(np.float32)
        leaves = cv2.remap(self._leaves, *maps, cv2.INTER_LINEAR)
        frame[top : top + height, left : left + width] += self._tree_mask * (leaves - 10)

    def _spoil(self, frame: Real, n: int, t: int, nuisance: str, half: int) -> Luma:
        """Light, lens and sensor: what stands between the scene and the plane."""
        noise = NOISE.get(nuisance, 2.0)
        if nuisance == "irswitch" and (t >= 75 if half == 0 else t < 110):
            frame = (255 * (np.clip(frame, 0, 255) / 255) ** 0.6) * 0.75 * self._vignette + 15
            noise = IR_NOISE
        light = getattr(self, f"_{nuisance}", None)
        if light is not None:
            frame = light(frame, n, t)
        size = (HEIGHT_PX, WIDTH_PX)
        frame = frame + self._rng.standard_normal(size, dtype=np.float32) * noise
        return np.clip(frame, 0, 255).astype(np.uint8)

    def _slowlight(self, frame: Real, n: int, _t: int) -> Real:
        return frame * np.float32(1 + 0.25 * math.sin(n / FPS * 6.283 / 6))

    def _lightstep(self, frame: Real, _n: int, t: int) -> Real:
        return frame * np.float32(1.45) + 6 if (t // 50) % 2 == 1 else frame

    def _flicker(self, frame: Real, n: int, _t: int) -> Real:
        mains = 5 * np.sin(self._y / HEIGHT_PX * 6.283 * 1.7 + n * 1.9)
        return np.asarray(frame * np.float32(1 + 0.03 * self._rng.normal()) + mains, np.float32)

    def _shake(self, frame: Real, _n: int, _t: int) -> Real:
        self._shift = self._shift * 0.6 + self._rng.normal(0, 0.9, 2)
        move = np.array([[1, 0, self._shift[0]], [0, 1, self._shift[1]]], np.float32)
        size = (WIDTH_PX, HEIGHT_PX)
        return np.asarray(cv2.warpAffine(frame, move, size, borderMode=cv2.BORDER_REPLICATE), "f4")

    def _cloud(self, frame: Real, _n: int, t: int) -> Real:
        edge = (t / FPS % 7.5) / 7.5 * (WIDTH_PX + 900) - 450
        along = self._x + 0.3 * self._y - 150
        shade = _sigmoid((edge - along) / 35) - _sigmoid((edge - 420 - along) / 35)
        return np.asarray(frame * (1 - 0.3 * shade), np.float32)


def _sigmoid(x: Real) -> Real:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _person(frame: Real, walk: Walk, t: int) -> list[float] | None:
    """Draw one person; return left, top, right, bottom, share in view, age, number, height."""
    x, y = walk.at(t)
    left, top = math.floor(x), math.floor(y)
    turned = slice(None, None, -1 if (t - walk.first) // 4 % 2 else 1)
    height, width = walk.sprite.luma.shape
    move = np.array([[1, 0, x - left], [0, 1, y - top]], np.float32)
    over, alpha = (
        cv2.warpAffine(a[:, turned], move, (width + 1, height + 1), borderMode=border)
        for a, border in (
            (walk.sprite.luma, cv2.BORDER_REPLICATE),
            (walk.sprite.alpha, cv2.BORDER_CONSTANT),
        )
    )
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width + 1, WIDTH_PX), min(top + height + 1, HEIGHT_PX)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    seen = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    _blend(frame[y0:y1, x0:x1], over[seen], alpha[seen], walk)
    share = (x1 - x0) * (y1 - y0) / ((width + 1) * (height + 1))
    return [x0, y0, x1, y1, round(share, 2), t - walk.first, walk.number, height]


def _blend(part: Real, over: Any, alpha: Any, walk: Walk) -> None:  # noqa: ANN401
    if walk.contrast < 1:
        over = part.mean() + walk.contrast * (over - walk.sprite.behind)
    part[:] = part * (1 - alpha) + alpha * over
