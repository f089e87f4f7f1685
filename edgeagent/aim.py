"""Where the model looks: few rectangles of its input's shape that hold all that moved."""

from collections.abc import Sequence
from functools import reduce

from edgeagent.findings import WHOLE, Box

Size = tuple[int, int]
"""Width and height in pixels."""

_MOST_REGIONS = 16
"""More than that are not compared with each other: the smallest join what is nearest."""


def aim(
    regions: Sequence[Box],
    shape_px: Size,
    at_most: int,
    margin: float,
    min_region: float,
    input_aspect: float,
) -> list[Box]:
    """Choose where the model looks: few rectangles of its input's shape that hold all regions.

    Args:
        regions: where something moved, largest first, in frame fractions.
        shape_px: the frame's width and height.
        at_most: most rectangles returned.
        margin: each side is widened by this share of the rectangle's size.
        min_region: lowest height, as a share of the frame's height.
        input_aspect: the model input's width over its height.

    Returns:
        Rectangles within the frame, none inside another; empty where ``regions`` is.
    """
    merged = _merge(regions, at_most)
    looks = [_grow(box, shape_px, margin, min_region, input_aspect) for box in merged]
    looks.sort(key=lambda box: box.area, reverse=True)
    kept: list[Box] = []
    for look in looks:
        if not any(_inside(look, other) for other in kept):
            kept.append(look)
    return kept


def _inside(box: Box, other: Box) -> bool:
    return other.join(box) == other


def _merge(regions: Sequence[Box], at_most: int) -> list[Box]:
    """Join what overlaps, then the pair whose union adds least, until few are left."""
    if at_most == 1 and regions:
        return [reduce(Box.join, regions)]
    boxes = list(regions[:_MOST_REGIONS])
    for box in regions[_MOST_REGIONS:]:
        nearest = min(range(len(boxes)), key=lambda i: _added(boxes[i], box))
        boxes[nearest] = boxes[nearest].join(box)
    while len(boxes) > 1:
        cost, i, j = min(
            (_pair_cost(boxes[i], boxes[j]), i, j)
            for i in range(len(boxes))
            for j in range(i + 1, len(boxes))
        )
        if len(boxes) <= at_most and cost[0]:
            break
        boxes[i] = boxes[i].join(boxes.pop(j))
    return boxes


def _pair_cost(a: Box, b: Box) -> tuple[bool, float]:
    return a.overlap(b) <= 0, _added(a, b)


def _added(a: Box, b: Box) -> float:
    return a.join(b).area - a.area - b.area


def _grow(box: Box, shape_px: Size, margin: float, min_region: float, input_aspect: float) -> Box:
    """Widen to margin, lowest height and aspect, as far as the frame has room for that shape.

    The whole frame, whatever its shape, where the box does not fit into the largest that has.
    """
    width, height = shape_px
    h = max(box.height * (1 + 2 * margin), min_region) * height
    w = max(box.width * (1 + 2 * margin) * width, h * input_aspect)
    w = min(w, width, height * input_aspect)
    h = w / input_aspect
    if box.width * width > w or box.height * height > h:
        return WHOLE
    left, right = _place(box.left, box.right, w / width)
    top, bottom = _place(box.top, box.bottom, h / height)
    return Box(left, top, right, bottom)


def _place(low: float, high: float, length: float) -> tuple[float, float]:
    """Centre ``length`` on the span, shifted to lie within 0 to 1 and to hold it."""
    first = min(max((low + high - length) / 2, 0.0), max(1.0 - length, 0.0))
    return min(first, low), max(first + length, high)
