"""Where frames come from: one protocol, four kinds of camera, and one door to them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from edgeagent.attention import Attention
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig
from edgeagent.errors import ConfigError
from edgeagent.findings import Notice
from edgeagent.frame import Frame


class Source(Protocol):
    """A camera, or anything that can stand in for one. Made lazily: nothing opens until `frames`.

    A gap in `Frame.seq` is a frame that was given and not yielded, and `dropped` is the sum of
    the gaps. Frames faster than ``config.fps`` were not asked for: they take no number.
    """

    @property
    def ends(self) -> bool:
        """Whether the frames come to an end by themselves, as a file's do and a camera's do not."""
        ...

    @property
    def dropped(self) -> int:
        """How many frames the camera gave that were not yielded: came late, or were broken."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Open the camera and yield its frames, in order, until it ends or `close` is called.

        To be iterated once, in one thread. Whoever leaves it early drops the iterator, which
        lets the camera go. After `close` it yields nothing.

        Raises:
            CameraError: the camera cannot be opened or decoded, or gave nothing for
                ``config.stall_s``.
            CameraSpentError: and only a new process may try again.
        """
        ...

    def close(self) -> None:
        """End `frames` within 2 s and let the camera go. Safe twice and from another thread."""
        ...


def nobody(notice: Notice) -> None:
    """Hear ``notice`` and keep it."""


@dataclass(frozen=True, slots=True)
class _Ties:
    """What ties a camera to the agent it is opened for: the last three of `open_source`."""

    password: str = field(repr=False)
    attention: Attention | None
    tell: Callable[[Notice], None]


def open_source(
    config: CameraConfig,
    clock: Clock,
    pace: bool = True,
    password: str = "",
    attention: Attention | None = None,
    tell: Callable[[Notice], None] = nobody,
) -> Source:
    """Return the camera that ``config`` names, importing only its own module.

    Args:
        config: one ``[[camera]]`` table, already checked.
        clock: stamps the frames.
        pace: True as a daemon wants it: in real time, the newest frame wins, what comes late is
            dropped and counted. False as a replay wants it: every frame of a file or folder,
            flat out, whatever ``config.fps`` says, stamped with the file's own times counted
            from ``clock``'s now, so that two replays are equal.
        password: goes into an address that has a user's name; it appears in no message.
        attention: says whether every frame is wanted now, for a camera whose ``idle`` is
            "keyframes"; None: always.
        tell: hears, in any thread, of a main stream (``detail``) that is lost or back.

    Raises:
        ConfigError: there is no such kind of camera.
    """
    kind = _KINDS.get(config.source)
    if kind is None:
        known = ", ".join(_KINDS)
        raise ConfigError([f"camera.{config.name}.source: {config.source!r} is not one of {known}"])
    return kind(config, clock, pace, _Ties(password, attention, tell))


def _video(config: CameraConfig, clock: Clock, pace: bool, ties: _Ties) -> Source:
    from edgeagent.sources.video import Video

    video = Video(config, clock, pace, ties.password, ties.attention)
    if not pace:
        return video
    newest = _newest(video, config, belt=video.live)
    return _detailed(newest, config, clock, ties) if config.detail else newest


def _detailed(source: Source, config: CameraConfig, clock: Clock, ties: _Ties) -> Source:
    from edgeagent.sources.detail import Detailed, MainStream

    return Detailed(source, MainStream(config, clock, ties.password, ties.tell))


def _images(config: CameraConfig, clock: Clock, pace: bool, _ties: _Ties) -> Source:
    from edgeagent.sources.images import Images

    images = Images(config, clock, pace)
    return _newest(images, config) if pace else images


def _synthetic(config: CameraConfig, clock: Clock, pace: bool, _ties: _Ties) -> Source:
    from edgeagent.sources.synthetic import Synthetic

    synthetic = Synthetic(config, clock, pace)
    return _newest(synthetic, config) if pace else synthetic


def _picamera(config: CameraConfig, clock: Clock, _pace: bool, _ties: _Ties) -> Source:
    from edgeagent.sources.picamera import PiCamera

    # Its frames lie in the camera's few buffers, and its own queue keeps the newest only.
    return PiCamera(config, clock)


def _newest(source: Source, config: CameraConfig, belt: bool = False) -> Source:
    from edgeagent.sources.latest import Latest

    # A clip may rightly be silent for longer than a camera: only a camera wears the belt.
    return Latest(source, config.name, max(config.stall_s, 2 / config.fps) if belt else None)


_KINDS: dict[str, Callable[[CameraConfig, Clock, bool, _Ties], Source]] = {
    "video": _video,
    "picamera": _picamera,
    "images": _images,
    "synthetic": _synthetic,
}
