"""What is used of picamera2, as protocols, and its import; the stand-in fits them too."""

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

from edgeagent.errors import CameraError
from edgeagent.frame import Plane

INSTALL = (
    "picamera2 is missing: sudo apt install python3-picamera2, "
    "and make the virtual environment with --system-site-packages"
)


class Request(Protocol):
    """One frame's buffers, lent; each must go back with `release`."""

    @property
    def request(self) -> Any:  # noqa: ANN401 - libcamera's own object
        """Libcamera's request; its ``sequence`` counts every frame."""
        ...

    def get_metadata(self) -> Mapping[str, Any]:
        """Return what the camera says of the frame."""
        ...

    def release(self) -> None:
        """Give the buffers back."""
        ...


Job = Any
"""One capture asked for: ``picamera2.job.Job``, of which nothing is used."""


class Camera(Protocol):
    """What is used of ``picamera2.Picamera2``; it is never closed."""

    @property
    def camera(self) -> Any:  # noqa: ANN401 - libcamera's own object
        """Libcamera's camera, for its ``acquire`` and ``release``."""
        ...

    @property
    def camera_controls(self) -> Mapping[str, Any]:
        """What can be set, by libcamera's names: lowest, highest, default."""
        ...

    def create_video_configuration(self, **wanted: Any) -> Mapping[str, Any]:  # noqa: ANN401
        """Return a configuration near the one wanted."""
        ...

    def configure(self, configuration: Mapping[str, Any]) -> None:
        """Set the camera up."""
        ...

    def camera_configuration(self) -> Mapping[str, Any]:
        """Return what it was set up to, strides included."""
        ...

    def set_controls(self, controls: Mapping[str, Any]) -> None:
        """Set what goes to the camera with its next start or request."""
        ...

    def start(self) -> None:
        """Begin to take frames."""
        ...

    def capture_request(self, wait: bool) -> Job:
        """Ask for a frame, waiting for none; the one that comes may have been taken before."""
        ...

    def wait(self, job: Job, timeout: float) -> Request:
        """Return what was asked for, or raise TimeoutError after ``timeout`` seconds.

        Raises ``concurrent.futures.CancelledError`` when it was cancelled.
        """
        ...

    def cancel_all_and_flush(self) -> None:
        """Forget the captures asked for and not served."""
        ...

    def stop(self) -> None:
        """Take no more frames."""
        ...


class Mapped(Protocol):
    """What ``picamera2.MappedArray`` is inside its ``with``."""

    @property
    def array(self) -> Plane:
        """``(rows * 3 / 2, stride)`` of a YUV420 stream: its memory, padding and all."""
        ...


class Binding(Protocol):
    """What is used of the module picamera2."""

    @property
    def libcamera(self) -> Any:  # noqa: ANN401 - libcamera's own module
        """The module libcamera, for its ``Transform``."""
        ...

    def Picamera2(self, camera_num: int) -> Camera:  # noqa: N802 - its name
        """Open a camera by its number."""
        ...

    def MappedArray(  # noqa: N802 - its name
        self, request: Request, stream: str, reshape: bool = True, write: bool = True
    ) -> AbstractContextManager[Mapped]:
        """Map one stream of a request, without a copy."""
        ...


def picamera2_module() -> Binding:
    """Import picamera2, which only the system's Python packages have.

    Raises:
        CameraError: it is not installed, or does not fit the numpy beside it.
    """
    try:
        return cast(Binding, importlib.import_module("picamera2"))
    except (ImportError, ValueError) as fault:
        # ValueError is how numpy says that a binary module was made for another numpy.
        raise CameraError(f"{INSTALL} ({fault})") from None
