"""What every camera promises, tried on every kind of camera."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError, CameraSpentError
from edgeagent.findings import Notice
from edgeagent.frame import Frame
from edgeagent.sources import Source
from edgeagent.sources.images import Images
from edgeagent.sources.latest import Latest
from edgeagent.sources.picamera import PiCamera
from edgeagent.sources.picamera_fake import FakePicamera2
from edgeagent.sources.picamera_fake_parts import Sensor
from edgeagent.sources.picamera_life import Cameras
from edgeagent.sources.reopening import Reopening
from edgeagent.sources.synthetic import Script, Synthetic
from edgeagent.sources.video import Video

CLOCK = SystemClock()


@dataclass(frozen=True)
class Member:
    """One kind of camera: how a sound one, a silent one and one that will not open are made."""

    sound: Callable[[Path], Source]
    broken: Callable[[Path], Source]
    silent: Callable[[Path], Source]


def config(**settings: object) -> CameraConfig:
    return CameraConfig(**{"width": 96, "height": 64, "fps": 50.0, "stall_s": 20.0, **settings})  # type: ignore[arg-type]


def synthetic(script: Script, **settings: object) -> Synthetic:
    return Synthetic(config(**settings), CLOCK, script=script)


def opened_again(open_it: Callable[[], Source]) -> Reopening:
    heard: list[Notice] = []
    return Reopening(open_it, heard.append, CLOCK, threading.Event(), draw=min)


def spent() -> Source:
    raise CameraSpentError("camera cam: failed too often")


def picamera(binding: FakePicamera2) -> PiCamera:
    return PiCamera(config(), CLOCK, Cameras(lambda: binding))


def write_clip(folder: Path, frames: int = 100, fps: int = 50) -> Path:
    path = folder / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for at in range(frames):
            grey = np.full((64, 96, 3), at % 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_stills(folder: Path) -> Path:
    for at in range(100):
        head = b"P5 96 64 255\n"
        (folder / f"{at:03d}.pgm").write_bytes(head + bytes([at]) * (96 * 64))
    return folder


MEMBERS = {
    "video": Member(
        lambda folder: Video(config(address=str(write_clip(folder))), CLOCK),
        lambda folder: Video(config(address=str(folder / "none.mkv")), CLOCK),
        # One frame a second: `close` comes in the wait for the second.
        lambda folder: Video(config(address=str(write_clip(folder, fps=1))), CLOCK),
    ),
    "images": Member(
        lambda folder: Images(config(address=str(write_stills(folder))), CLOCK),
        lambda folder: Images(config(address=str(folder / "none")), CLOCK),
        lambda folder: Images(config(address=str(write_stills(folder)), fps=0.1), CLOCK),
    ),
    "synthetic": Member(
        lambda _: synthetic(Script()),
        lambda _: synthetic(Script(fail_at=0)),
        lambda _: synthetic(Script(stall_at=1)),
    ),
    "latest": Member(
        lambda _: Latest(synthetic(Script()), "c"),
        lambda _: Latest(synthetic(Script(fail_at=0)), "c"),
        lambda _: Latest(synthetic(Script(stall_at=1)), "c", 20.0),
    ),
    "reopening": Member(
        lambda _: opened_again(lambda: synthetic(Script())),
        lambda _: opened_again(spent),
        lambda _: opened_again(lambda: synthetic(Script(stall_at=1))),
    ),
    "picamera": Member(
        lambda _: picamera(FakePicamera2()),
        lambda _: picamera(FakePicamera2(cameras=0)),
        lambda _: picamera(FakePicamera2(Sensor(silent_after=(1,)))),
    ),
}


@pytest.fixture(params=list(MEMBERS.values()), ids=list(MEMBERS))
def member(request: pytest.FixtureRequest) -> Iterator[Member]:
    before = set(threading.enumerate())
    yield request.param
    assert set(threading.enumerate()) <= before, "a thread was left behind"


def taken(source: Source, count: int) -> list[Frame]:
    frames = list(islice(source.frames(), count))
    source.close()
    assert len(frames) == count
    return frames


def test_seq_rises_and_a_gap_is_a_frame_dropped(member: Member, tmp_path: Path) -> None:
    source = member.sound(tmp_path)
    seqs = [frame.seq for frame in taken(source, 8)]
    assert all(later > sooner for sooner, later in pairwise(seqs))
    assert seqs[-1] + 1 - len(seqs) <= source.dropped


def test_times_rise_and_the_wall_clock_goes_with_them(member: Member, tmp_path: Path) -> None:
    begun_s = CLOCK.mono_s()
    frames = taken(member.sound(tmp_path), 8)
    ended_s = CLOCK.mono_s()
    assert all(later.mono_s > sooner.mono_s for sooner, later in pairwise(frames))
    assert begun_s <= frames[0].mono_s <= frames[-1].mono_s <= ended_s + 0.02
    first, last = frames[0], frames[-1]
    assert last.wall_ms - first.wall_ms == pytest.approx((last.mono_s - first.mono_s) * 1000, abs=3)


def test_planes_are_bytes_in_rows_and_chroma_covers_luma(member: Member, tmp_path: Path) -> None:
    for frame in taken(member.sound(tmp_path), 2):
        picture = frame.picture
        width, height = picture.size_px
        assert (width, height) == (96, 64)
        assert picture.to_rgb.shape == (3, 4)
        planes = [p for p in (frame.luma, picture.y, picture.u, picture.v) if p is not None]
        assert all(p.dtype == np.uint8 and p.ndim == 2 and p.strides[1] == 1 for p in planes)
        assert 2 <= len(planes) <= 4
        for chroma in planes[2:]:
            assert chroma.shape in {(64, 96), (64, 48), (32, 48)}


def test_a_frame_stays_as_it_is_until_the_next_is_taken(member: Member, tmp_path: Path) -> None:
    frames = member.sound(tmp_path).frames()
    for _ in range(3):
        frame = next(frames)
        before = frame.luma.copy(), frame.picture.y.copy()
        time.sleep(0.06)
        assert (frame.luma == before[0]).all()
        assert (frame.picture.y == before[1]).all()


def test_closing_twice_is_safe_and_nothing_comes_after(member: Member, tmp_path: Path) -> None:
    source = member.sound(tmp_path)
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


def test_a_source_closed_before_it_was_opened_yields_nothing(
    member: Member, tmp_path: Path
) -> None:
    source = member.sound(tmp_path)
    source.close()
    assert list(source.frames()) == []


def test_closing_from_another_thread_ends_a_wait_within_two_seconds(
    member: Member, tmp_path: Path
) -> None:
    source = member.silent(tmp_path)
    frames = source.frames()
    next(frames)
    begun_s = time.monotonic()
    closer = threading.Timer(0.1, source.close)
    closer.start()
    assert list(frames) == []
    closer.join()
    assert 0.05 < time.monotonic() - begun_s < 15


def test_dropping_the_iterator_lets_the_camera_go(member: Member, tmp_path: Path) -> None:
    frames = member.sound(tmp_path).frames()
    next(frames)
    del frames


def test_a_camera_that_will_not_open_is_a_camera_error(member: Member, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="camera cam: "):
        next(member.broken(tmp_path).frames())
