import numpy as np

from edgeagent.motion.components import Components, Group
from edgeagent.motion.grid import Mask

SHAPE = (20, 30)


def mask(*parts: tuple[int, int, int, int]) -> Mask:
    """Return cells set in each part: left, top, right, bottom."""
    cells = np.zeros(SHAPE, np.bool_)
    for left, top, right, bottom in parts:
        cells[top:bottom, left:right] = True
    return cells


def find(
    components: Components, moved: Mask, proof: Mask, min_cells: int = 1, frames: int = 0
) -> list[Group]:
    where = np.flatnonzero(moved)
    return components.find(moved, where, proof.take(where), min_cells, frames)


def test_groups_come_largest_first_with_their_extent_and_middle() -> None:
    moved = mask((2, 3, 4, 5), (10, 8, 16, 11))
    groups = find(Components(SHAPE), moved, moved)
    assert groups == [Group(10, 8, 16, 11, 18, 12.5, 9.0), Group(2, 3, 4, 5, 4, 2.5, 3.5)]


def test_a_group_without_proof_is_none() -> None:
    components = Components(SHAPE)
    groups = find(components, mask((2, 3, 4, 5), (10, 8, 16, 11)), mask((2, 3, 3, 4)))
    assert [group.cells for group in groups] == [4]
    assert components.confirmed.sum() == 4


def test_cells_that_touch_at_a_corner_are_one_group() -> None:
    moved = mask((2, 3, 4, 5), (4, 5, 6, 7))
    assert [group.cells for group in find(Components(SHAPE), moved, moved)] == [8]


def test_a_small_group_is_passed_over() -> None:
    moved = mask((2, 3, 4, 5), (10, 8, 16, 11))
    groups = find(Components(SHAPE), moved, moved, min_cells=5)
    assert [group.cells for group in groups] == [18]


def test_a_group_is_confirmed_after_so_many_frames_near_its_place() -> None:
    components = Components(SHAPE)
    counts = []
    for step in range(4):
        moved = mask((2 + step, 3, 5 + step, 6))
        counts.append(len(find(components, moved, moved, frames=2)))
    assert counts == [0, 0, 1, 1]


def test_a_group_elsewhere_is_new_again() -> None:
    components = Components(SHAPE)
    for place in (2, 20):
        moved = mask((place, 3, place + 3, 6))
        assert find(components, moved, moved, frames=1) == []
    assert components.new(np.flatnonzero(mask((2, 3, 5, 6)))) == 9
    assert components.new(np.flatnonzero(mask((20, 3, 23, 6)))) == 0


def test_a_pause_ends_the_trail() -> None:
    components = Components(SHAPE)
    moved = mask((2, 3, 5, 6))
    find(components, moved, moved)
    assert components.known.sum() == 25
    components.forget()
    assert not components.known.any()
    assert find(components, moved, moved, frames=1) == []


def test_a_trail_longer_than_can_be_counted_still_confirms() -> None:
    components = Components(SHAPE)
    moved = mask((2, 3, 5, 6))
    for _ in range(300):
        groups = find(components, moved, moved, frames=300)
    assert len(groups) == 1
