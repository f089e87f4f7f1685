"""The moving square: known places, known faults."""

import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError, ConfigError
from edgeagent.sources import open_source
from edgeagent.sources.latest import Latest
from edgeagent.sources.synthetic import GREY, SQUARE, Script, Synthetic

CONFIG = CameraConfig(source="synthetic", width=160, height=121, fps=10.0, stall_s=0.05)


def scene(script: Script = Script(), seed: int = 0, config: CameraConfig = CONFIG) -> Synthetic:  # noqa: B008
    return Synthetic(config, ManualClock(), pace=False, seed=seed, script=script)


def test_the_square_is_where_it_says_and_nowhere_else() -> None:
    source = scene()
    for frame in islice(source.frames(), 100):
        box = source.box_at(frame.seq)
        rows, columns = np.nonzero(frame.luma == SQUARE[0])
        assert columns.min() == round(box.left * 160, 6)
        assert columns.max() + 1 == round(box.right * 160, 6)
        assert rows.min() == round(box.top * 121, 6)
        assert rows.max() + 1 == round(box.bottom * 121, 6)
        assert rows.size == round(box.area * 160 * 121)


def test_the_square_walks_from_left_to_right_in_eight_seconds_and_begins_again() -> None:
    source = scene()
    lefts = [source.box_at(seq).left for seq in range(200)]
    assert lefts[0] == 0
    turns = [seq for seq in range(1, 200) if lefts[seq] < lefts[seq - 1]]
    assert 60 <= turns[0] <= 80
    assert all(source.box_at(seq).right <= 1 for seq in range(200))


def test_the_scene_is_grey_with_noise_that_changes_and_colour_is_in_the_square() -> None:
    source = scene()
    first, second = islice(source.frames(), 2)
    floor = first.luma[-20:]
    assert float(floor.mean()) == pytest.approx(GREY, abs=1)
    assert 2 < float(floor.std()) < 4
    assert (floor != second.luma[-20:]).mean() > 0.5
    assert first.picture.u is not None
    assert first.picture.u.shape == (61, 80)
    box = source.box_at(0)
    assert first.picture.u[30, 2] == SQUARE[1]
    assert first.picture.u[0, 0] == 128
    assert box.top < 0.5 < box.bottom


def test_the_same_seed_gives_the_same_frames_and_another_others() -> None:
    def seen(seed: int) -> list[tuple[float, bytes]]:
        return [(f.mono_s, f.luma.tobytes()) for f in islice(scene(seed=seed).frames(), 5)]

    assert seen(1) == seen(1)
    assert seen(1) != seen(2)
    assert seen(1)[4][0] == pytest.approx(1000.4)


def test_a_script_can_end_stall_fail_and_resize() -> None:
    ending = scene(Script(end_at=3))
    assert ending.ends
    assert len(list(ending.frames())) == 3
    for script, words in ((Script(stall_at=2), "no frame for"), (Script(fail_at=2), "frame 2")):
        frames = scene(script).frames()
        assert len(list(islice(frames, 2))) == 2
        with pytest.raises(CameraError, match=words):
            next(frames)
    sizes = [f.picture.size_px for f in scene(Script(end_at=4, resize_at=(2, 64, 48))).frames()]
    assert sizes == [(160, 121), (160, 121), (64, 48), (64, 48)]


def test_the_door_opens_the_kind_named_and_knows_no_other() -> None:
    assert isinstance(open_source(CONFIG, ManualClock(), pace=False), Synthetic)
    assert isinstance(open_source(CONFIG, ManualClock()), Latest)
    with pytest.raises(ConfigError, match=r"camera\.cam\.source: 'webcam' is not one of video, "):
        open_source(CameraConfig(source="webcam"), ManualClock())


@pytest.mark.parametrize("kind", ["synthetic", "picamera"])
def test_a_camera_that_is_no_video_does_not_load_pyav(kind: str) -> None:
    program = (
        "import sys; from edgeagent.clock import ManualClock; "
        f"from edgeagent import sources as s; c = s.CameraConfig(source={kind!r}); "
        "s.open_source(c, ManualClock()); print('av' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"
