"""Inside, outside, and which side of a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeagent.polygon import Point, contains, meet, side, touches_itself

SQUARE = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
# A U: its notch is open above.
NOTCHED = [(0, 0), (1, 0), (1, 4), (3, 4), (3, 0), (4, 0), (4, 5), (0, 5)]

number = st.integers(-50, 50)
point = st.tuples(number, number)


def hull(points: list[tuple[int, int]]) -> list[Point]:
    """Return the convex hull, by walking round it: the next corner has all others on one side."""
    start = here = min(points)
    corners: list[Point] = []
    while True:
        corners.append(here)
        ahead = points[0] if points[0] != here else points[1]
        for other in points:
            turn = side(here, ahead, other)
            farther = abs(other[0] - here[0]) + abs(other[1] - here[1]) > abs(
                ahead[0] - here[0]
            ) + abs(ahead[1] - here[1])
            if turn < 0 or (turn == 0 and farther):
                ahead = other
        here = ahead
        if here == start:
            return corners


@given(st.lists(point, min_size=3, max_size=12, unique=True), st.data())
def test_a_point_is_in_a_hull_when_it_is_on_one_side_of_every_edge(
    points: list[tuple[int, int]], data: st.DataObject
) -> None:
    corners = hull(points)
    if len(corners) < 3:
        assert touches_itself([*corners, corners[0]])
        return
    assert not touches_itself(corners)
    assert all(contains(corners, point) for point in points)
    asked = data.draw(point)
    ends = zip(corners, [*corners[1:], corners[0]], strict=True)
    assert contains(corners, asked) == all(side(a, b, asked) >= 0 for a, b in ends)


@given(st.lists(point, min_size=3, max_size=8, unique=True), point)
def test_inside_does_not_depend_on_where_the_corners_begin_nor_on_their_sense(
    corners: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    answer = contains(corners, asked)
    assert contains([*corners[2:], *corners[:2]], asked) == answer
    assert contains(corners[::-1], asked) == answer


def test_a_notch_is_outside_and_an_edge_inside() -> None:
    assert not contains(NOTCHED, (2, 2))
    assert contains(NOTCHED, (2, 4.5))
    assert contains(NOTCHED, (0.5, 2))
    for on_edge in ((0, 0), (2, 5), (1, 2), (4, 5), (2, 4)):
        assert contains(NOTCHED, on_edge)
    assert not contains(SQUARE, (0.2, 0.5))
    assert not contains(SQUARE, (0.8, 0.25))


@pytest.mark.parametrize(
    "corners",
    [
        [(0, 0), (1, 1), (1, 0), (0, 1)],
        [(0, 0), (1, 0), (0, 0.0)],
        [(0, 0), (1, 0), (0.5, 0)],
        [(0, 0), (0.5, 0), (1, 0)],
        [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)],
        [(0, 0), (2, 0), (2, 2), (1, 0), (0, 2)],
    ],
)
def test_a_polygon_that_crosses_touches_or_doubles_back_is_found(corners: list[Point]) -> None:
    assert touches_itself(corners)


@pytest.mark.parametrize("corners", [SQUARE, NOTCHED, SQUARE[:3], [(0, 0), (1, 0), (2, 0), (1, 1)]])
def test_a_plain_polygon_is_none_of_these(corners: list[Point]) -> None:
    assert not touches_itself(corners)


def test_the_right_hand_of_who_walks_up_the_picture_is_the_right_of_the_picture() -> None:
    assert side((0.5, 1.0), (0.5, 0.0), (0.9, 0.5)) > 0
    assert side((0.5, 1.0), (0.5, 0.0), (0.1, 0.5)) < 0


@given(point, point, point, point)
def test_meeting_is_mutual(
    a: tuple[int, int], b: tuple[int, int], c: tuple[int, int], d: tuple[int, int]
) -> None:
    assert meet(a, b, c, d) == meet(c, d, a, b) == meet(b, a, d, c)


def test_ways_that_stop_short_do_not_meet() -> None:
    assert meet((0, 0), (2, 2), (0, 2), (2, 0))
    assert meet((0, 0), (1, 1), (1, 1), (2, 0))
    assert not meet((0, 0), (0.9, 0.9), (0, 2), (2, 0))
