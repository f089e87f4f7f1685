import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from edgeagent.findings import Box
from edgeagent.frame import Plane
from edgeagent.motion.grid import CellGrid


@settings(max_examples=40, deadline=None)
@given(luma=stnp.arrays(np.uint8, st.tuples(st.integers(16, 90), st.integers(16, 90))))
def test_a_cell_is_the_mean_of_its_pixels(luma: Plane) -> None:
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    blocks = luma[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    cells = CellGrid((luma.shape[0], luma.shape[1]), 8).measure(luma)
    # Three halvings, each rounded to a whole level: half a level each at most.
    np.testing.assert_allclose(cells, blocks.mean(axis=(1, 3)), atol=1.51)


@pytest.mark.parametrize(("cell_px", "shape"), [(4, (30, 41)), (8, (15, 20)), (16, (7, 10))])
def test_the_grid_has_as_many_cells_as_fit(cell_px: int, shape: tuple[int, int]) -> None:
    assert CellGrid((121, 167), cell_px).shape == shape


def test_a_plane_smaller_than_a_cell_gets_smaller_cells() -> None:
    grid = CellGrid((1, 5), 8)
    assert (grid.cell_px, grid.shape) == (1, (1, 5))


@pytest.mark.parametrize(
    ("size_px", "cell_px"),
    [
        ((720, 1280), 8),
        ((1000, 1600), 8),
        ((1080, 1920), 16),
        ((1440, 2560), 16),
        ((2160, 3840), 32),
    ],
)
def test_cells_nobody_chose_grow_with_the_plane(size_px: tuple[int, int], cell_px: int) -> None:
    grid = CellGrid(size_px, 0)
    assert grid.cell_px == cell_px
    assert grid.shape == (size_px[0] // cell_px, size_px[1] // cell_px)
    assert CellGrid(size_px, 8).cell_px == 8


@pytest.mark.parametrize("size_px", [(1080, 1920), (2160, 3840)])
def test_a_large_plane_is_measured_by_64_samples_a_cell(size_px: tuple[int, int]) -> None:
    grid = CellGrid(size_px, 0)
    rows, columns = grid.shape
    cell_px, step = grid.cell_px, (grid.cell_px // 8) ** 2
    luma = np.random.default_rng(1).integers(0, 256, size_px, np.uint8)
    blocks = luma[: rows * cell_px : step].reshape(rows, cell_px // step, columns, cell_px)
    np.testing.assert_allclose(grid.measure(luma), blocks.mean(axis=(1, 3)), atol=2.01)


def test_boxes_are_fractions_and_the_last_cell_reaches_the_edge() -> None:
    grid = CellGrid((100, 200), 8)
    assert grid.box(5, 3, 10, 6) == Box(0.2, 0.24, 0.4, 0.48)
    assert grid.box(24, 11, 25, 12) == Box(0.96, 0.88, 1.0, 1.0)


def test_a_point_is_the_middle_of_its_cell() -> None:
    assert CellGrid((80, 160), 8).point(0, 9) == (0.025, 0.95)


def test_activity_is_the_share_of_each_of_48_parts_row_by_row() -> None:
    moved = np.zeros((60, 80), np.bool_)
    moved[0:10, 70:80] = True
    moved[50:60, 0:5] = True
    moved[25, 35] = True
    activity = CellGrid((480, 640), 8).activity(moved)
    expected = np.zeros((6, 8), np.uint8)
    expected[0, 7], expected[5, 0], expected[2, 3] = 255, 128, 3
    assert len(activity) == 48
    np.testing.assert_allclose(
        np.frombuffer(activity, np.uint8).reshape(6, 8).astype(int), expected, atol=1
    )


def test_activity_of_a_grid_that_eight_does_not_divide_keeps_the_whole_share() -> None:
    moved = np.zeros((33, 59), np.bool_)
    moved[:, :29] = True
    shares = np.frombuffer(CellGrid((270, 480), 8).activity(moved), np.uint8)
    assert shares.mean() / 255 == pytest.approx(moved.mean(), abs=0.01)
