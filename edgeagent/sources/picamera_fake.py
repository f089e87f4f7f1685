"""A stand-in for the module picamera2, as strict as the real one about its few buffers."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import numpy as np

from edgeagent.frame import Plane
from edgeagent.sources.picamera_binding import Request

ALIGN = 64
"""Strides are rounded up to a multiple of this, as the Pi's hardware does."""

COLOUR = (120, 90, 160)
"""Y, U and V of every pixel of the main stream; luma of lores is the frame's number."""

POISON = 0xEE
"""What lies in the padding, and in a buffer that went back to the camera."""


@dataclass(slots=True)
class FakeCamera:
    """A ``picamera2.Picamera2`` that runs in real time, and counts what is done to it.

    As measured with the real one: it waits while all buffers are held, a wait that timed out and
    was not cancelled swallows a buffer later, and a request is released exactly once.
    """

    binding: "FakePicamera2"
    configuration: dict[str, Any]
    free: int = 0
    orphans: int = 0
    sequence: int = 0
    begun_s: float = 0.0

    def create_video_configuration(self, **wanted: Any) -> Mapping[str, Any]:  # noqa: ANN401
        """See `picamera_binding.Camera`."""
        return {"colour_space": "SMPTE170M", **wanted}

    def configure(self, configuration: Mapping[str, Any]) -> None:
        """See `picamera_binding.Camera`; sets the strides, and the buffers free."""
        main, lores = ({**configuration[name]} for name in ("main", "lores"))
        for stream in (main, lores):
            stream["stride"] = -(-stream["size"][0] // ALIGN) * ALIGN
        if lores["size"] > main["size"]:
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        self.configuration = {**configuration, "main": main, "lores": lores}
        self.free = configuration["buffer_count"]

    def camera_configuration(self) -> Mapping[str, Any]:
        """See `picamera_binding.Camera`."""
        return self.configuration

    def start(self) -> None:
        """See `picamera_binding.Camera`."""
        self.begun_s = time.monotonic()

    def capture_request(self, wait: float) -> "FakeRequest":
        """See `picamera_binding.Camera`: the next frame due; those past are lost."""
        swallowed = min(self.orphans, self.free)
        self.free -= swallowed
        self.orphans -= swallowed
        stalled = self.binding.stall_at is not None and self.sequence >= self.binding.stall_at
        if stalled or not self.free:
            time.sleep(wait)
            self.orphans += 1
            raise TimeoutError
        frame_s = self.configuration["controls"]["FrameDurationLimits"][0] / 1e6
        past = int((time.monotonic() - self.begun_s) / frame_s)
        self.sequence = max(self.sequence + 1, past)
        time.sleep(max(0.0, self.begun_s + self.sequence * frame_s - time.monotonic()))
        self.free -= 1
        return FakeRequest(self, self.sequence)

    def cancel_all_and_flush(self) -> None:
        """See `picamera_binding.Camera`."""
        self.orphans = 0

    def stop(self) -> None:
        """See `picamera_binding.Camera`."""
        self.binding.stopped += 1

    def close(self) -> None:
        """See `picamera_binding.Camera`."""
        self.binding.closed += 1


class FakeRequest:
    """A ``picamera2.request.CompletedRequest``."""

    def __init__(self, camera: FakeCamera, sequence: int) -> None:
        self.request = SimpleNamespace(sequence=sequence)
        self.buffers = {
            name: _buffer(camera.configuration[name], luma)
            for name, luma in (("main", COLOUR[0]), ("lores", sequence % 200))
        }
        self._camera = camera
        self._stamp_ns = time.monotonic_ns()
        self._held = True

    def get_metadata(self) -> Mapping[str, Any]:
        """See `picamera_binding.Request`."""
        return {"SensorTimestamp": self._stamp_ns}

    def release(self) -> None:
        """See `picamera_binding.Request`; whoever still looks sees poison."""
        if not self._held:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self._held = False
        for buffer in self.buffers.values():
            buffer[:] = POISON
        self._camera.free += 1


class FakeMappedArray:
    """A ``picamera2.MappedArray``, of YUV420 only."""

    def __init__(self, buffer: Plane) -> None:
        self._buffer = buffer
        self.array: Plane

    def __enter__(self) -> Self:
        self.array = self._buffer[:]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del self.array


class FakePicamera2:
    """The module: what `picamera.PiCamera` takes instead of ``import picamera2``."""

    def __init__(self, cameras: int = 1, stall_at: int | None = None) -> None:
        """Have so many cameras, which fall silent from frame ``stall_at`` on."""
        self.stall_at = stall_at
        self.opened: list[FakeCamera] = []
        self.stopped = 0
        self.closed = 0
        self._cameras = cameras
        self._lock = threading.Lock()

    def Picamera2(self, camera_num: int) -> FakeCamera:  # noqa: N802 - its name
        """Open a camera, which only one may at a time."""
        with self._lock:
            if camera_num >= self._cameras:
                raise IndexError("list index out of range")
            if len(self.opened) > self.closed:
                raise RuntimeError("Camera __init__ sequence did not complete.")
            self.opened.append(FakeCamera(self, {}))
            return self.opened[-1]

    def MappedArray(  # noqa: N802 - its name
        self, request: Request, stream: str, reshape: bool = True, write: bool = True
    ) -> FakeMappedArray:
        """Map one stream of a request that this module lent."""
        assert isinstance(request, FakeRequest)
        return FakeMappedArray(request.buffers[stream])


def _buffer(stream: Mapping[str, Any], luma: int) -> Plane:
    (width, height), stride = stream["size"], stream["stride"]
    buffer = np.full((height * 3 // 2, stride), POISON, np.uint8)
    buffer[:height, :width] = luma
    chroma = buffer[height:].reshape(2, height // 2, stride // 2)
    chroma[0, :, : width // 2] = COLOUR[1]
    chroma[1, :, : width // 2] = COLOUR[2]
    return buffer
