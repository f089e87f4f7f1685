"""The real module picamera2, opened on libcamera's virtual camera."""

import mmap
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

ABSENT = ("kms", "pidng", "pidng.camdefs", "pidng.core", "simplejpeg")
"""Imported by picamera2 for screens, raw files and JPEG, none of which an agent uses."""


class _Absent(ModuleType):
    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("__"):
            raise AttributeError(name)
        return SimpleNamespace if name[0].isupper() and name != "PixelFormats" else _Absent(name)


sys.modules |= {name: _Absent(name) for name in ABSENT}

import libcamera  # noqa: E402
import picamera2  # noqa: E402
from picamera2.allocators import DmaAllocator  # noqa: E402

NATIVE = {"format": "NV12", "size": (640, 480)}


class TwoPlanes(DmaAllocator):  # type: ignore[misc]
    """The allocator of picamera2, but for a camera that wants luma and chroma told apart."""

    def allocate(self, streams: Any, use_case: Any) -> None:  # noqa: ANN401
        """Allocate as picamera2 does, then name the two planes of each buffer."""
        super().allocate(streams, use_case)
        for stream in streams:
            old = self.frame_buffers[stream.stream]
            self.frame_buffers[stream.stream] = [self._split(stream, one) for one in old]

    def _split(self, stream: Any, old: Any) -> Any:  # noqa: ANN401
        luma_bytes = stream.stride * stream.size.height
        planes = []
        for offset, length in ((0, luma_bytes), (luma_bytes, stream.frame_size - luma_bytes)):
            plane = libcamera.FrameBuffer.Plane()
            plane.fd = old.planes[0].fd
            plane.offset, plane.length = offset, length
            planes.append(plane)
        new = libcamera.FrameBuffer(planes)
        was_fd, fd = old.planes[0].fd, new.planes[0].fd
        self.mapped_buffers[new] = self.mapped_buffers.pop(old)
        self.mapped_buffers_used[fd] = self.mapped_buffers_used.pop(was_fd)
        self.libcamera_fds[self.libcamera_fds.index(was_fd)] = fd
        return new


class VirtualPicamera2(picamera2.Picamera2):  # type: ignore[misc]
    """``Picamera2`` as it is, told what a sensor's raw modes would say: there is no sensor."""

    def _get_raw_modes(self) -> list[dict[str, Any]]:
        return [NATIVE]


class VirtualBinding:
    """The module picamera2, which remembers the cameras it opened."""

    libcamera = libcamera
    MappedArray = picamera2.MappedArray

    def __init__(self) -> None:
        self.opened: dict[int, Any] = {}

    def Picamera2(self, camera_num: int) -> Any:  # noqa: ANN401, N802 - its name
        """Open a camera by its number."""
        camera = VirtualPicamera2(camera_num, allocator=TwoPlanes())
        self.opened[camera_num] = camera
        return camera


def mapped(camera: Any) -> list[mmap.mmap]:  # noqa: ANN401
    """Return the memory of every buffer that ``camera`` has."""
    return list(camera.allocator.mapped_buffers.values())
