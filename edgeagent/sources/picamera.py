"""The Raspberry Pi's own camera, by picamera2: colour from the main stream, luma from lores."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack
from typing import Any

from edgeagent.clock import Clock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.frame import BT601, BT601_FULL, BT709, Frame, Matrix, Picture, Plane
from edgeagent.sources.picamera_binding import Binding, Camera, Request, picamera2_module

BUFFERS = 4
"""One looked at, one waiting as the newest, two for the camera to write in."""

LORES_WIDTH_PX = 320
"""Luma is half the picture's width, but not narrower than this unless the picture is."""

SLICE_S = 0.5
"""A wait for a frame is cut into slices so long, to look whether it should end."""

MATRICES: Mapping[str, Matrix] = {"sYCC": BT601_FULL, "SMPTE170M": BT601, "Rec709": BT709}
"""By the names of libcamera's ColorSpace."""


class PiCamera:
    """A `Source` whose frames lie in the camera's own few buffers.

    The camera goes on into its other buffers while a frame is looked at, and keeps the newest
    for the next capture; so it needs no thread of its own, and must not be read ahead of.
    """

    ends = False

    def __init__(
        self,
        config: CameraConfig,
        clock: Clock,
        bind: Callable[[], Binding] = picamera2_module,
    ) -> None:
        """Take the arguments of `open_source`, and what returns picamera2; nothing opens yet."""
        self._config = config
        self._clock = clock
        self._bind = bind
        self._stop = threading.Event()
        self._dropped = 0
        self._first_sequence: int | None = None
        self._next_seq = 0

    @property
    def dropped(self) -> int:
        """See `Source.dropped`: frames the camera took while the last one was looked at."""
        return self._dropped

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`."""
        if self._stop.is_set():
            return
        binding = self._bind()
        with ExitStack() as stack:
            camera = self._opened(binding, stack)
            while not self._stop.is_set():
                request = self._captured(camera)
                if request is not None:
                    yield from self._lent(binding, camera, request)

    def close(self) -> None:
        """See `Source.close`."""
        self._stop.set()

    def _opened(self, binding: Binding, stack: ExitStack) -> Camera:
        try:
            camera = binding.Picamera2(int(self._config.address or 0))
            stack.callback(camera.close)
            camera.configure(camera.create_video_configuration(**self._wanted()))
            camera.start()
            stack.callback(camera.stop)
        except (RuntimeError, IndexError, OSError, ValueError) as fault:
            raise self._error(
                f"cannot be opened ({fault or type(fault).__name__}); see that rpicam-hello "
                "--list-cameras shows it and that no other program has it"
            ) from None
        return camera

    def _wanted(self) -> dict[str, Any]:
        config = self._config
        width, height = config.width // 2 * 2, config.height // 2 * 2
        frame_us = round(1e6 / config.fps)
        return {
            "main": {"size": (width, height), "format": "YUV420"},
            "lores": {"size": _lores_size(width, height), "format": "YUV420"},
            "controls": {"FrameDurationLimits": (frame_us, frame_us)},
            "buffer_count": BUFFERS,
        }

    def _captured(self, camera: Camera) -> Request | None:
        deadline_s = time.monotonic() + self._config.stall_s
        while not self._stop.is_set():
            try:
                return camera.capture_request(wait=SLICE_S)
            except (TimeoutError, CancelledError):
                # Else the capture stays queued, and later swallows a buffer that nobody releases.
                camera.cancel_all_and_flush()
            if time.monotonic() >= deadline_s:
                raise self._error(
                    f"gave no frame for {self._config.stall_s:g} s; "
                    "see its ribbon cable and the power supply"
                )
        return None

    def _lent(self, binding: Binding, camera: Camera, request: Request) -> Iterator[Frame]:
        with ExitStack() as held:
            held.callback(request.release)
            planes = camera.camera_configuration()
            main = held.enter_context(binding.MappedArray(request, "main", write=False)).array
            lores = held.enter_context(binding.MappedArray(request, "lores", write=False)).array
            luma = _planes(lores, planes["lores"])[0]
            picture = Picture(*_planes(main, planes["main"]), _matrix(planes))
            yield self._frame(request, luma, picture)

    def _frame(self, request: Request, luma: Plane, picture: Picture) -> Frame:
        mono_s = request.get_metadata()["SensorTimestamp"] / 1e9
        wall_ms = self._clock.wall_ms() - round((self._clock.mono_s() - mono_s) * 1000)
        seq = self._seq(request)
        self._dropped += seq - self._next_seq
        self._next_seq = seq + 1
        return Frame(luma, picture, seq, mono_s, wall_ms)

    def _seq(self, request: Request) -> int:
        sequence = int(request.request.sequence)
        if self._first_sequence is None:
            self._first_sequence = sequence
        return sequence - self._first_sequence

    def _error(self, what: str) -> CameraError:
        number = self._config.address or "0"
        return CameraError(f"camera {self._config.name}: Pi camera {number}: {what}")


def _lores_size(width: int, height: int) -> tuple[int, int]:
    share = min(1.0, max(0.5, LORES_WIDTH_PX / width))
    return int(width * share) // 2 * 2, int(height * share) // 2 * 2


def _planes(array: Plane, stream: Mapping[str, Any]) -> tuple[Plane, Plane, Plane]:
    """Return Y, U and V of a YUV420 buffer: the chroma rows follow at half the stride each."""
    (width, height), stride = stream["size"], stream["stride"]
    # Marked first, so that the views made of it cannot be written through either.
    array.flags.writeable = False
    chroma = array[height:].reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    return array[:height, :width], chroma[0], chroma[1]


def _matrix(planes: Mapping[str, Any]) -> Matrix:
    named = MATRICES.get(str(planes.get("colour_space")))
    if named is not None:
        return named
    return BT709 if planes["main"]["size"][1] >= 720 else BT601
