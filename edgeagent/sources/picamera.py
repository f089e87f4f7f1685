"""The Raspberry Pi's own camera, by picamera2: colour from the main stream, luma from lores."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from edgeagent.clock import Clock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.frame import Frame, Matrix, Picture
from edgeagent.sources.picamera_binding import Binding, Camera, Request, picamera2_module
from edgeagent.sources.picamera_life import Cameras
from edgeagent.sources.picamera_planes import LAYOUTS, luma, matrix, planes
from edgeagent.sources.picamera_wishes import wishes

SLICE_S = 0.5
"""A wait for a frame is cut into slices so long, to look whether it should end."""

LATE_S = 0.5
"""Longest that picamera2's thread may take to hand over a frame that it has taken in hand."""

SEQUENCES = 1 << 32
"""libcamera counts requests in 32 bits, and then begins again at 0."""

OF_THIS_PROCESS = Cameras(picamera2_module)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Setup:
    """How the camera was set up in the end: libcamera may have adjusted what was asked."""

    binding: Binding
    main: Mapping[str, Any]
    lores: Mapping[str, Any]
    to_rgb: Matrix


class PiCamera:
    """A `Source` whose frames lie in the camera's own few buffers.

    The camera goes on into its other buffers while a frame is looked at, and keeps the newest
    for the next capture; so it needs no thread of its own, and must not be read ahead of.
    """

    ends = False

    def __init__(
        self, config: CameraConfig, clock: Clock, cameras: Cameras = OF_THIS_PROCESS
    ) -> None:
        """Take the arguments of `open_source`, and who lends the camera; nothing opens yet."""
        self._config = config
        self._clock = clock
        self._cameras = cameras
        self._title = f"camera {config.name}: Pi camera {config.address or '0'}"
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
        number = int(self._config.address or 0)
        with self._cameras.lent(number, self._title, self._wanted) as (binding, camera):
            setup = self._setup(binding, camera)
            while not self._stop.is_set():
                request = self._captured(camera)
                if request is not None:
                    yield from self._lent(setup, request)

    def close(self) -> None:
        """See `Source.close`."""
        self._stop.set()

    def _wanted(self, binding: Binding, camera: Camera) -> Mapping[str, Any]:
        asked, missing = wishes(self._config, binding, camera.camera_controls)
        for what in missing:
            log.warning("%s: cannot do what camera.%s asks; it is left as it is", self._title, what)
        return asked

    def _setup(self, binding: Binding, camera: Camera) -> _Setup:
        chosen = camera.camera_configuration()
        main, lores = chosen["main"], chosen["lores"]
        for stream in (main, lores):
            if stream["format"] not in LAYOUTS:
                raise CameraError(
                    f"{self._title}: gives {stream['format']}, none of {', '.join(LAYOUTS)}; "
                    'a USB camera is opened with source = "video"'
                )
        to_rgb = matrix(chosen.get("colour_space"), main["size"][1])
        return _Setup(binding, main, lores, to_rgb)

    def _captured(self, camera: Camera) -> Request | None:
        deadline_s = time.monotonic() + self._config.stall_s
        while not self._stop.is_set():
            request = self._awaited(camera)
            if request is not None:
                return request
            if time.monotonic() >= deadline_s:
                raise CameraError(
                    f"{self._title}: gave no frame for {self._config.stall_s:g} s; "
                    "see its ribbon cable and the power supply"
                )
        return None

    def _awaited(self, camera: Camera) -> Request | None:
        job = camera.capture_request(wait=False)
        try:
            return camera.wait(job, timeout=SLICE_S)
        except TimeoutError:
            # Else the capture stays queued, and later swallows a buffer that nobody releases.
            camera.cancel_all_and_flush()
        try:
            # Served between the time-out and the cancel, it has its buffer all the same.
            return camera.wait(job, timeout=LATE_S)
        except (TimeoutError, CancelledError):
            return None

    def _lent(self, setup: _Setup, request: Request) -> Iterator[Frame]:
        mapped = setup.binding.MappedArray
        with ExitStack() as held:
            held.callback(request.release)
            main = held.enter_context(mapped(request, "main", write=False)).array
            lores = held.enter_context(mapped(request, "lores", write=False)).array
            picture = Picture(*planes(main, setup.main), setup.to_rgb)
            mono_s = request.get_metadata()["SensorTimestamp"] / 1e9
            wall_ms = self._clock.wall_ms() - round((self._clock.mono_s() - mono_s) * 1000)
            yield Frame(luma(lores, setup.lores), picture, self._seq(request), mono_s, wall_ms)

    def _seq(self, request: Request) -> int:
        sequence = int(request.request.sequence)
        if self._first_sequence is None:
            self._first_sequence = sequence
        seq = (sequence - self._first_sequence) % SEQUENCES
        self._dropped += seq - self._next_seq
        self._next_seq = seq + 1
        return seq
