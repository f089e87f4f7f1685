"""One Picamera2 for each camera and process: made once, never closed, stopped and started."""

import gc
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from edgeagent.errors import CameraError, CameraSpentError
from edgeagent.sources.picamera_binding import Binding, Camera

RESTARTS = 20
"""So many times a camera that failed is started again; then the process must end, and systemd
starts it anew. A new Picamera2 each time runs a board out of contiguous memory after about seven
(raspberrypi/picamera2#1183); one that is only stopped and started keeps its buffers, but what the
driver takes at each start is not in our hands. At `Reopening`'s waits 20 are a quarter of an hour:
a cable or a driver that has not mended itself by then may do better in a new process. This is the
only count: frames between two failures do not pardon them, and leaving a sound camera, as a
reload of the settings does, adds nothing."""

START_S = 10.0
"""Longest that making, configuring and starting are waited for: generous, as rpicam-hello has its
first frame on a Pi 3 in about two."""

STOP_S = 1.5
"""Longest that a stop is waited for; `Source.close` has 2 s in all."""

Wanted = Callable[[Binding, Camera], Mapping[str, Any]]
"""What to ask of ``create_video_configuration``, once it is known what the camera can do."""

log = logging.getLogger(__name__)


class Life:
    """The one Picamera2 of one camera."""

    def __init__(self, number: int) -> None:
        """Make nothing yet; ``number`` is the camera's, from 0."""
        self.number = number
        self.failures = 0
        self.lent = False
        self._camera: Camera | None = None
        self._acquired = False
        self._configured: Mapping[str, Any] | None = None
        self._driver: _Aside | None = None

    @property
    def free(self) -> bool:
        """Whether nobody has it, and it does not hang in the driver."""
        return not self.lent and not (self._driver and self._driver.is_alive())

    def start(self, binding: Binding, wanted: Wanted) -> Camera:
        """Start the camera; raises TimeoutError after `START_S`, and whatever picamera2 raises."""
        self._driver = _Aside(lambda: self._start(binding, wanted))
        self._driver.end(START_S)
        assert self._camera is not None
        return self._camera

    def stop(self, keep: bool) -> None:
        """Stop it, and unless it is to ``keep`` leave it to other programs; raises as `start`."""
        self._driver = _Aside(lambda: self._stop(keep))
        self._driver.end(STOP_S)

    def _start(self, binding: Binding, wanted: Wanted) -> None:
        if self._camera is None:
            self._camera = binding.Picamera2(self.number)
        elif not self._acquired:
            self._camera.camera.acquire()
        self._acquired = True
        asked = wanted(binding, self._camera)
        if asked != self._configured:
            self._configure(self._camera, asked)
        # They went with the last start; picamera2 does not send them again by itself.
        self._camera.set_controls(asked["controls"])
        self._camera.start()

    def _configure(self, camera: Camera, asked: Mapping[str, Any]) -> None:
        self._configured = None
        # The old buffers are given back, which a forgotten frame in a cycle would prevent.
        gc.collect()
        camera.configure(camera.create_video_configuration(**asked))
        self._configured = asked

    def _stop(self, keep: bool) -> None:
        assert self._camera is not None
        self._camera.stop()
        if not keep:
            # Not ``close``, after which only a new object would do.
            self._camera.camera.release()
            self._acquired, self._configured = False, None


class Cameras:
    """The Pi cameras of a process, by number, each lent to one source at a time."""

    def __init__(self, bind: Callable[[], Binding]) -> None:
        """Take what returns picamera2; it is called when a camera is lent."""
        self._bind = bind
        self._lives: dict[int, Life] = {}
        self._lock = threading.Lock()

    @contextmanager
    def lent(self, number: int, title: str, wanted: Wanted) -> Iterator[tuple[Binding, Camera]]:
        """Start camera ``number`` and lend it; stop it at the end.

        Whoever ends with a CameraError will be back: the camera stays this process's own. Else
        other programs may have it, until it is lent again.

        Args:
            number: as picamera2 counts them.
            title: begins every message.
            wanted: asked at each start; only what differs from the last is configured anew.

        Raises:
            CameraError: it cannot be started.
            CameraSpentError: it, or what was done with it, failed more than `RESTARTS` times.
        """
        life = self._taken(number, title)
        try:
            binding = self._bind()
            camera = self._started(life, binding, title, wanted)
            with self._stopped(life):
                yield binding, camera
        except CameraError as fault:
            raise _failed(life, fault) from None
        finally:
            life.lent = False

    def _taken(self, number: int, title: str) -> Life:
        with self._lock:
            life = self._lives.setdefault(number, Life(number))
            if not life.free:
                raise _failed(life, CameraError(f"{title}: the driver has not let go of it"))
            life.lent = True
            return life

    def _started(self, life: Life, binding: Binding, title: str, wanted: Wanted) -> Camera:
        try:
            return life.start(binding, wanted)
        except Exception as fault:  # noqa: BLE001 - picamera2 has no errors of its own
            if isinstance(fault, BufferError):
                # Half of its buffers are gone: picamera2 does not recover from that.
                life.failures = RESTARTS
            raise CameraError(
                f"{title}: cannot be opened ({fault or type(fault).__name__}); see that "
                "rpicam-hello --list-cameras shows it and that no other program has it"
            ) from None

    @contextmanager
    def _stopped(self, life: Life) -> Iterator[None]:
        keep = False
        try:
            yield
        except CameraError:
            keep = True
            raise
        finally:
            try:
                life.stop(keep)
            except Exception as fault:  # noqa: BLE001 - the next start will tell
                log.warning("Pi camera %d did not stop: %s", life.number, fault)


class _Aside(threading.Thread):
    """Does one thing in the driver, where it may hang without hanging whoever waits for it."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(name="picamera-driver", daemon=True)
        self._act = act
        self._fault: Exception | None = None
        self.start()

    def run(self) -> None:
        """Do it."""
        try:
            self._act()
        except Exception as fault:  # noqa: BLE001 - for `end` to raise
            self._fault = fault

    def end(self, wait_s: float) -> None:
        """Wait for its end, at most so long; raise what it raised, or TimeoutError."""
        self.join(wait_s)
        if self.is_alive():
            raise TimeoutError(f"hangs in the driver for {wait_s:g} s")
        if self._fault is not None:
            raise self._fault


def _failed(life: Life, fault: CameraError) -> CameraError:
    """Count a failure, and return it, or that it was one too many."""
    life.failures += 1
    if life.failures <= RESTARTS:
        return fault
    return CameraSpentError(
        f"{fault}; that was failure {life.failures}: the process ends, to be started anew"
    )
