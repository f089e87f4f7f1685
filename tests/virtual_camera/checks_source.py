"""`sources.picamera` on the real picamera2: the contract of every source, and what is its own."""

import threading
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.findings import Notice
from edgeagent.frame import Frame
from edgeagent.sources.picamera import PiCamera
from edgeagent.sources.picamera_life import Cameras
from edgeagent.sources.reopening import Reopening
from tests.contract import test_sources as contract
from tests.virtual_camera.binding import VirtualBinding, mapped

BINDING = VirtualBinding()
CAMERAS = Cameras(lambda: BINDING)
FRAMES = sorted(Path("/opt/frames").iterdir())
globals().update({k: v for k, v in vars(contract).items() if k.startswith("test_")})

Record = Any
"""pytest's ``record_property``."""


def source(**settings: object) -> PiCamera:
    given = {"source": "picamera", "width": 640, "height": 480, "fps": 50.0, **settings}
    return PiCamera(CameraConfig(**given), SystemClock(), CAMERAS)  # type: ignore[arg-type]


class Starved(PiCamera):
    """A camera that somebody else takes every buffer of, after its first frame."""

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`."""
        for frame in super().frames():
            self.jobs = [BINDING.opened[0].capture_request(wait=False) for _ in range(4)]
            yield frame


def starved(**settings: object) -> Starved:
    given = {"width": 96, "height": 64, "fps": 50.0, "stall_s": 20.0, **settings}
    return Starved(CameraConfig(**given), SystemClock(), CAMERAS)  # type: ignore[arg-type]


@pytest.fixture(scope="session", autouse=True)
def prime() -> None:
    # picamera2's own threads live as long as its camera, which is for good.
    next(source().frames())


@pytest.fixture
def member() -> Iterator[contract.Member]:
    before = set(threading.enumerate())
    yield contract.Member(
        lambda _: PiCamera(contract.config(), contract.CLOCK, CAMERAS),
        lambda _: PiCamera(contract.config(address="7"), contract.CLOCK, CAMERAS),
        lambda _: starved(),
    )
    assert set(threading.enumerate()) <= before, "a thread was left behind"


def fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_two_hundred_frames_come_at_the_pace_of_the_camera(record_property: Record) -> None:
    camera = source()
    frames = camera.frames()
    first = next(frames)
    seqs, times_s, begun_s = [first.seq], [first.mono_s], time.monotonic()
    for frame in islice(frames, 199):
        seqs.append(frame.seq)
        times_s.append(frame.mono_s)
    fps = 199 / (time.monotonic() - begun_s)
    record_property("frames/s", round(fps, 1))
    record_property("dropped", camera.dropped)
    assert all(later > sooner for sooner, later in pairwise(seqs))
    assert all(later > sooner for sooner, later in pairwise(times_s))
    assert 40 < fps < 55
    assert camera.dropped == seqs[-1] - 199


def test_luma_lies_in_a_buffer_of_the_camera_with_the_stride_libcamera_chose(
    record_property: Record,
) -> None:
    for frame in islice(source().frames(), 8):
        memory = [np.frombuffer(one, np.uint8) for one in mapped(BINDING.opened[0])]
        chosen = BINDING.opened[0].camera_configuration()["lores"]
        assert sum(np.shares_memory(frame.luma, one) for one in memory) == 1
        assert sum(np.shares_memory(frame.picture.y, one) for one in memory) == 1
        assert frame.luma.strides == (chosen["stride"], 1)
        assert not frame.luma.flags.writeable
        del memory
    record_property("stride", chosen["stride"])
    record_property("format", chosen["format"])


def clip() -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.open(p).convert("YCbCr")) for p in FRAMES]


def test_the_planes_are_those_of_the_clip(record_property: Record) -> None:
    pictures = clip()
    worst = 0.0
    for frame in islice(source().frames(), 0, 60, 10):
        y, u, v = frame.picture.y, frame.picture.u, frame.picture.v
        assert u is not None
        assert v is not None
        off = [
            [_off(y, p[:, :, 0]), _off(u, p[::2, ::2, 1]), _off(v, p[::2, ::2, 2])]
            for p in pictures
        ]
        worst = max(worst, *min(off, key=sum))
    record_property("mean difference, of 255", round(worst, 2))
    assert worst < 3


def _off(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def test_twenty_stops_and_starts_leave_one_object_and_no_file_open(record_property: Record) -> None:
    next(source().frames())
    before, camera = fds(), BINDING.opened[0]
    for _ in range(20):
        assert len(list(islice(source().frames(), 5))) == 5
    record_property("files open before and after", f"{before}, {fds()}")
    assert BINDING.opened[0] is camera
    assert fds() <= before


def test_a_camera_that_was_left_is_free_for_other_programs_and_one_that_stalled_is_not() -> None:
    next(source().frames())
    held = BINDING.opened[0].camera
    held.acquire()
    with pytest.raises(CameraError, match="cannot be opened"):
        next(source().frames())
    held.release()
    frames = starved(stall_s=1.0).frames()
    next(frames)
    with pytest.raises(CameraError, match="gave no frame"):
        next(frames)
    with pytest.raises(RuntimeError):
        held.acquire()
    next(source().frames())


def test_other_sizes_are_configured_on_the_same_object() -> None:
    camera = BINDING.opened[0]
    for size in ((320, 240), (96, 64), (640, 480)):
        frame = next(source(width=size[0], height=size[1]).frames())
        assert frame.picture.size_px == size
        del frame
    assert BINDING.opened[0] is camera


def test_a_size_the_camera_has_not_is_read_as_libcamera_adjusted_it() -> None:
    frame = next(source(width=1280, height=720).frames())
    assert frame.picture.size_px == (640, 480)
    assert frame.luma.shape == (480, 640)


def test_a_starved_camera_is_a_camera_error_and_the_next_opening_has_frames() -> None:
    for _ in range(3):
        frames = starved(stall_s=1.0).frames()
        next(frames)
        begun_s = time.monotonic()
        with pytest.raises(CameraError, match="gave no frame for 1 s"):
            next(frames)
        assert time.monotonic() - begun_s < 3
        assert len(list(islice(source().frames(), 20))) == 20


def test_under_reopening_a_stall_is_one_notice_each_way() -> None:
    heard: list[Notice] = []
    lives = iter([starved(stall_s=1.0), source(), source()])
    stop = threading.Event()
    again = Reopening(lambda: next(lives), heard.append, SystemClock(), stop, draw=min)
    seqs = [frame.seq for frame in islice(again.frames(), 30)]
    again.close()
    assert [notice.what for notice in heard] == ["lost", "back"]
    assert all(later > sooner for sooner, later in pairwise(seqs))


def test_two_cameras_run_at_once_told_apart_by_number() -> None:
    one, other = (source(address=number).frames() for number in ("0", "1"))
    for _ in range(30):
        assert next(one).luma.shape == next(other).luma.shape
    assert sorted(BINDING.opened) == [0, 1]


def test_flips_reach_libcamera() -> None:
    next(source(hflip=True, vflip=True).frames())
    turned = BINDING.opened[0].camera_configuration()["transform"]
    assert turned == BINDING.libcamera.Transform(hflip=True, vflip=True)
