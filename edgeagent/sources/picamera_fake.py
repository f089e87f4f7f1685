"""A stand-in for the module picamera2, with the real one's few buffers and every trap they set.

`tests/contract/test_picamera.py` holds it to the real one: `scripts/proof-camera` runs the same
assertions on both.
"""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from types import SimpleNamespace
from typing import Any

from edgeagent.sources.picamera_binding import Request
from edgeagent.sources.picamera_fake_buffers import (
    ALIGN,
    Buffer,
    FakeMappedArray,
    FakeRequest,
    paint,
)
from edgeagent.sources.picamera_fake_parts import FakeHold, FakeJob, FakeTransform, Sensor

POLL_S = 0.002
"""How often a wait looks for what another thread did."""


class FakeCamera:
    """A ``picamera2.Picamera2``; its frames happen in real time, whenever somebody looks."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        self.camera = FakeHold()
        self.camera.acquire()
        self.starts: list[Mapping[str, Any]] = []
        """The controls that went with each start."""
        self.stops = 0
        self.started = False
        self.queued: list[tuple[int, Buffer]] = []
        """The buffers that the camera may write in, with the sequence each will have."""
        self.lock = threading.RLock()
        self._configuration: dict[str, Any] = {}
        self._controls: dict[str, Any] = {}
        self._buffers: list[Buffer] = []
        self._completed: list[FakeRequest] = []
        self._jobs: list[FakeJob] = []
        self._sequence = 0
        self._frames = 0
        self._begun_s = 0.0
        self._frame_s = 0.0

    @property
    def camera_controls(self) -> Mapping[str, Any]:
        """See `picamera_binding.Camera`."""
        return dict.fromkeys(self.sensor.controls, (0, 0, None))

    def create_video_configuration(self, **wanted: Any) -> Mapping[str, Any]:  # noqa: ANN401
        """See `picamera_binding.Camera`; sizes are made even."""
        streams = {n: {**wanted[n], "size": _even(wanted[n]["size"])} for n in ("main", "lores")}
        width, height = streams["main"]["size"]
        name = "SMPTE170M" if width < 1280 or height < 720 else "Rec709"
        space = f"<libcamera.ColorSpace '{name}'>"
        base = {"colour_space": space, "transform": FakeTransform(), "queue": True}
        return {**base, **wanted, **streams}

    def configure(self, configuration: Mapping[str, Any]) -> None:
        """See `picamera_binding.Camera`; new buffers take the place of the old."""
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        self.camera.configure()
        main, lores = configuration["main"], configuration["lores"]
        if any(small > large for small, large in zip(lores["size"], main["size"], strict=True)):
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        streams = {"main": self._adjusted(main), "lores": self._adjusted(lores)}
        for buffer in self._buffers:
            buffer.close()
        self._buffers = [Buffer(streams) for _ in range(configuration["buffer_count"])]
        self._configuration = {**configuration, **streams}
        self._controls = {}
        self.set_controls(configuration["controls"])

    def _adjusted(self, stream: Mapping[str, Any]) -> dict[str, Any]:
        sizes = self.sensor.sizes
        size = stream["size"] if not sizes or stream["size"] in sizes else max(sizes)
        stride = -(-size[0] // ALIGN) * ALIGN
        return {**stream, "format": self.sensor.pixel_format, "size": size, "stride": stride}

    def camera_configuration(self) -> Mapping[str, Any]:
        """See `picamera_binding.Camera`."""
        return self._configuration

    def set_controls(self, controls: Mapping[str, Any]) -> None:
        """See `picamera_binding.Camera`."""
        for name in controls:
            if name not in self.sensor.controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self._controls.update(controls)

    def start(self) -> None:
        """See `picamera_binding.Camera`; the controls are gone with it."""
        if self.started:
            return
        self.camera.start()
        self.starts.append(self._controls)
        self._frame_s = self._controls.get("FrameDurationLimits", (33333, 0))[0] / 1e6
        self._controls = {}
        self.queued = []
        self._frames = 0
        self._begun_s = time.monotonic()
        self.started = True
        for buffer in self._buffers:
            self.queue(buffer)

    def queue(self, buffer: Buffer) -> None:
        """Let the camera have ``buffer``."""
        self.queued.append((self._sequence, buffer))
        self._sequence += 1

    def capture_request(self, wait: bool = False) -> FakeJob:
        """See `picamera_binding.Camera`: a frame that is there already is handed out as it is."""
        assert not wait
        with self.lock:
            self._advance()
            self._jobs.append(FakeJob())
            job = self._jobs[-1]
            self._serve()
            return job

    def wait(self, job: FakeJob, timeout: float) -> FakeRequest:
        """See `picamera_binding.Camera`."""
        request = self._finished(job, time.monotonic() + timeout).request
        assert request is not None
        return request

    def _finished(self, job: FakeJob, deadline_s: float) -> FakeJob:
        while True:
            with self.lock:
                self._advance()
            if job.cancelled:
                raise CancelledError
            if job.done:
                return job
            if time.monotonic() >= deadline_s:
                raise TimeoutError
            time.sleep(POLL_S)

    def cancel_all_and_flush(self) -> None:
        """See `picamera_binding.Camera`; what is served already stays so."""
        with self.lock:
            self._advance(late=True)
            for job in self._jobs:
                job.cancelled = True
            self._jobs = []

    def stop(self) -> None:
        """See `picamera_binding.Camera`; it waits its turn behind every capture asked for."""
        if not self.started:
            return
        time.sleep(self.sensor.stop_s)
        job = FakeJob(stops=True)
        with self.lock:
            self._jobs.append(job)
            self._serve()
        self._finished(job, float("inf"))

    def _advance(self, late: bool = False) -> None:
        """Let every frame happen that is due by now."""
        now_s = time.monotonic()
        while self.started and self._begun_s + (self._frames + 1) * self._frame_s <= now_s:
            if self._frames >= self._silent_after() or (
                self._frames in self.sensor.late and not late
            ):
                return
            self._frames += 1
            self._take(self._begun_s + self._frames * self._frame_s)

    def _silent_after(self) -> float:
        given = self.sensor.silent_after
        return given[min(len(self.starts), len(given)) - 1] if given else float("inf")

    def _take(self, at_s: float) -> None:
        if not self.queued:
            return
        sequence, buffer = self.queued.pop(0)
        paint(buffer, sequence)
        self._completed.append(FakeRequest(self, sequence, buffer, round(at_s * 1e9)))
        self._serve()
        # One is kept, so that whoever asks has it at once.
        while len(self._completed) > self._configuration["queue"]:
            self._completed.pop(0).release()

    def _serve(self) -> None:
        """Do what was asked, in turn, as far as there are frames for it."""
        while self._jobs and (self._jobs[0].stops or self._completed):
            job = self._jobs.pop(0)
            if job.stops:
                self._end()
            else:
                job.request = self._completed.pop(0)
            job.done = True

    def _end(self) -> None:
        self.started = False
        self.stops += 1
        while self._completed:
            self._completed.pop(0).release()


class FakePicamera2:
    """The module: what `picamera_life.Cameras` binds instead of ``import picamera2``."""

    libcamera = SimpleNamespace(Transform=FakeTransform)

    def __init__(self, sensor: Sensor | None = None, cameras: int = 1) -> None:
        """Have so many cameras, all alike."""
        self.opened: dict[int, FakeCamera] = {}
        self._sensor = sensor or Sensor()
        self._cameras = cameras

    def Picamera2(self, camera_num: int) -> FakeCamera:  # noqa: N802 - its name
        """Open a camera, which only one may."""
        if camera_num >= self._cameras:
            raise RuntimeError(f"No camera number {camera_num} found")
        if camera_num in self.opened:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        return self.opened.setdefault(camera_num, FakeCamera(self._sensor))

    def MappedArray(  # noqa: N802 - its name
        self, request: Request, stream: str, reshape: bool = True, write: bool = True
    ) -> FakeMappedArray:
        """Map one stream of a request that a camera of this module lent."""
        assert isinstance(request, FakeRequest)
        return FakeMappedArray(request, stream)


def _even(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] // 2 * 2, size[1] // 2 * 2
