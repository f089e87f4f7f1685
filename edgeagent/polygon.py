"""Plane geometry, exact for exact numbers: which side, inside or outside, crossing or not."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

Point = tuple[float, float]
"""x and y; y grows downwards, as in a picture."""

Polygon = Sequence[Point]
"""Its corners in order, each once; the last is joined to the first."""


def side(start: Point, end: Point, point: Point) -> float:
    """Return on which side of the way from ``start`` to ``end`` a point lies.

    Positive on the right hand, as the picture is seen; negative on the left; 0 on the line. Its
    size is the distance times the length of the way.
    """
    (ax, ay), (bx, by), (x, y) = start, end, point
    return (bx - ax) * (y - ay) - (by - ay) * (x - ax)


def meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Return whether the way from ``a`` to ``b`` and that from ``c`` to ``d`` share a point."""
    if side(c, d, a) * side(c, d, b) < 0 and side(a, b, c) * side(a, b, d) < 0:
        return True
    return _on(a, b, c) or _on(a, b, d) or _on(c, d, a) or _on(c, d, b)


def _on(start: Point, end: Point, point: Point) -> bool:
    """Return whether ``point`` lies on the way, its ends included."""
    (ax, ay), (bx, by), (x, y) = start, end, point
    between = min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
    return between and side(start, end, point) == 0


def edges(polygon: Polygon) -> Iterator[tuple[Point, Point]]:
    """Yield both ends of each edge."""
    yield from pairwise(polygon)
    yield polygon[-1], polygon[0]


def contains(polygon: Polygon, point: Point) -> bool:
    """Return whether ``point`` lies in ``polygon``; its edges belong to it."""
    inside = False
    for a, b in edges(polygon):
        if _on(a, b, point):
            return True
        if (a[1] > point[1]) != (b[1] > point[1]):
            # Walking down an edge, what lies ahead of the ray is on its right hand.
            inside ^= (side(a, b, point) > 0) == (b[1] > a[1])
    return inside


def touches_itself(polygon: Polygon) -> bool:
    """Return whether edges cross, touch, or double back, so that inside means nothing."""
    ways = list(edges(polygon))
    for n, (a, b) in enumerate(ways):
        after = ways[(n + 1) % len(ways)][1]
        if side(a, b, after) == 0 and _turns_back(a, b, after):
            return True
        # Neighbours share a corner and nothing else.
        apart = ways[n + 2 : len(ways) - (n == 0)]
        if any(meet(a, b, c, d) for c, d in apart):
            return True
    return False


def _turns_back(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) <= 0
