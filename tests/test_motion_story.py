"""Why a frame was, or was not, worth a look."""

from collections.abc import Iterator

import msgspec
import numpy as np

from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, MotionConfig
from edgeagent.frame import BT601, Frame, Picture, Plane
from edgeagent.motion import MotionGate
from edgeagent.motion.story import (
    LEARNING,
    LET_THROUGH,
    NO_GROUP,
    NO_PROOF,
    NOT_CONFIRMED,
    OTHER_SCENE,
    QUIET,
    TOO_FEW,
    WORTH_A_LOOK,
    Story,
)
from edgeagent.sources.synthetic import Script, Synthetic

CONFIG = MotionConfig(confirm_s=0.2)
SHAPE = 240, 320


def frames(planes: list[Plane]) -> Iterator[Frame]:
    for n, luma in enumerate(planes):
        yield Frame(luma, Picture(luma, None, None, BT601), n, n / 10, n * 100)


def plain(level: int = 100) -> Plane:
    return np.full(SHAPE, level, np.uint8)


def with_patch(rows: slice, columns: slice, by: int) -> Plane:
    luma = plain()
    luma[rows, columns] += by
    return luma


def told(planes: list[Plane], config: MotionConfig = CONFIG) -> list[Story]:
    gate = MotionGate(config)
    return [gate.explain(frame) for frame in frames(planes)]


def last(patch: Plane, times: int = 1) -> Story:
    return told([plain()] * 20 + [patch] * times)[-1]


def test_explaining_admits_as_the_gate_does() -> None:
    camera = CameraConfig(source="synthetic", width=320, height=240)
    asked, unasked = MotionGate(CONFIG), MotionGate(CONFIG)
    for frame in Synthetic(camera, ManualClock(), False, script=Script(end_at=90)).frames():
        story = asked.explain(frame)
        assert story.motion == unasked.admit(frame)
        let_through = [s.box for s in story.suspects if s.why == LET_THROUGH]
        assert sorted(map(str, let_through)) == sorted(
            map(str, story.motion.regions if story.motion else ())
        )
        assert (story.verdict == WORTH_A_LOOK) == (story.motion is not None)


def test_the_first_frames_are_learnt_from_and_a_still_scene_is_quiet() -> None:
    verdicts = [story.verdict for story in told([plain()] * 20)]
    assert verdicts[:4] == [LEARNING] * 4
    assert verdicts[-1] == QUIET


def test_each_reason_for_which_a_group_is_dropped_is_named() -> None:
    cell, patch = slice(80, 88), slice(80, 104)
    for luma, why in (
        (with_patch(cell, cell, 60), QUIET),
        (with_patch(patch, patch, 4), NO_PROOF),
        (with_patch(patch, patch, 60), NOT_CONFIRMED),
    ):
        story = last(luma)
        assert (story.suspects[0].why if story.suspects else story.verdict) == why
    confirmed = last(with_patch(patch, patch, 60), times=4)
    assert (confirmed.suspects[0].why, confirmed.verdict) == (LET_THROUGH, WORTH_A_LOOK)


def test_a_group_of_too_few_cells_is_named_beside_a_larger_one() -> None:
    luma = with_patch(slice(80, 104), slice(80, 104), 60)
    luma[160:168, 160:168] += 60
    story = last(luma)
    assert [(s.cells, s.strong, s.why) for s in story.suspects] == [
        (9, 9, NOT_CONFIRMED),
        (1, 1, TOO_FEW),
    ]
    assert (story.over_low, story.left, story.over_high, story.verdict) == (10, 10, 10, NO_GROUP)
    assert int(story.moved.sum()) == 10


def test_a_lamp_is_explained_and_a_new_scene_is_called_one() -> None:
    blocks = np.random.default_rng(1).integers(60, 140, (15, 20), np.uint8)
    texture = blocks.repeat(16, axis=0).repeat(16, axis=1)
    lit = told([texture] * 20 + [texture + np.uint8(5)])[-1]
    assert lit.fitted
    assert lit.light is not None
    assert lit.left < lit.over_low / 10
    other = told([texture] * 20 + [np.ascontiguousarray(np.uint8(255) - texture[::-1])])[-1]
    assert (other.verdict, other.motion) == (OTHER_SCENE, None)


def test_a_higher_sensitivity_lowers_each_cells_threshold() -> None:
    def threshold(word: str) -> float:
        config = msgspec.structs.replace(CONFIG, sensitivity=word)
        return float(told([plain()] * 20, config)[-1].low.mean())

    assert threshold("low") > threshold("normal") > threshold("high")
