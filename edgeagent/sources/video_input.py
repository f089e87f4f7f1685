"""Reading a video packet by packet, without ever waiting for good."""

import select
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from edgeagent.attention import Attention
from edgeagent.errors import CameraError
from edgeagent.sources.gop import Gop
from edgeagent.sources.video_address import Input, oddity_of, options_of

SLICE_S = 0.5
"""A wait for a live camera is cut into slices so long, to look whether it should end. A slice that
runs out in the middle of a network packet costs that picture, which is late enough to be lost."""


class Reader:
    """Opens an `Input` and decodes it, in one thread; ends soon after ``stop`` is set.

    While ``attention`` asks for less, only keyframes are decoded, but something each half of
    ``stall_s``; the packets between are kept, so that the first frame asked for comes at once.
    """

    def __init__(
        self,
        source: Input,
        stall_s: float,
        stop: threading.Event,
        attention: Attention | None = None,
    ) -> None:
        self.rate = 0.0
        """Frames a second as the container says once it is open; 0 where it does not."""
        self.broken = 0
        """Packets that could not be decoded."""
        self._source = source
        self._stall_s = stall_s
        self._stop = stop
        self._attention = attention
        self._gop = Gop()
        self._fault: Exception | None = None
        self._good = 0
        self._heard_s = 0.0

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield every frame from the first to the end of the file; may be called again.

        What is broken in the middle is passed over and counted.

        Raises:
            CameraError: it cannot be opened, has no picture, ends in broken data (what could be
                decoded has been yielded by then), is live and ended, or fell silent.
        """
        if self._stop.is_set():
            return
        with closing(self._open()) as container:
            for packet in self._packets(container):
                for frame in self._frames_of(packet):
                    self._good += 1
                    self._heard_s = time.monotonic()
                    yield frame
        if not self._stop.is_set():
            self._judge_end()

    def packets(self) -> Generator["av.Packet[VideoStream]", None, None]:
        """Yield every packet instead, and decode none; otherwise as `frames`.

        Raises:
            CameraError: as from `frames`.
        """
        if self._stop.is_set():
            return
        with closing(self._open()) as container:
            for packet in self._packets(container):
                if packet.size:
                    self._heard_s = time.monotonic()
                    yield packet
        if not self._stop.is_set():
            self._judge_end()

    def _frames_of(self, packet: "av.Packet[VideoStream]") -> list[av.VideoFrame]:
        if self._attention is None or not packet.size:
            return self._decoded(packet)
        self._gop.add(packet)
        overdue = time.monotonic() - self._heard_s > self._stall_s / 2
        if not (self._attention.every or packet.is_keyframe or overdue):
            return []
        # Those before the last only bring the decoder up to it: the newest frame wins.
        *before, last = [kept for kept, _ in self._gop.due()] or [packet]
        for kept in before:
            self._decoded(kept)
        return self._decoded(last)

    def _open(self) -> InputContainer:
        source = self._source
        if odd := oddity_of(source):
            raise self._error(f"is {odd}, neither a file nor a device; give the path of a video")
        # Only a live input may be slow; SLICE_S bounds a read, the stall deadline an opening.
        timeout = (self._stall_s, SLICE_S) if source.live else None
        try:
            container = av.open(
                source.url, format=source.format, options=options_of(source), timeout=timeout
            )
        except (av.FFmpegError, OSError, ValueError) as fault:
            raise self._error(_refusal(fault, self._cure())) from None
        self._prepare(container)
        return container

    def _prepare(self, container: InputContainer) -> None:
        # FFmpeg draws any text as terminal art, and would call it a film.
        if not container.streams.video or container.format.name == "tty":
            container.close()
            raise self._error(f"has no picture in it; {self._cure()}")
        stream = container.streams.video[0]
        # Each decoding thread holds frames of its own: memory, and delay, for no need.
        stream.codec_context.thread_count = 1
        self.rate = float(stream.average_rate or 0)
        self._good = 0
        self._fault = None
        self._heard_s = time.monotonic()

    def _packets(self, container: InputContainer) -> Iterator["av.Packet[VideoStream]"]:
        packets = container.demux(video=0)
        device = descriptor_of(self._source.device)
        while not self._stop.is_set():
            try:
                packet = next(packets, None) if is_readable(device) else _NOTHING_YET
            except (av.ExitError, av.BlockingIOError):
                packets, packet = container.demux(video=0), _NOTHING_YET
            except (av.FFmpegError, OSError) as fault:
                self._fault = fault
                return
            if packet is None:
                return
            yield packet
            self._judge_silence()

    def _decoded(self, packet: "av.Packet[VideoStream]") -> list[av.VideoFrame]:
        if packet is _NOTHING_YET:
            return []
        try:
            frames = packet.decode()
        except (av.FFmpegError, OSError) as fault:
            self._fault = fault
            self.broken += 1
            return []
        if frames and packet.size:
            # The empty packet at the end only flushes frames from before a broken tail.
            self._fault = None
        return frames

    def _judge_silence(self) -> None:
        if self._source.live and time.monotonic() - self._heard_s > self._stall_s:
            raise self._error(f"gave no frame for {self._stall_s:g} s; {self._cure()}")

    def _judge_end(self) -> None:
        why = f" ({_reason(self._fault)})" if self._fault else ""
        if self._source.live:
            raise self._error(f"ended{why}; {self._cure()}")
        if self._fault:
            raise self._error(f"is broken after frame {self._good}{why}; {self._cure()}")
        if not self._good:
            raise self._error(f"has not one frame that can be decoded; {self._cure()}")

    def _cure(self) -> str:
        if self._source.device:
            return "see that it is plugged in, that no other program has it, and its group (video)"
        if self._source.live:
            return "see that the camera is up, and its path, user and password"
        return "see that the file is there, whole and a video: copy or record it again"

    def _error(self, what: str) -> CameraError:
        return CameraError(f"{self._source.shown}: {what}")


_NOTHING_YET = cast("av.Packet[VideoStream]", av.Packet())


def _refusal(fault: Exception, cure: str) -> str:
    """Return why an input cannot be opened, in a camera's own terms where it answered at all."""
    if isinstance(fault, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return "refuses the user or the password; see the user in its address and password_file"
    if isinstance(fault, av.HTTPNotFoundError):
        return "has no such stream; see the path in its address"
    return f"cannot be opened ({_reason(fault)}); {cure}"


def _reason(fault: Exception | None) -> str:
    # Never str(fault): it ends with the address as it was opened, password and all.
    return getattr(fault, "strerror", None) or type(fault).__name__


def descriptor_of(device: str) -> int | None:
    """Return the descriptor under which this process has ``device`` open, None where it has not.

    A driver that gives no buffer holds VIDIOC_DQBUF for ever, and FFmpeg has no deadline there; so
    `Reader` asks poll(2) first. FFmpeg keeps the descriptor to itself, but /proc tells it.
    """
    if not device:
        return None
    wanted = Path(device).resolve()
    links = Path("/proc/self/fd").iterdir()
    return next((int(link.name) for link in links if link.resolve() == wanted), None)


def is_readable(descriptor: int | None) -> bool:
    """Wait up to `SLICE_S` for ``descriptor`` to have a frame; True at once where there is none."""
    if descriptor is None:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(SLICE_S * 1000))
