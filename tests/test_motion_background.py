import numpy as np
import pytest

from edgeagent.motion.background import Background, share
from edgeagent.motion.grid import Cells

SHAPE = (12, 16)


def level(value: float) -> Cells:
    return np.full(SHAPE, value, np.float32)


def settled(value: float) -> Background:
    background = Background(SHAPE)
    background.start(level(value))
    background.refresh(1.0)
    return background


def test_a_share_is_a_half_after_the_constant_times_ln_2() -> None:
    assert share(np.log(2) * 5.0, 5.0) == pytest.approx(0.5)
    assert share(0.0, 5.0) == 0.0


def test_two_short_steps_go_as_far_as_one_long_one() -> None:
    one, two = settled(100), settled(100)
    for background, steps in ((one, [0.4]), (two, [0.1, 0.3])):
        for elapsed_s in steps:
            background.compare(level(110))
            background.learn_quiet(level(110), elapsed_s)
    np.testing.assert_allclose(one.mean, two.mean, atol=1e-4)
    assert 100 < one.mean[0, 0] < 110


def test_cells_over_the_low_threshold_moved_and_over_the_high_one_prove() -> None:
    background = settled(100)
    cells = level(100)
    cells[2, 3], cells[4, 5] = 106, 115
    # Variance 4 at first: 2.25 and 5 standard deviations are 4.5 and 10 levels.
    assert background.compare(cells) == 2
    where = np.flatnonzero(background.moved)
    assert background.proves(where).tolist() == [False, True]


def test_sensitivity_divides_the_thresholds() -> None:
    background = settled(100)
    background.refresh(0.5)
    assert background.compare(level(108)) == 0
    assert background.compare(level(110)) == 12 * 16


def test_a_noisy_cell_raises_its_own_threshold() -> None:
    background, rng = settled(100), np.random.default_rng(5)
    for _ in range(60):
        cells = level(100)
        cells[:, :8] += rng.normal(0, 6, (12, 8)).astype(np.float32)
        background.compare(cells)
        background.learn_noise(0.4)
    assert background.variance[:, :8].mean() == pytest.approx(36, rel=0.4)
    assert background.variance[:, 8:].max() == 0.25


def test_a_new_scene_is_adopted_but_for_known_things() -> None:
    background = settled(100)
    known = np.zeros(SHAPE, np.bool_)
    known[3:5, 3:5] = True
    background.adopt(level(40), known)
    assert background.mean[3, 3] == 100
    assert background.mean[0, 0] == 40
