"""What is believed of picamera2, tried on the stand-in; scripts/proof-camera tries the real one."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from edgeagent.sources.picamera_binding import Binding, Camera, Request
from edgeagent.sources.picamera_fake import FakePicamera2
from edgeagent.sources.picamera_fake_parts import Sensor
from edgeagent.sources.picamera_planes import MATRICES

SIZE_PX = (96, 64)
LARGEST_PX = (640, 480)
BUFFERS = 4
FRAME_S = 0.02
SOON_S = 3.0
"""Longest that a frame may take to come at all, on a busy machine."""


@dataclass(frozen=True)
class Member:
    """A module picamera2, real or not, whose camera 0 has but few sizes and 50 frames/s."""

    binding: Binding
    camera: Camera

    def configured(self, **wanted: object) -> Camera:
        streams = {"size": SIZE_PX, "format": "YUV420"}
        controls = {"FrameDurationLimits": (round(FRAME_S * 1e6),) * 2}
        asked: dict[str, Any] = {"main": streams, "lores": streams, "controls": controls, **wanted}
        made = self.camera.create_video_configuration(buffer_count=BUFFERS, **asked)
        self.camera.configure(made)
        return self.camera

    def started(self) -> Camera:
        camera = self.configured()
        camera.start()
        return camera


@pytest.fixture
def member() -> Iterator[Member]:
    fake = FakePicamera2(Sensor(sizes=(SIZE_PX, (320, 240), LARGEST_PX)))
    camera = fake.Picamera2(0)
    yield Member(fake, camera)
    camera.cancel_all_and_flush()
    camera.stop()


def captured(camera: Camera, wait_s: float = SOON_S) -> Request:
    return camera.wait(camera.capture_request(wait=False), timeout=wait_s)


def starve(camera: Camera) -> list[Request]:
    return [captured(camera) for _ in range(BUFFERS)]


def waits_in_vain(camera: Camera, cancel: bool) -> None:
    for _ in range(5):
        with pytest.raises(TimeoutError):
            captured(camera, 0.05)
        if cancel:
            camera.cancel_all_and_flush()


def ends_within(seconds: float, act: Callable[[], object]) -> bool:
    def quietly() -> None:
        # Cancelled with every capture before it, a stop says so.
        with suppress(CancelledError):
            act()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def test_two_hundred_requests_released_are_two_hundred_frames(member: Member) -> None:
    camera = member.started()
    sequences, stamps_ns = [], []
    for _ in range(200):
        request = captured(camera)
        sequences.append(int(request.request.sequence))
        stamps_ns.append(int(request.get_metadata()["SensorTimestamp"]))
        request.release()
    assert all(later > sooner for sooner, later in pairwise(sequences))
    assert all(later > sooner for sooner, later in pairwise(stamps_ns))
    assert stamps_ns[-1] <= time.monotonic_ns()


def test_while_every_buffer_is_held_no_frame_comes(member: Member) -> None:
    camera = member.started()
    held = starve(camera)
    with pytest.raises(TimeoutError):
        captured(camera, 0.3)
    camera.cancel_all_and_flush()
    for request in held:
        request.release()
    captured(camera).release()


def test_five_waits_that_timed_out_swallow_every_buffer_for_good(member: Member) -> None:
    camera = member.started()
    held = starve(camera)
    waits_in_vain(camera, cancel=False)
    for request in held:
        request.release()
    time.sleep(0.3)
    with pytest.raises(TimeoutError):
        captured(camera, 0.5)


def test_five_waits_that_were_cancelled_swallow_none(member: Member) -> None:
    camera = member.started()
    held = starve(camera)
    waits_in_vain(camera, cancel=True)
    for request in held:
        request.release()
    for _ in range(2 * BUFFERS):
        captured(camera).release()


def test_a_capture_served_before_the_cancel_still_has_its_buffer(member: Member) -> None:
    camera = member.started()
    job = camera.capture_request(wait=False)
    time.sleep(0.3)
    camera.cancel_all_and_flush()
    camera.wait(job, timeout=SOON_S).release()


def test_a_capture_not_served_before_the_cancel_says_so(member: Member) -> None:
    camera = member.started()
    held = starve(camera)
    job = camera.capture_request(wait=False)
    camera.cancel_all_and_flush()
    with pytest.raises(CancelledError):
        camera.wait(job, timeout=SOON_S)
    for request in held:
        request.release()


def test_a_stop_waits_behind_a_capture_that_was_not_cancelled(member: Member) -> None:
    camera = member.started()
    held = starve(camera)
    camera.capture_request(wait=False)
    assert not ends_within(0.5, camera.stop)
    camera.cancel_all_and_flush()
    assert ends_within(SOON_S, camera.stop)
    for request in held:
        request.release()


def test_a_frame_from_before_the_call_is_handed_out_at_once(member: Member) -> None:
    camera = member.started()
    captured(camera).release()
    time.sleep(10 * FRAME_S)
    called_ns = time.monotonic_ns()
    request = captured(camera)
    assert request.get_metadata()["SensorTimestamp"] < called_ns
    assert time.monotonic_ns() - called_ns < FRAME_S / 2 * 1e9
    request.release()


def test_one_object_is_stopped_and_started_again_and_again(member: Member) -> None:
    camera = member.configured()
    for _ in range(5):
        camera.start()
        for _ in range(2 * BUFFERS):
            captured(camera).release()
        camera.stop()


def test_a_request_held_over_a_restart_can_be_released_and_costs_no_buffer(member: Member) -> None:
    camera = member.started()
    held = starve(camera)
    camera.stop()
    camera.start()
    for request in held:
        request.release()
    again = starve(camera)
    for request in again:
        request.release()


def test_a_request_is_released_once_and_is_empty_afterwards(member: Member) -> None:
    request = captured(member.started())
    request.release()
    with pytest.raises((RuntimeError, AssertionError)):
        request.get_metadata()
    with pytest.raises((RuntimeError, AssertionError)):
        request.release()


def test_mapping_twice_is_the_same_memory_and_not_a_copy(member: Member) -> None:
    request = captured(member.started())
    with (
        member.binding.MappedArray(request, "lores", write=False) as one,
        member.binding.MappedArray(request, "lores", write=False) as two,
    ):
        assert np.shares_memory(one.array, two.array)
        assert not one.array.flags.owndata
    request.release()


def test_sizes_are_adjusted_and_read_back_with_the_stride(member: Member) -> None:
    odd = {"size": (97, 65), "format": "YUV420"}
    assert member.configured(main=odd).camera_configuration()["main"]["size"] == SIZE_PX
    unknown = {"size": (200, 100), "format": "YUV420"}
    chosen = member.configured(main=unknown).camera_configuration()
    assert chosen["main"]["size"] == LARGEST_PX
    assert chosen["lores"]["size"] == SIZE_PX
    assert all(chosen[name]["stride"] >= chosen[name]["size"][0] for name in ("main", "lores"))


def test_luma_may_not_be_larger_than_the_picture(member: Member) -> None:
    with pytest.raises(RuntimeError, match="lores stream dimensions may not exceed main stream"):
        member.configured(lores={"size": (320, 240), "format": "YUV420"})


def test_a_running_camera_is_not_configured(member: Member) -> None:
    camera = member.started()
    asked = camera.create_video_configuration(main={"size": SIZE_PX}, lores={"size": SIZE_PX})
    with pytest.raises(RuntimeError, match="must be stopped before configuring"):
        camera.configure(asked)


def test_memory_that_is_looked_at_is_not_given_back(member: Member) -> None:
    request = captured(member.started())
    with member.binding.MappedArray(request, "lores", write=False) as mapped:
        looked_at = mapped.array
    request.release()
    member.camera.stop()
    member.camera.start()
    captured(member.camera).release()
    assert looked_at.shape[0] == SIZE_PX[1] * 3 // 2


def test_a_camera_released_is_free_for_all_and_then_configured_anew_on_the_same_object(
    member: Member,
) -> None:
    camera = member.started()
    captured(camera).release()
    with pytest.raises(RuntimeError, match="busy"):
        camera.camera.acquire()
    camera.stop()
    camera.camera.release()
    for _ in range(3):
        camera.camera.acquire()
        member.started()
        captured(camera).release()
        camera.stop()
        camera.camera.release()
    with pytest.raises(RuntimeError):
        camera.start()
    camera.camera.acquire()


def test_a_control_that_the_camera_has_not_is_refused(member: Member) -> None:
    with pytest.raises(RuntimeError, match="Control LampPower is not advertised"):
        member.configured(controls={"LampPower": 1})


def test_a_second_object_for_a_camera_and_a_number_too_high_are_refused(member: Member) -> None:
    with pytest.raises(RuntimeError, match="did not complete"):
        member.binding.Picamera2(0)
    with pytest.raises((RuntimeError, IndexError)):
        member.binding.Picamera2(7)


def test_the_colour_space_is_one_whose_matrix_is_known(member: Member) -> None:
    text = str(member.configured().camera_configuration()["colour_space"])
    assert text in [f"<libcamera.ColorSpace '{name}'>" for name in MATRICES]


def test_transforms_are_equal_when_they_turn_alike(member: Member) -> None:
    turned = member.binding.libcamera.Transform
    assert turned(hflip=True) == turned(hflip=True) != turned(vflip=True)
