"""Where the model looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.aim import aim
from edgeagent.findings import WHOLE, Box


def looks(regions: list[Box], at_most: int = 1, **changes: float) -> list[Box]:
    said = {"margin": 0.25, "min_region": 0.5, "input_aspect": 1.0, **changes}
    return aim(regions, (1280, 720), at_most, **said)


def test_nothing_that_moves_is_nothing_to_look_at() -> None:
    assert looks([]) == []


def test_a_small_region_is_looked_at_in_a_square_of_half_the_height() -> None:
    (look,) = looks([Box(0.5, 0.5, 0.52, 0.55)])
    assert look.height == pytest.approx(0.5)
    assert look.width * 1280 == pytest.approx(360)
    assert (look.left + look.right) / 2 == pytest.approx(0.51)


def test_a_look_is_shifted_into_the_frame() -> None:
    (look,) = looks([Box(0.97, 0.9, 1.0, 1.0)])
    assert look.right == pytest.approx(1)
    assert look.bottom == pytest.approx(1)
    assert look.height == pytest.approx(0.5)


def test_a_wide_region_is_looked_at_in_the_whole_frame() -> None:
    assert looks([Box(0.1, 0.4, 0.9, 0.5)]) == [WHOLE]


def test_a_region_whose_margin_has_no_room_gets_the_largest_square() -> None:
    (look,) = looks([Box(0.4, 0.1, 0.5, 0.9)])
    assert (look.top, look.bottom) == (0, 1)
    assert look.width * 1280 == pytest.approx(720)


def test_two_looks_are_kept_apart_where_two_are_allowed() -> None:
    far = [Box(0.05, 0.1, 0.1, 0.2), Box(0.9, 0.8, 0.95, 0.9)]
    assert len(looks(far, 2, min_region=0.2)) == 2
    assert looks(far, 1) == [WHOLE]


def test_what_overlaps_is_one_look_however_many_are_allowed() -> None:
    assert len(looks([Box(0.1, 0.1, 0.2, 0.2), Box(0.15, 0.1, 0.25, 0.2)], 8, min_region=0.1)) == 1


def test_the_pair_that_adds_least_is_joined() -> None:
    near = [Box(0.1, 0.1, 0.15, 0.15), Box(0.17, 0.1, 0.2, 0.15)]
    found = looks([*near, Box(0.8, 0.8, 0.85, 0.9)], 2, min_region=0.1, margin=0)
    assert any(box.left <= 0.1 and box.right >= 0.2 and box.right < 0.3 for box in found)


edges = st.floats(0, 1, width=32)


@given(
    corners=st.lists(st.tuples(edges, edges, edges, edges), min_size=1, max_size=40),
    at_most=st.integers(1, 8),
    margin=st.floats(0, 2),
    min_region=st.floats(0.05, 1),
    aspect=st.sampled_from([0.5, 1.0, 4 / 3, 2.0]),
)
def test_every_region_is_inside_a_look_and_every_look_inside_the_frame(
    corners: list[tuple[float, float, float, float]],
    at_most: int,
    margin: float,
    min_region: float,
    aspect: float,
) -> None:
    regions = [Box(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
    found = aim(regions, (768, 576), at_most, margin, min_region, aspect)
    assert 1 <= len(found) <= at_most
    slack = 1e-9
    for box in regions:
        assert any(
            look.left <= box.left + slack
            and look.top <= box.top + slack
            and look.right >= box.right - slack
            and look.bottom >= box.bottom - slack
            for look in found
        )
    for look in found:
        assert -slack <= look.left < look.right <= 1 + slack
        assert -slack <= look.top < look.bottom <= 1 + slack
        if look != WHOLE:
            shape = look.width * 768 / (look.height * 576)
            assert shape == pytest.approx(aspect, rel=1e-3)
