"""A camera's main stream beside its small one: kept as packets, decoded when a look wants it."""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import av
from msgspec import structs

from edgeagent.clock import Clock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.findings import Notice
from edgeagent.frame import Detail, Frame
from edgeagent.sources import Source
from edgeagent.sources.gop import Gop
from edgeagent.sources.timeline import LiveTimes
from edgeagent.sources.video_address import input_of
from edgeagent.sources.video_input import Reader
from edgeagent.sources.video_planes import picture_of

if TYPE_CHECKING:
    from av import Packet
    from av.video.stream import VideoStream

STALE_S = 1.0
"""A picture further than this from the moment asked for does not show that moment."""

FIRST_S, LONGEST_S = 1.0, 60.0
"""Bounds of the first and the longest wait before a lost main stream is opened again."""

JOIN_S = 2.0
"""How long `MainStream.close` waits for its thread."""

log = logging.getLogger(__name__)


class MainStream:
    """Reads the stream at ``config.detail`` in a thread of its own and decodes none of it.

    `at` decodes, in the thread that asks: from the last keyframe the first time, from where it
    stopped the next. A stream that is lost is opened again; until then there is no detail, and
    the camera goes on without.
    """

    def __init__(
        self, config: CameraConfig, clock: Clock, password: str, tell: Callable[[Notice], None]
    ) -> None:
        """Prepare; `start` opens it. ``tell`` hears of ``lost`` and ``back`` in its thread."""
        self._name = config.name
        self._clock = clock
        self._tell = tell
        self._stop = threading.Event()
        source = input_of(structs.replace(config, address=config.detail), password)
        self._reader = Reader(source, config.stall_s, self._stop)
        self._lock = threading.Lock()
        self._gop = Gop()
        self._last: Detail | None = None
        self._last_s = 0.0
        self._lost = False
        self._failures = 0
        self._thread = threading.Thread(
            target=self._run, name=f"camera-{config.name}-detail", daemon=True
        )

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Let the stream go. Safe twice and from another thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def at(self, mono_s: float) -> Detail | None:
        """Return the first picture taken at ``mono_s`` or later, or the newest where none is.

        None when the stream has nothing within `STALE_S` of it. For one thread.
        """
        with self._lock:
            due = self._gop.due(mono_s)
        for packet, taken_s in due:
            self._decode(packet, taken_s)
        later_s = self._last_s - mono_s
        if self._last is None or abs(later_s) > STALE_S:
            return None
        return replace(self._last, later_s=later_s)

    def _decode(self, packet: "Packet[VideoStream]", taken_s: float) -> None:
        decoder = packet.stream.codec_context
        if packet.is_keyframe:
            decoder.flush_buffers()
        try:
            frames = decoder.decode(packet)
        except av.FFmpegError:
            # One torn packet: what follows is no worse than what any player would show.
            return
        for frame in frames:
            behind = (packet.pts or 0) - (frame.pts or 0)
            self._last_s = taken_s - float(behind * packet.time_base)
            self._last = Detail(picture_of(frame), 0.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except CameraError as fault:
                self._fail(fault)
            with self._lock:
                self._gop.clear()
            bound_s = min(LONGEST_S, FIRST_S * 2 ** min(self._failures, 16))
            self._stop.wait(random.uniform(0, bound_s))  # noqa: S311  spreads load, hides nothing

    def _follow(self) -> None:
        times = LiveTimes(self._clock)
        with closing(self._reader.packets()) as packets:
            for packet in packets:
                stamp = None if packet.pts is None else float(packet.pts * packet.time_base)
                with self._lock:
                    self._gop.add(packet, times.at(stamp)[0])
                self._welcome()

    def _welcome(self) -> None:
        self._failures = 0
        if self._lost:
            self._lost = False
            self._tell(Notice("detail", "back", "the main stream again", self._name))

    def _fail(self, fault: CameraError) -> None:
        self._failures += 1
        if self._lost or self._stop.is_set():
            log.debug("camera %s: main stream still lost: %s", self._name, fault)
            return
        self._lost = True
        self._tell(Notice("detail", "lost", str(fault), self._name))


class Detailed:
    """A `Source` of another's frames, each of which can also be seen in the main stream."""

    def __init__(self, source: Source, main: MainStream) -> None:
        self._source = source
        self._main = main

    @property
    def ends(self) -> bool:
        """See `Source.ends`."""
        return self._source.ends

    @property
    def dropped(self) -> int:
        """See `Source.dropped`: of the small stream; the main one is not asked for all."""
        return self._source.dropped

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`."""
        frames = self._source.frames()
        self._main.start()
        try:
            for frame in frames:
                yield replace(frame, detail=partial(self._main.at, frame.mono_s))
        finally:
            self.close()

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()
        self._main.close()
