"""The Pi camera, on a stand-in as strict about its buffers as the real one."""

import gc
import threading
import time
from itertools import islice

import pytest

from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError, CameraSpentError
from edgeagent.findings import Notice
from edgeagent.frame import BT601
from edgeagent.sources.picamera import PiCamera
from edgeagent.sources.picamera_binding import picamera2_module
from edgeagent.sources.picamera_fake import FakePicamera2
from edgeagent.sources.picamera_fake_buffers import COLOUR, POISON
from edgeagent.sources.picamera_fake_parts import Sensor
from edgeagent.sources.picamera_life import RESTARTS, Cameras
from edgeagent.sources.reopening import Reopening
from tests.leaks import leaked, over_rounds_again


def camera(fake: FakePicamera2, **settings: object) -> PiCamera:
    return source(Cameras(lambda: fake), **settings)


def source(cameras: Cameras, **settings: object) -> PiCamera:
    given = {"source": "picamera", "width": 720, "height": 406, "fps": 50.0, **settings}
    return PiCamera(CameraConfig(**given), SystemClock(), cameras)  # type: ignore[arg-type]


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


def test_nv12_which_libcamera_may_put_in_its_place_gives_the_same_planes() -> None:
    fake = FakePicamera2(Sensor(pixel_format="NV12"))
    for frame in islice(camera(fake).frames(), 2):
        assert frame.luma.strides == (384, 1)
        assert (frame.luma == frame.luma[0, 0]).all()
        picture = frame.picture
        for plane, value in zip((picture.y, picture.u, picture.v), COLOUR, strict=True):
            assert plane is not None
            assert plane.strides[1] == 1
            assert (plane == value).all()
        assert picture.u is not None
        assert picture.u.shape == (203, 360)


def test_a_camera_of_other_pixels_is_a_camera_error_that_says_how_to_open_it() -> None:
    fake = FakePicamera2(Sensor(pixel_format="YUYV"))
    with pytest.raises(CameraError, match=r'gives YUYV, none of YUV420, NV12; .*source = "video"'):
        next(camera(fake).frames())


def test_a_size_that_libcamera_adjusted_is_the_size_that_is_read() -> None:
    fake = FakePicamera2(Sensor(sizes=((320, 240), (640, 480))))
    frame = next(camera(fake).frames())
    assert frame.picture.size_px == (640, 480)
    assert frame.luma.shape == (480, 640)


def test_luma_is_memory_of_the_camera_and_cannot_be_written() -> None:
    fake = FakePicamera2()
    frames = camera(fake).frames()
    frame = next(frames)
    with pytest.raises(ValueError, match="read-only"):
        frame.luma[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        frame.picture.y[0, 0] = 1
    held = frame.luma
    next(frames)
    assert (held == POISON).all()


def test_every_request_goes_back_and_the_camera_never_starves() -> None:
    fake = FakePicamera2()
    for _ in islice(camera(fake, fps=60.0, stall_s=1.0).frames(), 200):
        assert len(fake.opened[0].queued) >= 2
    gc.collect()
    assert fake.opened[0].stops == 1


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


def test_a_camera_that_falls_silent_is_a_camera_error_and_can_still_be_stopped() -> None:
    fake = FakePicamera2(Sensor(silent_after=(3,)))
    frames = camera(fake, stall_s=1.0).frames()
    begun_s = time.monotonic()
    with pytest.raises(CameraError, match="Pi camera 0: gave no frame for 1 s"):
        list(frames)
    assert 0.9 < time.monotonic() - begun_s < 15
    assert fake.opened[0].stops == 1


def test_frames_that_come_just_too_late_cost_no_buffer() -> None:
    fake = FakePicamera2(Sensor(late=(0, 2, 4, 6)))
    frames = list(islice(camera(fake, stall_s=2.0).frames(), 10))
    assert len(frames) == 10


def test_after_a_stall_the_same_object_is_started_again_with_its_controls() -> None:
    fake = FakePicamera2(Sensor(silent_after=(2, 10**6)))
    cameras = Cameras(lambda: fake)
    with pytest.raises(CameraError, match="gave no frame"):
        list(source(cameras, stall_s=1.0, gain=2.0).frames())
    first = fake.opened[0]
    assert len(list(islice(source(cameras, gain=2.0).frames(), 5))) == 5
    assert fake.opened == {0: first}
    assert len(first.starts) == 2
    assert first.starts[0] == first.starts[1]
    assert first.starts[1]["AnalogueGain"] == 2.0


def test_a_sound_camera_that_was_left_is_free_for_other_programs() -> None:
    fake = FakePicamera2()
    cameras = Cameras(lambda: fake)
    frames = source(cameras).frames()
    next(frames)
    assert fake.opened[0].camera.acquired
    del frames
    fake.opened[0].camera.acquire()
    with pytest.raises(CameraError, match=r"resource busy.*no other program has it"):
        next(source(cameras).frames())
    fake.opened[0].camera.release()
    next(source(cameras).frames())


def test_a_camera_that_fell_silent_is_kept() -> None:
    fake = FakePicamera2(Sensor(silent_after=(1,)))
    with pytest.raises(CameraError, match="gave no frame"):
        list(camera(fake, stall_s=1.0).frames())
    assert fake.opened[0].camera.acquired


def test_another_size_is_configured_on_the_same_object() -> None:
    fake = FakePicamera2()
    cameras = Cameras(lambda: fake)
    for width in (320, 640, 320):
        frame = next(source(cameras, width=width).frames())
        assert frame.picture.size_px == (width, 406)
        del frame
    assert len(fake.opened) == 1


def test_a_frame_kept_too_long_ends_the_process_and_not_with_a_crash() -> None:
    fake = FakePicamera2()
    cameras = Cameras(lambda: fake)
    frame = next(source(cameras, width=320).frames())
    with pytest.raises(CameraSpentError, match=r"exported pointers exist.*the process ends"):
        next(source(cameras, width=640).frames())
    assert frame.luma.any()


def test_after_twenty_restarts_the_camera_is_spent_and_the_process_is_to_end() -> None:
    fake = FakePicamera2(cameras=0)
    heard: list[Notice] = []
    cameras = Cameras(lambda: fake)
    opened: list[PiCamera] = []

    def open_it() -> PiCamera:
        opened.append(source(cameras))
        return opened[-1]

    stop = threading.Event()
    lost = Reopening(open_it, heard.append, SystemClock(), stop, draw=min)
    with pytest.raises(CameraSpentError, match=r"No camera number 0 .* failure 21: the process"):
        next(lost.frames())
    assert len(opened) == 1 + RESTARTS
    assert [notice.what for notice in heard] == ["lost"]
    assert CameraSpentError.exit_status == 69


def test_leaving_a_sound_camera_is_no_failure() -> None:
    fake = FakePicamera2()
    cameras = Cameras(lambda: fake)
    for _ in range(RESTARTS + 5):
        next(source(cameras, fps=60.0, width=64, height=64).frames())
    assert len(fake.opened) == 1
    assert fake.opened[0].stops == RESTARTS + 5


def test_a_driver_that_hangs_in_stop_hangs_nobody_and_is_taken_until_it_is_done() -> None:
    fake = FakePicamera2(Sensor(stop_s=2.5))
    cameras = Cameras(lambda: fake)
    frames = source(cameras).frames()
    next(frames)
    begun_s = time.monotonic()
    frames.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun_s < 2
    with pytest.raises(CameraError, match="the driver has not let go of it"):
        next(source(cameras).frames())
    time.sleep(1.5)
    next(source(cameras).frames())


def test_exposure_gain_focus_and_flips_are_asked_of_the_camera() -> None:
    fake = FakePicamera2()
    next(camera(fake, exposure_us=5000, gain=4.0, focus=2.0, vflip=True).frames())
    assert fake.opened[0].starts == [
        {
            "FrameDurationLimits": (20000, 20000),
            "ExposureTime": 5000,
            "AnalogueGain": 4.0,
            "AfMode": 0,
            "LensPosition": 2.0,
        }
    ]
    turned = fake.opened[0].camera_configuration()["transform"]
    assert (turned.hflip, turned.vflip) == (False, True)


def test_without_a_wish_the_camera_sees_to_light_and_focus() -> None:
    fake = FakePicamera2()
    next(camera(fake).frames())
    assert fake.opened[0].starts == [{"FrameDurationLimits": (20000, 20000), "AfMode": 2}]


def test_what_a_camera_cannot_do_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakePicamera2(Sensor(controls=("FrameDurationLimits",)))
    next(camera(fake, focus=2.0, gain=2.0).frames())
    assert fake.opened[0].starts == [{"FrameDurationLimits": (20000, 20000)}]
    assert [record.getMessage().split(": ")[2] for record in caplog.records] == [
        "cannot do what camera.gain asks; it is left as it is",
        "cannot do what camera.focus asks; it is left as it is",
    ]


def test_two_cameras_are_two_objects_told_apart_by_number() -> None:
    fake = FakePicamera2(cameras=2)
    cameras = Cameras(lambda: fake)
    both = [source(cameras, address=number).frames() for number in ("0", "1")]
    for frames in both:
        assert len(list(islice(frames, 3))) == 3
    assert sorted(fake.opened) == [0, 1]


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


def test_rounds_of_starts_and_stops_leak_nothing() -> None:
    fake = FakePicamera2()
    cameras = Cameras(lambda: fake)
    before, after = over_rounds_again(lambda: list(islice(source(cameras).frames(), 3)), 30)
    assert not leaked(before, after), (before, after)
