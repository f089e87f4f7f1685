"""Video by PyAV: a file, an RTSP or other network stream, a V4L2 camera."""

import threading
from collections.abc import Iterator

from av import VideoFrame

from edgeagent.attention import Attention
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig
from edgeagent.frame import Frame, Picture
from edgeagent.sources.timeline import ClipTimes, LiveTimes, Thinning, wait_until
from edgeagent.sources.video_address import input_of
from edgeagent.sources.video_input import Reader
from edgeagent.sources.video_planes import picture_of


class Video:
    """A `Source` whose frames each own their memory: kept longer than promised, they stay valid.

    A packet that cannot be decoded counts as one frame dropped. ``config.width`` and ``height``
    are asked of a V4L2 device only; what else there is comes in its own size.
    """

    def __init__(
        self,
        config: CameraConfig,
        clock: Clock,
        pace: bool = True,
        password: str = "",
        attention: Attention | None = None,
    ) -> None:
        """Take the arguments of `open_source`; nothing is opened yet."""
        source = input_of(config, password)
        self.live = source.live
        """A stream or a device, which never ends; else a file."""
        self.thinned = 0
        """Frames above ``config.fps``: given, not asked for, in no other count."""
        self._config = config
        self._clock = clock
        self._pace = pace
        self._stop = threading.Event()
        rests = pace and source.live and config.idle == "keyframes"
        self._reader = Reader(source, config.stall_s, self._stop, attention if rests else None)
        self._thinning = Thinning(config.fps)
        self._times: ClipTimes | LiveTimes = LiveTimes(clock)
        self._yielded = 0

    @property
    def ends(self) -> bool:
        """See `Source.ends`."""
        return not (self.live or self._config.loop)

    @property
    def dropped(self) -> int:
        """See `Source.dropped`."""
        return self._reader.broken

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`. A clip set to ``loop`` goes on in time where it ended."""
        first = True
        while first or (self._config.loop and not self._stop.is_set()):
            yield from self._lap(first)
            first = False

    def close(self) -> None:
        """See `Source.close`."""
        self._stop.set()

    def _lap(self, first: bool) -> Iterator[Frame]:
        for given in self._reader.frames():
            if first:
                self._set_times()
                first = False
            frame = self._frame(given)
            if frame is not None:
                yield frame
        if isinstance(self._times, ClipTimes):
            self._times.restart()

    def _set_times(self) -> None:
        if not self.live:
            rate = self._reader.rate or self._config.fps
            self._times = ClipTimes(self._clock, 1 / rate)

    def _frame(self, given: VideoFrame) -> Frame | None:
        mono_s, wall_ms = self._times.at(given.time)
        if self._pace and not self._thinning.admits(mono_s):
            self.thinned += 1
            return None
        if self._pace and not self.live:
            wait_until(mono_s, self._clock, self._stop)
        if self._stop.is_set():
            return None
        return self._numbered(picture_of(given), mono_s, wall_ms)

    def _numbered(self, picture: Picture, mono_s: float, wall_ms: int) -> Frame:
        seq = self._yielded + self._reader.broken
        self._yielded += 1
        return Frame(picture.y, picture, seq, mono_s, wall_ms)
