import numpy as np
import pytest

from edgeagent.motion.grid import Cells
from edgeagent.motion.light import Light, LightFit

SHAPE = (30, 40)


def wall() -> Cells:
    rng = np.random.default_rng(3)
    return rng.integers(30, 200, SHAPE).astype(np.float32)


def explain(mean: Cells, cells: Cells) -> tuple[Light | None, Cells, Cells]:
    difference, excess = cells - mean, np.zeros(SHAPE, np.float32)
    light = LightFit(SHAPE).explain(difference, mean, cells, excess, 0.0)
    return light, difference, excess


def test_more_light_is_found_and_taken_away() -> None:
    mean = wall()
    light, difference, excess = explain(mean, mean * 1.2 + 4)
    assert light is not None
    # A factor of 1.2 is 12.8 levels per 64, and lifts level 128 by 25.6; 4 more on top.
    assert light.gain == pytest.approx(12.8, abs=0.3)
    assert light.offset == pytest.approx(29.6, abs=0.5)
    assert light.lit
    assert not light.dimmed
    assert np.abs(difference).max() < 1.0
    assert excess.max() < 0.0


def test_less_light_is_dimmed() -> None:
    mean = wall()
    light, _, _ = explain(mean, mean * 0.8)
    assert light is not None
    assert light.dimmed
    assert light.levels == pytest.approx(12.8 + 25.6, abs=1.0)


def test_a_shift_of_the_camera_is_found_and_its_edges_forgiven() -> None:
    y, x = np.mgrid[0:30, 0:40].astype(np.float32)
    mean = 120 + 60 * np.sin(x / 3) * np.cos(y / 4)
    moved = 120 + 60 * np.sin((x + 0.3) / 3) * np.cos(y / 4)
    light, difference, excess = explain(mean, moved)
    assert light is not None
    assert light.shifted
    assert not light.lit
    before = np.abs(moved - mean)[2:-2, 2:-2].mean()
    assert np.abs(difference)[2:-2, 2:-2].mean() < 0.3 * before
    assert excess[2:-2, 2:-2].mean() < 0.0


def test_a_thing_remains_after_the_light_is_taken_away() -> None:
    mean = wall()
    cells = mean * 1.2 + 4
    cells[10:14, 20:23] += 40
    light, _, excess = explain(mean, cells)
    assert light is not None
    assert excess[10:14, 20:23].min() > 7.0
    rest = excess.copy()
    rest[10:14, 20:23] = 0
    assert rest.max() < 2.0


def test_another_picture_is_not_explained_away() -> None:
    other = np.random.default_rng(4).integers(30, 200, SHAPE).astype(np.float32)
    _, difference, _ = explain(wall(), other)
    assert np.abs(difference).mean() > 20


def test_what_a_row_has_in_common_is_flicker() -> None:
    mean = wall()
    flicker = 4 * np.sin(np.arange(30, dtype=np.float32))[:, np.newaxis]
    _, difference, _ = explain(mean, mean + flicker)
    assert np.abs(difference).max() < 1.5


def test_clipped_whites_are_not_held_against_the_light() -> None:
    mean = wall()
    mean[5:9, 5:9] = 240
    cells = np.minimum(mean * 1.4, 255)
    light, difference, _ = explain(mean, cells)
    assert light is not None
    assert np.abs(difference[5:9, 5:9]).max() < 2.5
