"""The stand-in's frames: memory mapped as the real one's is, lent, and written into again."""

import mmap
from collections.abc import Mapping
from types import SimpleNamespace, TracebackType
from typing import Any, Protocol, Self

import numpy as np

from edgeagent.frame import Plane

ALIGN = 64
"""Strides are rounded up to a multiple of this, as the Pi's hardware does."""

COLOUR = (120, 90, 160)
"""Y, U and V of every pixel of the main stream; luma of lores is the frame's number."""

POISON = 0xEE
"""What lies in the padding, and in a buffer that went back to the camera."""


class Buffer:
    """The memory of one frame, for each stream its own."""

    def __init__(self, streams: Mapping[str, Mapping[str, Any]]) -> None:
        self.streams = streams
        self.memory = {
            name: mmap.mmap(-1, stream["stride"] * stream["size"][1] * 3 // 2)
            for name, stream in streams.items()
        }

    def close(self) -> None:
        """Give the memory back; raises BufferError where a frame of it is still held."""
        for memory in self.memory.values():
            memory.close()

    def array(self, name: str) -> Plane:
        """Return a stream's memory as ``(rows * 3 / 2, stride)``; NV12 loses its padding."""
        stream = self.streams[name]
        rows = np.frombuffer(self.memory[name], np.uint8).reshape(-1, stream["stride"])
        return rows[:, : stream["size"][0]] if stream["format"] == "NV12" else rows


class Owner(Protocol):
    """What a request knows of its camera."""

    started: bool
    stops: int
    lock: Any

    def queue(self, buffer: Buffer) -> None:
        """Let the camera have ``buffer``."""
        ...


class FakeRequest:
    """A ``picamera2.request.CompletedRequest``."""

    def __init__(self, camera: Owner, sequence: int, buffer: Buffer, stamp_ns: int) -> None:
        self.request: Any = SimpleNamespace(sequence=sequence)
        self.buffer = buffer
        self._camera = camera
        self._stamp_ns = stamp_ns
        self._stops = camera.stops
        self._held = 1

    def get_metadata(self) -> Mapping[str, Any]:
        """See `picamera_binding.Request`."""
        assert self.request is not None
        return {"SensorTimestamp": self._stamp_ns}

    def release(self) -> None:
        """See `picamera_binding.Request`; whoever still looks sees poison."""
        with self._camera.lock:
            self._held -= 1
            if self._held < 0:
                raise RuntimeError("CompletedRequest: lock now has negative ref_count")
            self.request = None
            # After a stop the next start has queued the buffer already.
            if self._camera.started and self._camera.stops == self._stops:
                for memory in self.buffer.memory.values():
                    memory[:] = bytes([POISON]) * len(memory)
                self._camera.queue(self.buffer)


class FakeMappedArray:
    """A ``picamera2.MappedArray`` of YUV420 or NV12."""

    def __init__(self, request: FakeRequest, stream: str) -> None:
        assert request.request is not None
        self._buffer = request.buffer
        self._stream = stream
        self.array: Plane

    def __enter__(self) -> Self:
        self.array = self._buffer.array(self._stream)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del self.array


def paint(buffer: Buffer, sequence: int) -> None:
    """Write frame number ``sequence`` into ``buffer``, and poison into its padding."""
    for name, luma in (("main", COLOUR[0]), ("lores", sequence % 200)):
        stream = buffer.streams[name]
        width, height = stream["size"]
        memory = np.frombuffer(buffer.memory[name], np.uint8).reshape(-1, stream["stride"])
        memory[:] = POISON
        memory[:height, :width] = luma
        _paint_chroma(memory[height:], stream)


def _paint_chroma(memory: Plane, stream: Mapping[str, Any]) -> None:
    (width, height), stride = stream["size"], stream["stride"]
    if stream["format"] == "NV12":
        memory[:, 0:width:2], memory[:, 1:width:2] = COLOUR[1:]
        return
    planes = memory.reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    planes[0], planes[1] = COLOUR[1:]
