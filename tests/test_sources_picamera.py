"""The Pi camera, on a stand-in as strict about its buffers as the real one."""

import gc
import time
from itertools import islice

import pytest

from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.frame import BT601
from edgeagent.sources.picamera import PiCamera
from edgeagent.sources.picamera_binding import picamera2_module
from edgeagent.sources.picamera_fake import COLOUR, POISON, FakePicamera2


def camera(fake: FakePicamera2, **settings: object) -> PiCamera:
    given = {"source": "picamera", "width": 720, "height": 406, "fps": 50.0, **settings}
    return PiCamera(CameraConfig(**given), SystemClock(), lambda: fake)  # type: ignore[arg-type]


def test_planes_leave_the_padding_out_and_luma_is_the_small_stream() -> None:
    fake = FakePicamera2()
    for frame in islice(camera(fake).frames(), 3):
        assert frame.luma.shape == (202, 360)
        assert frame.luma.strides == (384, 1)
        assert (frame.luma == frame.luma[0, 0]).all()
        assert frame.luma[0, 0] != POISON
        picture = frame.picture
        assert picture.u is not None
        assert picture.v is not None
        assert picture.y.shape == (406, 720)
        assert picture.u.shape == picture.v.shape == (203, 360)
        for plane, value in zip((picture.y, picture.u, picture.v), COLOUR, strict=True):
            assert (plane == value).all()
        assert (picture.to_rgb == BT601).all()


@pytest.mark.parametrize(
    ("main", "lores"),
    [
        ((1280, 720), (640, 360)),
        ((640, 480), (320, 240)),
        ((480, 360), (320, 240)),
        ((321, 241), (320, 240)),
        ((64, 48), (64, 48)),
    ],
)
def test_luma_is_half_the_picture_but_not_under_320_wide(
    main: tuple[int, int], lores: tuple[int, int]
) -> None:
    fake = FakePicamera2()
    frame = next(camera(fake, width=main[0], height=main[1]).frames())
    assert (frame.luma.shape[1], frame.luma.shape[0]) == lores


def test_every_request_goes_back_and_the_camera_never_starves() -> None:
    fake = FakePicamera2()
    source = camera(fake, fps=60.0, stall_s=1.0)
    assert len(list(islice(source.frames(), 20))) == 20
    gc.collect()
    assert fake.opened[0].free == 4
    assert (fake.stopped, fake.closed) == (1, 1)


def test_frames_taken_meanwhile_are_dropped_and_counted() -> None:
    source = camera(FakePicamera2())
    seqs = []
    for frame in islice(source.frames(), 4):
        seqs.append(frame.seq)
        time.sleep(0.1)
    assert seqs[0] == 0
    assert seqs[-1] >= 12
    assert source.dropped == seqs[-1] - 3


def test_times_are_the_sensors_own() -> None:
    frame = next(camera(FakePicamera2()).frames())
    assert frame.mono_s == pytest.approx(time.monotonic(), abs=0.2)
    assert frame.wall_ms == pytest.approx(time.time() * 1000, abs=200)


def test_a_camera_that_falls_silent_is_a_camera_error_and_leaves_no_capture_queued() -> None:
    fake = FakePicamera2(stall_at=3)
    frames = camera(fake, stall_s=1.0).frames()
    assert len(list(islice(frames, 3))) == 3
    begun_s = time.monotonic()
    with pytest.raises(CameraError, match="Pi camera 0: gave no frame for 1 s"):
        next(frames)
    assert 0.9 < time.monotonic() - begun_s < 2
    assert fake.opened[0].orphans == 0
    assert fake.closed == 1


def test_a_wrong_number_and_a_busy_camera_are_camera_errors() -> None:
    fake = FakePicamera2()
    with pytest.raises(CameraError, match=r"Pi camera 3: cannot be opened .*list-cameras"):
        next(camera(fake, address="3").frames())
    first = camera(fake).frames()
    next(first)
    with pytest.raises(CameraError, match="no other program has it"):
        next(camera(fake).frames())


def test_without_picamera2_the_error_says_what_to_install() -> None:
    try:
        import picamera2  # noqa: F401
    except ImportError:
        with pytest.raises(CameraError, match=r"apt install python3-picamera2.*site-packages"):
            picamera2_module()
    else:
        assert hasattr(picamera2_module(), "Picamera2")
