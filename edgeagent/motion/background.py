"""What each cell looks like when nothing moves: its mean, its noise, how restless it is."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeagent.motion.grid import Cells, Indices, Mask, Shape

MEAN_S = 1.15
"""A still cell's mean follows the picture with this time constant."""

MOVING_S, MOVING_STATICS = 40.0, 2.0
"""A moving cell's mean follows this slowly, and no faster than so many times the time after which
a thing becomes background; or what stands still would fade before."""

STILL_LEAST_S = 0.5
"""A cell that kept its difference for so long stands still: it teaches no noise."""

STATIC_S = 0.56
"""Once a thing has been still for long enough, it becomes background this quickly."""

NOISE_S = 3.15
"""The variance follows with this time constant."""

NOISE_MOVING_S = 9.4
"""The same in cells that belong to something moving."""

WARM_MEAN_S, WARM_NOISE_S = 0.28, 0.615
"""Time constants while the gate has just begun."""

RESTLESS_UP_S, RESTLESS_DOWN_S = 6.0, 100.0
"""How quickly a cell that moves counts as restless (foliage), and is forgiven."""

RESTLESS_FREE = 0.15
"""Share of the time that a cell may move without being thought restless."""

RESTLESS_GAIN = 8.0
"""Thresholds grow by this times the share beyond `RESTLESS_FREE`."""

LOW_SIGMAS, HIGH_SIGMAS = 2.25, 5.0
"""Thresholds in standard deviations: what may belong to a thing, and what proves one."""

LOW_LEVELS, HIGH_LEVELS = 2.75, 7.0
"""The least they may be, in luma levels: sensors and codecs are never quieter than that."""

FIRST_VARIANCE, LEAST_VARIANCE, CHANGED_VARIANCE = 4.0, 0.25, 2.0
"""In squared luma levels: before anything is known, at any time, and after a scene change."""

WARM_SQUARE_MOST = 64.0
"""Most that one frame may say of a cell's variance while warming up, in squared levels."""

SQUARE_MOST_GAIN, SQUARE_MOST_LEVELS = 9.0, 4.0
"""Afterwards: at most so many times the variance, and so many squared levels."""

WHITEST_LEVEL = 255.0
"""No sample of 8 bits, and so no mean of them, is above."""

SAME_LEVELS = 7.0
"""A moving cell whose difference changed by less between two upkeeps has stood still."""


def share(elapsed_s: float, constant_s: float) -> float:
    """Return how far an exponential mean goes towards its target in ``elapsed_s``, 0 to 1."""
    return -math.expm1(-elapsed_s / constant_s)


class Background:
    """The model of the empty scene, and how the latest cells differ from it.

    A frame goes through `compare`; when few cells moved, through `learn_quiet`; else through
    `differ`, `judge` where light has been explained, and `learn_busy`. What is done for all cells
    is one pass each; what concerns the few that moved is done at their indices.
    """

    def __init__(self, shape: Shape) -> None:
        self.mean: Cells = np.zeros(shape, np.float32)
        self.variance: Cells = np.full(shape, FIRST_VARIANCE, np.float32)
        self.difference: Cells = np.zeros(shape, np.float32)
        """After `differ`: latest cells less their mean; light takes away what it can explain."""
        self.excess: Cells = np.zeros(shape, np.float32)
        """What is held against the thresholds: the difference's size, less what is excused."""
        self.moved: Mask = np.zeros(shape, np.bool_)
        """Cells over the low threshold."""
        self._restless: Cells = np.zeros(shape, np.float32)
        self._still_s: Cells = np.zeros(shape, np.float32)
        self._before: Cells = np.zeros(shape, np.float32)
        self._sigma: Cells = np.zeros(shape, np.float32)
        self.low: Cells = np.zeros(shape, np.float32)
        """The low threshold of each cell, in luma levels."""
        self._spare: Cells = np.zeros(shape, np.float32)
        self._sensitivity = 1.0

    def start(self, cells: Cells) -> None:
        """Take the first picture for the background."""
        np.copyto(self.mean, cells)

    def refresh(self, sensitivity: float) -> None:
        """Work the thresholds out anew from noise and restlessness."""
        self._sensitivity = sensitivity
        factor = np.multiply(self._restless, RESTLESS_GAIN, out=self._spare)
        factor += 1 - RESTLESS_GAIN * RESTLESS_FREE
        np.maximum(factor, 1, out=factor)
        np.sqrt(self.variance, out=self._sigma)
        self._sigma *= factor
        np.multiply(self._sigma, LOW_SIGMAS / sensitivity, out=self.low)
        np.maximum(self.low, LOW_LEVELS / sensitivity, out=self.low)

    def compare(self, cells: Cells) -> int:
        """Set excess and moved from ``cells``; return how many cells moved."""
        cv2.absdiff(cells, self.mean, self.excess)
        return self.judge()

    def judge(self) -> int:
        """Set moved anew from excess; return how many cells moved."""
        np.greater(self.excess, self.low, out=self.moved)
        return int(np.count_nonzero(self.moved))

    def differ(self, cells: Cells) -> None:
        """Set difference from ``cells``."""
        np.subtract(cells, self.mean, out=self.difference)

    def proves(self, where: Indices) -> NDArray[np.bool_]:
        """Return for each cell of ``where`` whether it is over the high threshold."""
        high = self._sigma.take(where)
        high *= HIGH_SIGMAS / self._sensitivity
        np.maximum(high, HIGH_LEVELS / self._sensitivity, out=high)
        return np.asarray(self.excess.take(where) > high, np.bool_)

    def warm(self, cells: Cells, elapsed_s: float) -> None:
        """Learn quickly from the latest comparison: nothing is known yet."""
        cv2.accumulateWeighted(cells, self.mean, share(elapsed_s, WARM_MEAN_S))
        square = np.square(self.excess, out=self._spare)
        np.minimum(square, WARM_SQUARE_MOST, out=square)
        self._learn_variance(square, share(elapsed_s, WARM_NOISE_S))

    def learn_quiet(self, cells: Cells, elapsed_s: float) -> None:
        """Follow a scene where nothing moves."""
        cv2.accumulateWeighted(cells, self.mean, share(elapsed_s, MEAN_S))

    def learn_noise(self, elapsed_s: float) -> None:
        """Learn the noise of a scene where nothing moved for ``elapsed_s``."""
        square = np.square(self.excess, out=self._spare)
        self._learn_variance(square, share(elapsed_s, NOISE_S))
        self._restless *= 1 - share(elapsed_s, RESTLESS_DOWN_S)

    def stir(self) -> None:
        """Say that motion has ended: nothing stands still in it any more."""
        self._still_s.fill(0)

    def learn_busy(self, where: Indices, elapsed_s: float, static_s: float) -> None:
        """Let the mean follow a scene where something moved, the more slowly where it did.

        Args:
            where: the cells that moved.
            elapsed_s: since the mean last followed.
            static_s: what has not changed for longer becomes background.
        """
        static = self._learn_still(where, elapsed_s) > static_s
        moving_s = max(MOVING_S, MOVING_STATICS * static_s)
        rate = np.where(static, share(elapsed_s, STATIC_S), share(elapsed_s, moving_s))
        step = self.difference.take(where) * rate.astype(np.float32)
        learnt = self.mean.take(where) + step
        cv2.scaleAdd(self.difference, share(elapsed_s, MEAN_S), self.mean, self.mean)
        self.mean.put(where, learnt)
        self._keep_in_range()
        # What was learnt is no longer different: that is not a change of the thing itself.
        self._before.put(where, self.difference.take(where) - step)

    def _learn_still(self, where: Indices, elapsed_s: float) -> Cells:
        """Return for how long each moved cell has kept the same difference."""
        change = np.abs(self.difference.take(where) - self._before.take(where))
        still_s = (self._still_s.take(where) + np.float32(elapsed_s)) * (change < SAME_LEVELS)
        np.copyto(self._before, self.difference)
        self._still_s.fill(0)
        self._still_s.put(where, still_s)
        return np.asarray(still_s, np.float32)

    def learn_noise_around(
        self, where: Indices, groups: Indices, elapsed_s: float, lit: bool
    ) -> None:
        """Learn noise and restlessness of a scene where something moved; consumes excess.

        Args:
            where: the cells that moved.
            groups: those of them that belong to a group.
            elapsed_s: since they were last learnt.
            lit: the light is changing, and what stands may be what its explanation left over;
                otherwise what stands is a thing, and says nothing about noise.
        """
        self._restless *= 1 - share(elapsed_s, RESTLESS_DOWN_S)
        self._learn_restless(where if lit else self._unsettled(where), elapsed_s)
        most = np.multiply(self.variance, SQUARE_MOST_GAIN, out=self._spare)
        most += SQUARE_MOST_LEVELS
        square = np.square(self.difference, out=self.excess)
        np.minimum(square, most, out=square)
        kept = self.variance.take(groups)
        self._learn_variance(square, share(elapsed_s, NOISE_S))
        self.variance.put(groups, kept)
        self._learn_moving(groups if lit else self._unsettled(groups), elapsed_s)

    def _unsettled(self, where: Indices) -> Indices:
        """Return those of ``where`` that have not stood still."""
        return where[self._still_s.take(where) < STILL_LEAST_S]

    def _learn_restless(self, where: Indices, elapsed_s: float) -> None:
        restless = self._restless.take(where)
        restless += (1 - restless) * np.float32(share(elapsed_s, RESTLESS_UP_S))
        self._restless.put(where, restless)

    def _learn_moving(self, where: Indices, elapsed_s: float) -> None:
        """Learn the noise of cells in a group, cautiously; excess holds the squares."""
        variance, square = self.variance.take(where), self.excess.take(where)
        variance += (square - variance) * np.float32(share(elapsed_s, NOISE_MOVING_S))
        self.variance.put(where, np.maximum(variance, LEAST_VARIANCE))

    def _learn_variance(self, square: Cells, rate: float) -> None:
        cv2.accumulateWeighted(square, self.variance, rate)
        np.maximum(self.variance, LEAST_VARIANCE, out=self.variance)

    def follow(self, change: Cells, rate: float) -> None:
        """Go ``rate`` of the way along with a ``change`` of light that `light` explained."""
        cv2.scaleAdd(change, rate, self.mean, self.mean)
        self._keep_in_range()

    def _keep_in_range(self) -> None:
        """Undo what an explanation carried beyond black or white: no picture is there."""
        np.clip(self.mean, 0, WHITEST_LEVEL, out=self.mean)

    def adopt(self, cells: Cells, known: Mask) -> None:
        """Begin anew after a change of the whole scene, but leave ``known`` things out of it."""
        np.copyto(self.mean, cells, where=~known)
        np.maximum(self.variance, CHANGED_VARIANCE, out=self.variance)
        self._still_s.fill(0)
