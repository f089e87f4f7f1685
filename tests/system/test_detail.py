"""A camera with a small stream for motion and a main one for a closer look, both real."""

import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest

from edgeagent.attention import Attention
from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig
from edgeagent.findings import Notice
from edgeagent.frame import Frame
from edgeagent.sources import Source, open_source

from .cameras import Camera, greys, missing, write_units
from .conftest import until

FPS = 20
GOP = 20
LEVELS = [40 + 2 * at for at in range(80)]
Play = Callable[..., Camera]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("detail")
    sizes = {"small": (160, 120), "main": (640, 480)}
    return {
        name: write_units(folder / name, greys(*size, LEVELS), GOP) for name, size in sizes.items()
    }


@pytest.fixture
def play(clips: dict[str, Path]) -> Iterator[Play]:
    if what := missing():
        pytest.skip(what)
    made: list[Camera] = []

    def play(name: str) -> Camera:
        made.append(Camera(f"{name}={clips[name]}@{FPS}"))
        made[-1].start()
        return made[-1]

    yield play
    for camera in made:
        camera.kill()


class Both:
    """The two streams as one camera."""

    def __init__(self, small: Camera, main: Camera) -> None:
        self.notices: list[Notice] = []
        config = CameraConfig(
            name="yard", address=small.url("small"), detail=main.url("main"), fps=60, stall_s=1.0
        )
        tell = self.notices.append
        self.source: Source = open_source(config, SystemClock(), tell=tell)
        self.frames = self.source.frames()

    def seen(self, frame: Frame) -> tuple[int, int] | None:
        assert frame.detail is not None
        detail = frame.detail()
        return detail.picture.size_px if detail else None

    def until_seen(self, size: tuple[int, int] | None, within_s: float = 40.0) -> bool:
        deadline_s = time.monotonic() + within_s
        return (
            any(self.seen(frame) == size or time.monotonic() > deadline_s for frame in self.frames)
            and time.monotonic() < deadline_s + 1
        )


@pytest.fixture
def both(play: Play) -> Iterator[Both]:
    made = Both(play("small"), play("main"))
    yield made
    made.source.close()


def test_a_frame_is_small_and_can_be_seen_large_at_its_own_moment(both: Both) -> None:
    assert both.until_seen((640, 480))
    for frame in islice(both.frames, 20):
        assert frame.luma.shape == (120, 160)
        assert frame.detail is not None
        detail = frame.detail()
        assert detail is not None
        assert abs(detail.later_s) < 0.15


def test_a_look_after_a_long_rest_shows_now_and_not_the_keyframe(both: Both) -> None:
    assert both.until_seen((640, 480))
    for _ in islice(both.frames, GOP * 3 + GOP // 2):
        pass
    frame = next(both.frames)
    assert frame.detail is not None
    detail = frame.detail()
    assert detail is not None
    assert abs(detail.later_s) < 0.15


def test_a_main_stream_that_dies_is_said_once_and_the_small_one_goes_on(play: Play) -> None:
    main = play("main")
    both = Both(play("small"), main)
    assert both.until_seen((640, 480))
    main.kill()
    assert both.until_seen(None)
    assert until(lambda: [n.what for n in both.notices] == ["lost"], 60)
    assert len(list(islice(both.frames, 10))) == 10
    main.start()
    assert both.until_seen((640, 480))
    both.source.close()
    assert [(n.part, n.what, n.name) for n in both.notices] == [
        ("detail", "lost", "yard"),
        ("detail", "back", "yard"),
    ]


def test_at_rest_a_stream_gives_keyframes_and_all_again_when_asked(play: Play) -> None:
    attention = Attention()
    config = CameraConfig(name="yard", address=play("small").url("small"), fps=60, idle="keyframes")
    source = open_source(config, SystemClock(), attention=attention)
    frames = source.frames()
    assert len(list(islice(frames, 2 * GOP))) == 2 * GOP
    attention.every = False
    next(frames)
    resting = [(next(frames).mono_s, time.monotonic()) for _ in range(3)]
    assert [b[0] - a[0] for a, b in pairwise(resting)] == pytest.approx([GOP / FPS] * 2, abs=0.1)
    time.sleep(0.4)
    attention.every = True
    woken = list(islice(frames, 8))
    source.close()
    assert time.monotonic() - resting[-1][1] < 0.4 + 12 / FPS
    levels = [float(frame.luma.mean()) for frame in woken]
    # Mid-way between two keyframes, and each a step of 2 from the last: nothing is torn.
    assert [b - a for a, b in pairwise(levels)] == pytest.approx([2 * 219 / 255] * 7, abs=1.1)
