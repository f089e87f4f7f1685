import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from edgeagent.config import MotionConfig
from edgeagent.findings import Motion
from edgeagent.frame import BT601, Frame, Picture, Plane
from edgeagent.motion import MotionGate

ROWS, COLUMNS = 240, 320
NOISE_LEVELS = 3.0
SIDE_PX = 40
CALM_S = 2.0
"""Before anything happens in a scene."""


def frame(luma: Plane, mono_s: float) -> Frame:
    return Frame(luma, Picture(luma, None, None, BT601), round(mono_s * 1000), mono_s, 0)


class Room:
    """A patterned wall under a noisy sensor."""

    def __init__(self, rows: int = ROWS, columns: int = COLUMNS, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        tiles = self._rng.integers(60, 170, (rows // 10 + 1, columns // 10 + 1))
        self._wall = np.kron(tiles, np.ones((10, 10)))[:rows, :columns]

    def shot(self, box_px: float | None = None, step: float = 60.0, gain: float = 1.0) -> Plane:
        """Draw the room, with a brighter square whose left edge is at ``box_px``."""
        scene = self._wall.copy()
        if box_px is not None:
            scene[100 : 100 + SIDE_PX, int(box_px) : int(box_px) + SIDE_PX] += step
        scene = scene * gain + self._rng.normal(0, NOISE_LEVELS, scene.shape)
        return np.clip(scene, 0, 255).astype(np.uint8)


def crossing(
    fps: float, config: MotionConfig | None = None, step: float = 60.0
) -> list[tuple[float, float, Motion | None]]:
    """Let the square cross at 80 px/s; return time, left edge and verdict of each frame."""
    gate, room, told = MotionGate(config or MotionConfig()), Room(), []
    for n in range(int((CALM_S + 3) * fps)):
        at_s = n / fps
        left = 10 + 80 * (at_s - CALM_S)
        box = left if at_s >= CALM_S else None
        told.append((at_s, left, gate.admit(frame(room.shot(box, step), 100 + at_s))))
    return told


def parked(fps: float, static_s: float, after_s: float) -> list[float]:
    """Let the square come at 2 s and stay; return when there was motion, in seconds after."""
    gate, room = MotionGate(MotionConfig(static_s=static_s)), Room()
    times = []
    for n in range(int((CALM_S + after_s) * fps)):
        at_s = n / fps - CALM_S
        if gate.admit(frame(room.shot(80 if at_s >= 0 else None), at_s)) is not None:
            times.append(at_s)
    return times


def test_a_crossing_square_is_found_and_covered() -> None:
    told = [(left, motion) for at_s, left, motion in crossing(10) if at_s > CALM_S + 0.05]
    assert sum(motion is not None for _, motion in told) >= len(told) - 1
    for left, motion in told[1:]:
        assert motion is not None
        largest = motion.regions[0]
        assert largest.left * COLUMNS <= left + 8
        assert largest.right * COLUMNS >= left + SIDE_PX - 8
        assert largest.top * ROWS <= 108
        assert largest.bottom * ROWS >= 132


def test_the_centroid_and_area_are_those_of_the_square() -> None:
    _, left, motion = crossing(10)[-1]
    assert motion is not None
    assert motion.centroid[0] == pytest.approx((left + SIDE_PX / 2) / COLUMNS, abs=0.03)
    assert motion.centroid[1] == pytest.approx(120 / ROWS, abs=0.03)
    assert motion.area == pytest.approx(SIDE_PX**2 / (ROWS * COLUMNS), rel=0.5)


def test_the_first_sight_of_a_thing_is_not_yet_confirmed() -> None:
    appearing = [motion for at_s, _, motion in crossing(10) if at_s >= CALM_S]
    assert appearing[0] is None
    assert appearing[1] is not None


def test_without_confirmation_the_first_sight_is_told() -> None:
    told = crossing(10, MotionConfig(confirm_s=0))
    appearing = [motion for at_s, _, motion in told if at_s >= CALM_S]
    assert appearing[0] is not None


def test_a_longer_confirmation_tells_later() -> None:
    told = crossing(10, MotionConfig(confirm_s=0.5))
    first = next(at_s for at_s, _, motion in told if motion is not None)
    assert first == pytest.approx(CALM_S + 0.5, abs=0.11)


def test_a_still_noisy_room_is_quiet() -> None:
    gate, room = MotionGate(MotionConfig()), Room()
    told = [gate.admit(frame(room.shot(), n / 10)) for n in range(200)]
    assert told == [None] * 200


def test_a_lamp_is_not_motion() -> None:
    gate, room = MotionGate(MotionConfig()), Room()
    told = []
    for n in range(120):
        gain = 1.3 if n // 30 % 2 else 1.0
        told.append(gate.admit(frame(room.shot(gain=gain), n / 10)))
    assert sum(motion is not None for motion in told) <= 1


def test_a_square_is_found_although_a_lamp_goes_on_meanwhile() -> None:
    gate, room = MotionGate(MotionConfig()), Room()
    told = []
    for n in range(50):
        left = 10 + 8.0 * (n - 20) if n >= 20 else None
        gain = 1.3 if n >= 30 else 1.0
        told.append(gate.admit(frame(room.shot(left, gain=gain), n / 10)))
    assert sum(motion is not None for motion in told[32:]) >= 16


@pytest.mark.parametrize("fps", [5, 10, 20])
def test_a_parked_thing_becomes_background_after_static_s(fps: float) -> None:
    times = parked(fps, static_s=3, after_s=10)
    assert times[0] <= 0.21
    assert 3.0 <= times[-1] <= 7.0
    assert len(times) >= 0.95 * fps * times[-1]


def test_a_longer_static_s_keeps_a_parked_thing_longer() -> None:
    times = parked(5, static_s=20, after_s=22)
    assert times[-1] >= 20.0
    assert len(times) >= 0.95 * 5 * 20


def test_a_scene_is_judged_alike_at_5_and_20_frames_a_second() -> None:
    slow = {at_s: motion for at_s, _, motion in crossing(5) if motion is not None}
    fast = {at_s: motion for at_s, _, motion in crossing(20) if motion is not None}
    assert min(fast) == pytest.approx(min(slow), abs=0.2)
    assert len(slow) / (5 * 3) == pytest.approx(len(fast) / (20 * 3), abs=0.1)
    for at_s in sorted(slow)[1:]:
        assert slow[at_s].centroid[0] == pytest.approx(fast[at_s].centroid[0], abs=0.03)


def test_sensitivity_finds_a_fainter_thing() -> None:
    found = {}
    for sensitivity in (0.5, 2.0):
        config = MotionConfig(sensitivity=sensitivity)
        found[sensitivity] = sum(m is not None for *_, m in crossing(10, config, step=8.0))
    assert found[0.5] == 0
    assert found[2.0] >= 25


def test_min_cells_passes_over_small_things() -> None:
    told = crossing(10, MotionConfig(min_cells=80))
    assert all(motion is None for *_, motion in told)


def test_retune_takes_over_at_once() -> None:
    gate, room = MotionGate(MotionConfig()), Room()
    for n in range(20):
        gate.admit(frame(room.shot(), n / 10))
    gate.retune(MotionConfig(confirm_s=0, min_cells=1000))
    assert gate.admit(frame(room.shot(100), 2.0)) is None
    gate.retune(MotionConfig(confirm_s=0))
    assert gate.admit(frame(room.shot(100), 2.1)) is not None


def test_retune_to_another_cell_begins_afresh() -> None:
    gate, room = MotionGate(MotionConfig(confirm_s=0)), Room()
    for n in range(20):
        gate.admit(frame(room.shot(), n / 10))
    gate.retune(MotionConfig(confirm_s=0, cell_px=16))
    assert gate.admit(frame(room.shot(100), 2.0)) is None
    assert gate.admit(frame(room.shot(100), 2.1)) is None


@pytest.mark.parametrize("cell_px", [4, 8, 16])
def test_every_cell_size_finds_the_square(cell_px: int) -> None:
    told = crossing(10, MotionConfig(cell_px=cell_px))
    assert sum(motion is not None for *_, motion in told) >= 25


def test_another_size_of_plane_begins_afresh() -> None:
    gate, large, small = MotionGate(MotionConfig(confirm_s=0)), Room(), Room(180, 250)
    for n in range(20):
        gate.admit(frame(large.shot(), n / 10))
    told = [gate.admit(frame(small.shot(), 2 + n / 10)) for n in range(20)]
    assert told == [None] * 20
    assert gate.admit(frame(small.shot(100), 4.0)) is not None


def test_padded_rows_and_odd_sizes_are_judged_like_plain_planes() -> None:
    rows, columns = 237, 313
    plain, padded = MotionGate(MotionConfig()), MotionGate(MotionConfig())
    room, told = Room(rows, columns), []
    buffer = np.full((rows, columns + 71), 255, np.uint8)
    for n in range(40):
        luma = room.shot(10.0 + 8 * (n - 20) if n >= 20 else None)
        buffer[:, :columns] = luma
        told.append(plain.admit(frame(luma, n / 10)))
        assert padded.admit(frame(buffer[:, :columns], n / 10)) == told[-1]
    assert sum(motion is not None for motion in told) >= 18


def test_a_plane_that_may_not_be_written_is_read() -> None:
    gate, luma = MotionGate(MotionConfig()), Room().shot()
    luma.setflags(write=False)
    assert [gate.admit(frame(luma, n / 10)) for n in range(12)] == [None] * 12


def test_a_clock_that_stands_or_goes_back_is_survived() -> None:
    gate, room, told = MotionGate(MotionConfig()), Room(), []
    for n, mono_s in enumerate([5.0] * 15 + [4.0] * 10 + [1e9] * 10):
        told.append(gate.admit(frame(room.shot(8.0 * (n - 15) if n >= 15 else None), mono_s)))
    assert sum(motion is not None for motion in told) >= 15


def test_two_gates_know_nothing_of_each_other() -> None:
    config, room = MotionConfig(confirm_s=0), Room()
    first, second = MotionGate(config), MotionGate(config)
    for n in range(20):
        first.admit(frame(room.shot(), n / 10))
    assert second.admit(frame(room.shot(100), 2.0)) is None
    assert first.admit(frame(room.shot(100), 2.0)) is not None


def test_a_camera_turned_to_another_view_begins_anew_without_motion() -> None:
    gate, here, there = MotionGate(MotionConfig()), Room(seed=1), Room(seed=2)
    told = [gate.admit(frame(here.shot(), n / 10)) for n in range(20)]
    told += [gate.admit(frame(there.shot(), n / 10)) for n in range(20, 40)]
    assert told == [None] * 40
    shots = [gate.admit(frame(there.shot(8.0 * n), 4 + n / 10)) for n in range(10)]
    assert sum(motion is not None for motion in shots) >= 9


def within_bounds(motion: Motion) -> bool:
    edges = [e for r in motion.regions for e in (r.left, r.top, r.right, r.bottom)]
    whole = all(0.0 <= value <= 1.0 for value in (*edges, *motion.centroid, motion.area))
    ordered = all(r.width > 0 and r.height > 0 for r in motion.regions)
    return whole and ordered and len(motion.grid) == 48 and motion.area > 0


@pytest.mark.parametrize("seed", range(6))
def test_light_that_goes_wild_around_a_moving_thing_is_survived(seed: int) -> None:
    draw, gate = np.random.default_rng(seed), MotionGate(MotionConfig(confirm_s=0))
    tiles = draw.integers(0, 256, (15, 20)).repeat(16, 0).repeat(16, 1)
    gain, offset = 1.0, 0.0
    for n in range(200):
        if draw.random() < 0.1:
            gain, offset = draw.uniform(-0.5, 3), draw.uniform(-200, 200)
        scene = np.clip(tiles * gain + offset, 0, 255)
        scene[80:160, 3 * n % 200 :][:, :60] = draw.integers(0, 256)
        motion = gate.admit(frame(scene.astype(np.uint8), n / 10))
        assert motion is None or within_bounds(motion)


planes = st.tuples(st.integers(1, 70), st.integers(1, 70)).flatmap(
    lambda shape: st.lists(stnp.arrays(np.uint8, shape), min_size=1, max_size=6)
)


@settings(max_examples=60, deadline=None)
@given(
    planes=planes,
    order=st.lists(st.integers(0, 5), min_size=8, max_size=30),
    interval_s=st.floats(-1, 20, allow_nan=False),
    sensitivity=st.floats(0.25, 4),
    cell_px=st.sampled_from([4, 8, 16]),
)
def test_whatever_the_planes_hold_the_answer_is_within_bounds(
    planes: list[Plane], order: list[int], interval_s: float, sensitivity: float, cell_px: int
) -> None:
    config = MotionConfig(cell_px=cell_px, sensitivity=sensitivity, min_cells=1, confirm_s=0)
    gate = MotionGate(config)
    for n, which in enumerate(order):
        motion = gate.admit(frame(planes[which % len(planes)], n * interval_s))
        assert motion is None or within_bounds(motion)
