"""What of a frame is looked at, and what in it is spoken of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeagent.config import ZoneConfig
from edgeagent.findings import WHOLE, Box, Detection, Finding, Label, Motion
from edgeagent.polygon import contains, edges
from edgeagent.zones import RASTER_COLUMNS, RASTER_ROWS, Mask, foot, raster

LEFT = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
IGNORE = ZoneConfig(name="tree", kind="ignore", polygon=LEFT)
ONLY = ZoneConfig(name="yard", kind="only", polygon=LEFT)
ON_THE_LEFT, ON_THE_RIGHT = Box(0.1, 0.1, 0.3, 0.4), Box(0.6, 0.1, 0.8, 0.4)
ACROSS = Box(0.4, 0.1, 0.6, 0.4)


def moved(*regions: Box) -> Motion:
    return Motion(0.1, (0.5, 0.5), bytes([200] * 48), regions)


def thing(box: Box, name: str = "person") -> Detection:
    return Detection(name, 0.9, box)


def shown(zones: list[ZoneConfig], *things: Finding) -> list[Finding]:
    return Mask(zones).findings(list(things))


def test_without_zones_nothing_is_touched() -> None:
    mask, motion, findings = Mask([]), moved(ON_THE_LEFT), list[Finding]([thing(WHOLE)])
    assert mask.motion(motion) is motion
    assert mask.findings(findings) is findings
    assert Mask([ZoneConfig(polygon=LEFT)]).motion(motion) is motion


def test_motion_wholly_in_an_ignore_zone_is_no_motion() -> None:
    mask = Mask([IGNORE])
    assert mask.motion(moved(ON_THE_LEFT)) is None
    assert mask.motion(None) is None
    for looked_at in (moved(ON_THE_RIGHT), moved(ACROSS)):
        assert mask.motion(looked_at) is looked_at


def test_motion_outside_every_only_zone_is_no_motion() -> None:
    mask = Mask([ONLY])
    assert mask.motion(moved(ON_THE_RIGHT)) is None
    kept = moved(ON_THE_LEFT, ACROSS)
    assert mask.motion(kept) is kept


def test_what_is_left_of_motion_says_nothing_of_what_is_masked() -> None:
    left = Mask([IGNORE]).motion(moved(ON_THE_LEFT, ON_THE_RIGHT))
    assert left is not None
    assert left.regions == (ON_THE_RIGHT,)
    assert left.centroid == pytest.approx(ON_THE_RIGHT.centre)
    assert left.area == pytest.approx(0.05)
    assert left.grid == bytes([0, 0, 0, 0, 200, 200, 200, 200] * 6)


@pytest.mark.parametrize(
    "partial",
    [
        {"labels": ["dog"]},
        {"min_size": 0.1},
        {"max_size": 0.5},
    ],
)
def test_a_mask_for_some_things_only_stops_no_look(partial: dict[str, object]) -> None:
    zone = ZoneConfig(kind="ignore", polygon=LEFT, **partial)  # type: ignore[arg-type]
    motion = moved(ON_THE_LEFT)
    assert Mask([zone]).motion(motion) is motion


def test_where_one_label_is_confined_the_others_are_looked_for_everywhere() -> None:
    zone = ZoneConfig(kind="only", polygon=LEFT, labels=["dog"])
    motion = moved(ON_THE_RIGHT)
    assert Mask([zone]).motion(motion) is motion
    dog, person = thing(ON_THE_RIGHT, "dog"), thing(ON_THE_RIGHT)
    assert shown([zone], dog, person) == [person]


def test_what_stands_in_an_ignore_zone_is_not_said() -> None:
    inside, outside = thing(ON_THE_LEFT), thing(ON_THE_RIGHT)
    assert shown([IGNORE], inside, outside) == [outside]
    assert shown([ONLY], inside, outside) == [inside]


def test_a_thing_is_where_its_foot_is_even_below_the_frame() -> None:
    assert foot(Box(0.2, 0.5, 0.4, 1.3)) == pytest.approx((0.3, 1.0))
    reaching_out = thing(Box(0.2, 0.5, 0.4, 1.3))
    assert shown([IGNORE], reaching_out) == []


def test_size_is_a_share_of_the_height() -> None:
    zone = ZoneConfig(kind="ignore", polygon=LEFT, max_size=0.25)
    small, tall = thing(Box(0.1, 0.1, 0.2, 0.3)), thing(Box(0.1, 0.1, 0.2, 0.9))
    assert shown([zone], small, tall) == [tall]
    only = ZoneConfig(kind="only", polygon=LEFT, min_size=0.25)
    assert shown([only], small, tall) == [tall]


def test_a_label_of_the_whole_picture_stands_nowhere() -> None:
    assert shown([IGNORE, ONLY], Label("cat", 0.9)) == [Label("cat", 0.9)]


coordinate = st.integers(0, 64).map(lambda n: n / 64)


@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=7, unique=True))
def test_the_raster_says_the_same_as_the_polygon(corners: list[tuple[float, float]]) -> None:
    cells = raster(corners, 24, 32)
    middles = (np.indices((24, 32)).reshape(2, -1).T[:, ::-1] + 0.5) / (32, 24)
    away = np.min([_distances(middles, *edge) for edge in edges(corners)], axis=0)
    for middle, inside, distance in zip(middles, cells.flat, away, strict=True):
        # On an edge it is neither in nor out, and rounding may say either.
        if distance > 1e-6:
            assert contains(corners, (middle[0], middle[1])) == inside


def _distances(
    points: NDArray[np.float64], one: tuple[float, float], other: tuple[float, float]
) -> NDArray[np.float64]:
    """Return how far each of ``points`` is from the line between two corners."""
    along = np.subtract(other, one)
    share = np.clip((points - one) @ along / max(along @ along, 1e-12), 0, 1)
    return np.asarray(np.hypot(*(points - one - share[:, None] * along).T))


@given(st.tuples(coordinate, coordinate, coordinate, coordinate))
def test_a_region_is_dropped_exactly_when_every_cell_of_it_is_masked(
    edges: tuple[float, float, float, float],
) -> None:
    left, right = sorted(edges[:2])
    top, bottom = sorted(edges[2:])
    region = Box(left, top, right, bottom)
    beyond = right > 0.5 + 0.5 / RASTER_COLUMNS or left >= 0.5
    assert (Mask([IGNORE]).motion(moved(region)) is not None) == beyond
    assert RASTER_ROWS % 6 == RASTER_COLUMNS % 8 == 0
