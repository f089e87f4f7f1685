"""What changed light or a shaken camera explain of a difference, so that only the rest moved.

A lamp, a cloud or the camera's exposure multiplies and lifts all luma alike; a shake moves it. So
when much of the grid differs at once, a robust fit looks for the gain, the offset and the shift
that explain most of it. What follows them is taken away; what does not, has moved by itself.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.motion.grid import Cells, Mask, Shape

BASIS_S = 0.25
"""How old the fit's view of the background may be."""

FIT_EVERY = 5
"""The fit looks at one cell in so many."""

FIT_ROUNDS = 2
RIDGE = 1.0
"""Added to the normal matrix's diagonal, so that a blank scene can be fitted too."""

FIRST_INLIER_LEVELS, FIRST_INLIER_MEANS = 6.0, 2.0
INLIER_LEVELS, INLIER_MEANS = 2.5, 3.0
"""A cell counts in the next round when it is off by less than so many luma levels, or by less
than so many times the mean of those that counted."""

INLIERS_LEAST = 0.4
"""Share of the cells that a fit must explain to be believed."""

MIDDLE_LEVEL, GAIN_LEVELS = 128.0, 64.0
"""The gain is in luma levels per `GAIN_LEVELS` of distance from `MIDDLE_LEVEL`: of a size with
the offset, and nearly independent of it."""

GRADIENT_CELLS = 32.0
"""The shift is in this share of a cell for each luma level between the cells on both sides."""

LIT_LEVELS = 2.0
"""A gain or offset beyond this is a change of light worth the finer corrections."""

DIMMED_GAIN, DIMMED_OFFSET = -2.0, -4.0
"""Below either, the light went down, and what was clipped white shows its own brightness."""

WHITE_LEVEL = 243.0
"""Cells above it hold clipped pixels and do not follow the gain."""

TONE_LEVELS, TONE_BINS = 8.0, 33
"""Width in luma levels, and number, of the classes of brightness that may be off alike."""

TONE_S = 0.75
"""How old the sorting of cells into those classes may be."""

TONE_PRIOR_CELLS = 6.0
"""A class's mean is drawn to zero as if so many cells in it had not changed."""

TONE_MOST_LEVELS, ROW_MOST_LEVELS = 8.0, 6.0
"""Most that one cell may say about its class or its row."""

LIT_SLACK = 0.2
"""Share of the explained change of light that the thresholds forgive."""

SHIFTED_LEAST = 0.25
SHIFT_SLACK = 0.8
"""Beyond a shift of `SHIFTED_LEAST`, edges are forgiven this share of what it did to them."""

NEIGHBOURHOOD_CELLS = 13
NEIGHBOURHOOD_SHARE = 1.3
"""A soft shadow: the mean difference of a square of cells, times this, is forgiven."""


@dataclass(slots=True)
class Light:
    """What one fit found."""

    gain: float
    offset: float
    right: float
    down: float

    @property
    def lit(self) -> bool:
        """Whether the light itself changed."""
        return abs(self.gain) > LIT_LEVELS or abs(self.offset) > LIT_LEVELS

    @property
    def levels(self) -> float:
        """By how much it changed, in luma levels."""
        return abs(self.gain) + abs(self.offset)

    @property
    def dimmed(self) -> bool:
        """Whether there is less light than in the background."""
        return self.gain < DIMMED_GAIN or self.offset < DIMMED_OFFSET

    @property
    def shifted(self) -> bool:
        """Whether the camera moved."""
        return abs(self.right) > SHIFTED_LEAST or abs(self.down) > SHIFTED_LEAST


class LightFit:
    """Finds and removes changes that are not motion; keeps its buffers between frames."""

    def __init__(self, shape: Shape) -> None:
        cells = shape[0] * shape[1]
        self.change: Cells = np.zeros(shape, np.float32)
        """What the light did to each cell, as far as gain and offset explain it."""
        self._basis: NDArray[np.float32] = np.zeros((4, cells), np.float32)
        self._basis[1] = 1
        self._planes = self._basis.reshape(4, *shape)
        self._sample = self._basis[:, ::FIT_EVERY].copy()
        self._weighted = np.zeros_like(self._sample)
        self._picked, self._off, self._weight = (
            np.zeros(self._sample.shape[1], np.float32) for _ in range(3)
        )
        self._spare: Cells = np.zeros(shape, np.float32)
        self._slack: Cells = np.zeros(shape, np.float32)
        self._clipped: Mask = np.zeros(shape, np.bool_)
        self._tones = np.zeros(cells, np.intp)
        self._tone_cells = np.full(TONE_BINS, TONE_PRIOR_CELLS)
        self._basis_s = self._tones_s = -np.inf

    def explain(
        self, difference: Cells, mean: Cells, cells: Cells, excess: Cells, now_s: float
    ) -> Light | None:
        """Take light and shake out of ``difference``; set ``excess`` to what must be judged.

        Returns what was found, or None where no fit explains enough; ``change`` then holds the
        light of an earlier one.
        """
        self._look_at(mean, now_s)
        light = self._fit(difference)
        if light is not None:
            self._correct(light, difference, mean, cells, now_s)
        self._level_rows(difference)
        self._forgive_neighbourhood(difference, excess)
        if light is not None:
            self._forgive(light, excess)
        return light

    def _look_at(self, mean: Cells, now_s: float) -> None:
        """Set the basis of the fit from the background, when the last one is old."""
        if 0 <= now_s - self._basis_s < BASIS_S:
            return
        self._basis_s = now_s
        brightness, _, across, down = self._planes
        np.subtract(mean, MIDDLE_LEVEL, out=brightness)
        brightness *= 1 / GAIN_LEVELS
        np.subtract(mean[:, 2:], mean[:, :-2], out=across[:, 1:-1])
        across *= 1 / GRADIENT_CELLS
        np.subtract(mean[2:], mean[:-2], out=down[1:-1])
        down *= 1 / GRADIENT_CELLS
        np.copyto(self._sample, self._basis[:, ::FIT_EVERY])

    def _fit(self, difference: Cells) -> Light | None:
        """Find the four by least squares on the cells that agree; subtract what they explain."""
        picked, off, weight = self._picked, self._off, self._weight
        np.copyto(picked, difference.reshape(-1)[::FIT_EVERY])
        middle = np.partition(picked, picked.size // 2)[picked.size // 2]
        np.abs(np.subtract(picked, middle, out=off), out=off)
        limit = max(FIRST_INLIER_LEVELS, FIRST_INLIER_MEANS * float(off.mean()))
        np.less(off, limit, out=weight)
        for _ in range(FIT_ROUNDS):
            found = self._solve()
            np.abs(np.subtract(picked, found @ self._sample, out=off), out=off)
            mean_off = float(off @ weight) / max(1, int(np.count_nonzero(weight)))
            np.less(off, max(INLIER_LEVELS, INLIER_MEANS * mean_off), out=weight)
        if np.count_nonzero(weight) < INLIERS_LEAST * weight.size:
            return None
        difference -= (found @ self._basis).reshape(difference.shape)
        return Light(*found.tolist())

    def _solve(self) -> NDArray[np.float32]:
        weighted = np.multiply(self._sample, self._weight, out=self._weighted)
        normal = weighted @ self._sample.T
        normal.flat[::5] += RIDGE
        return np.asarray(np.linalg.solve(normal, weighted @ self._picked), np.float32)

    def _correct(
        self, light: Light, difference: Cells, mean: Cells, cells: Cells, now_s: float
    ) -> None:
        np.multiply(self._planes[0], light.gain, out=self.change)
        self.change += light.offset
        self._pass_over_clipped(light, difference, mean, cells)
        if light.lit:
            self._level_tones(difference, mean, now_s)

    def _pass_over_clipped(
        self, light: Light, difference: Cells, mean: Cells, cells: Cells
    ) -> None:
        clipped = np.greater(cells, WHITE_LEVEL, out=self._clipped)
        clipped &= difference < 0
        if light.dimmed:
            clipped |= mean > WHITE_LEVEL
        difference[clipped] = 0

    def _level_tones(self, difference: Cells, mean: Cells, now_s: float) -> None:
        """Remove what cells of like brightness have in common: tone curves, soft clipping."""
        if not 0 <= now_s - self._tones_s < TONE_S:
            self._tones_s = now_s
            self._tones = (mean.reshape(-1) * (1 / TONE_LEVELS)).astype(np.intp)
            self._tone_cells = np.bincount(self._tones, minlength=TONE_BINS) + TONE_PRIOR_CELLS
        said = np.clip(difference, -TONE_MOST_LEVELS, TONE_MOST_LEVELS, out=self._spare)
        sums = np.bincount(self._tones, said.reshape(-1), TONE_BINS)
        common = (sums / self._tone_cells).astype(np.float32)
        difference -= common[self._tones].reshape(difference.shape)

    def _level_rows(self, difference: Cells) -> None:
        """Remove what a row has in common: mains flicker under a rolling shutter."""
        said = np.clip(difference, -ROW_MOST_LEVELS, ROW_MOST_LEVELS, out=self._spare)
        difference -= said.mean(axis=1, keepdims=True)

    def _forgive_neighbourhood(self, difference: Cells, excess: Cells) -> None:
        """Set ``excess`` to how far each cell differs more than those around it do."""
        size = NEIGHBOURHOOD_CELLS, NEIGHBOURHOOD_CELLS
        around = self._spare
        cv2.blur(difference, size, dst=around)
        around *= np.copysign(np.float32(NEIGHBOURHOOD_SHARE), difference, out=self._slack)
        np.maximum(around, 0, out=around)
        np.abs(difference, out=excess)
        excess -= around

    def _forgive(self, light: Light, excess: Cells) -> None:
        if light.lit:
            slack = np.abs(self.change, out=self._slack)
            slack *= LIT_SLACK
            excess -= slack
        if light.shifted:
            self._forgive_edges(self._planes[2], light.right, excess)
            self._forgive_edges(self._planes[3], light.down, excess)

    def _forgive_edges(self, gradient: Cells, shift: float, excess: Cells) -> None:
        slack = np.abs(gradient, out=self._slack)
        slack *= SHIFT_SLACK * abs(shift)
        excess -= slack
