"""Stills as a camera: a folder of pictures in the order of their names, or one of them."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import av

from edgeagent.clock import Clock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.frame import Frame, Picture
from edgeagent.sources.timeline import ClipTimes, wait_until
from edgeagent.sources.video_planes import picture_of

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Files of a folder with other endings are passed over."""

log = logging.getLogger(__name__)


class Images:
    """A `Source` of one frame per still, ``config.fps`` a second, each in its own size.

    A still that cannot be decoded counts as a frame dropped, and is named in one warning at the
    end of the folder. Frames own their memory.
    """

    def __init__(self, config: CameraConfig, clock: Clock, pace: bool = True) -> None:
        """Take the arguments of `open_source`; nothing is opened yet."""
        self._config = config
        self._clock = clock
        self._pace = pace
        self._stop = threading.Event()
        self._times = ClipTimes(clock, 1 / config.fps)
        self._seq = 0
        self._broken: list[str] = []
        self._dropped = 0

    @property
    def ends(self) -> bool:
        """See `Source.ends`."""
        return not self._config.loop

    @property
    def dropped(self) -> int:
        """See `Source.dropped`: the stills that could not be decoded, each time round."""
        return self._dropped

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`.

        Raises:
            CameraError: there is no such folder, no still in it, or not one can be decoded.
        """
        first = True
        while not self._stop.is_set() and (first or self._config.loop):
            paths = self._paths()
            for path in paths:
                yield from self._frame(path)
            self._report(len(paths), aloud=first)
            first = False

    def close(self) -> None:
        """See `Source.close`."""
        self._stop.set()

    def _paths(self) -> list[Path]:
        root = Path(self._config.address)
        if root.is_file():
            return [root]
        try:
            found = sorted(p for p in root.iterdir() if p.suffix.lower() in SUFFIXES)
        except OSError as fault:
            raise self._error(f"cannot be read ({fault.strerror}); name a folder") from None
        if not found:
            raise self._error(f"has no still in it; it takes {' '.join(sorted(SUFFIXES))}")
        return found

    def _frame(self, path: Path) -> Iterator[Frame]:
        if self._stop.is_set():
            return
        mono_s, wall_ms = self._times.at(None)
        picture = self._decoded(path)
        if self._pace:
            wait_until(mono_s, self._clock, self._stop)
        if picture is not None and not self._stop.is_set():
            yield Frame(picture.y, picture, self._seq, mono_s, wall_ms)
        self._seq += 1

    def _decoded(self, path: Path) -> Picture | None:
        try:
            # By its bytes: FFmpeg would take a % or a : in a name for a pattern or a protocol.
            with path.open("rb") as file, av.open(file, "r") as container:
                return picture_of(next(container.decode(video=0)))
        except (av.FFmpegError, OSError, StopIteration, IndexError, ValueError):
            self._broken.append(path.name)
            self._dropped += 1
            return None

    def _report(self, stills: int, aloud: bool) -> None:
        broken, self._broken = self._broken, []
        if not broken or self._stop.is_set():
            return
        if len(broken) == stills:
            raise self._error(f"not one of {stills} stills can be decoded, nor {broken[0]}")
        if aloud:
            where = self._config.name, self._config.address
            log.warning(
                "camera %s: %s: %d of %d stills cannot be decoded, first %s",
                *where, len(broken), stills, broken[0],
            )  # fmt: skip

    def _error(self, what: str) -> CameraError:
        address = self._config.address or "(no address)"
        return CameraError(f"camera {self._config.name}: {address}: {what}")
