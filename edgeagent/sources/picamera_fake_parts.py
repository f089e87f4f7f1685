"""The stand-in's small parts: what kind of camera it is, who holds it, what was asked of it."""

from collections.abc import Collection
from dataclasses import dataclass

from edgeagent.sources.picamera_fake_buffers import FakeRequest

CONTROLS = ("FrameDurationLimits", "ExposureTime", "AnalogueGain", "AfMode", "LensPosition")
"""What a Camera Module 3 can do, as far as it is used here."""


@dataclass(frozen=True, slots=True)
class FakeTransform:
    """A ``libcamera.Transform``."""

    hflip: bool = False
    vflip: bool = False


@dataclass(frozen=True, slots=True)
class Sensor:
    """What kind of camera is stood in for, and what goes wrong with it."""

    controls: Collection[str] = CONTROLS
    pixel_format: str = "YUV420"
    """What libcamera puts in the place of every format asked for."""
    sizes: Collection[tuple[int, int]] = ()
    """Sizes it has; for any other libcamera takes the largest. Empty: it has them all."""
    silent_after: tuple[int, ...] = ()
    """After so many frames the first, second, ... start falls silent; the last stands for all
    further starts."""
    late: Collection[int] = ()
    """Frames of a start that come just after a wait for them timed out, and before the cancel."""
    stop_s: float = 0.0
    """How long the driver takes to stop."""


@dataclass(slots=True)
class FakeJob:
    """A ``picamera2.job.Job``: one capture, or one stop, asked for."""

    stops: bool = False
    request: FakeRequest | None = None
    done: bool = False
    cancelled: bool = False


@dataclass(slots=True)
class FakeHold:
    """A ``libcamera.Camera``: only who has acquired it may configure it, and then start it."""

    acquired: bool = False
    configured: bool = False

    def acquire(self) -> None:
        """Take it from every other program."""
        if self.acquired:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.acquired = True

    def release(self) -> None:
        """Leave it to other programs; it has to be configured again afterwards."""
        self.acquired = self.configured = False

    def configure(self) -> None:
        """Be configured."""
        if not self.acquired:
            raise RuntimeError("Configuration failed")
        self.configured = True

    def start(self) -> None:
        """Be started."""
        if not self.configured:
            raise RuntimeError("Failed to start camera: Permission denied")
