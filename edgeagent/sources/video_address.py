"""What a video address means: a file, a stream or a device, and what is asked of it."""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from edgeagent.config import CameraConfig
from edgeagent.sources.v4l2 import negotiated


@dataclass(frozen=True, slots=True)
class Input:
    """An address as FFmpeg wants it."""

    shown: str
    """How messages call it: with the camera's name, without a password."""
    url: str = field(repr=False)
    format: str | None = None
    """Name of the demuxer; None: FFmpeg finds it out."""
    options: dict[str, str] = field(default_factory=dict)
    live: bool = False
    """A stream or a device: it never ends, and nobody can wait for it at leisure."""
    device: str = ""
    """Path of the V4L2 device, "" for anything else."""
    file: str = ""
    """Path of the file, "" for anything else."""


def input_of(config: CameraConfig, password: str = "") -> Input:
    """Return what ``config.address`` names: a stream, a V4L2 device or a file."""
    address = config.address
    shown = f"camera {config.name}: {address or '(no address)'}"
    if "://" in address:
        return Input(shown, _with_password(address, password), None, _stream_options(config), True)
    if address.startswith("/dev/"):
        return Input(shown, address, "v4l2", _device_options(config), True, address)
    # The prefix keeps FFmpeg from taking a colon in the file's name for a protocol.
    return Input(shown, f"file:{address}", file=address)


def oddity_of(source: Input) -> str:
    """Return what a file or device is instead of one, "" where it is one or is not there at all.

    A pipe is opened when somebody writes into it, which may be never, and FFmpeg waits for that.
    """
    path = source.device or source.file
    try:
        mode = Path(path).stat().st_mode if path else 0
    except (OSError, ValueError):
        return ""
    return _ODD.get(stat.S_IFMT(mode), "")


_ODD = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def _with_password(address: str, password: str) -> str:
    parts = urlsplit(address)
    if not password or not parts.hostname:
        return address
    user, _, host = parts.netloc.rpartition("@")
    secret = f"{user}:{quote(password, safe='')}@{host}"
    return parts._replace(netloc=secret).geturl()


def _stream_options(config: CameraConfig) -> dict[str, str]:
    if not config.address.startswith(("rtsp://", "rtsps://")):
        return {"fflags": "nobuffer"}
    return {
        "rtsp_transport": "tcp",  # over UDP a lost packet is a torn picture
        "allowed_media_types": "video",
        "fflags": "nobuffer",
        # The description names codec and size; to find out the rate as well, FFmpeg would look at
        # a camera of 5 frames a second for 8 s instead of 1.4.
        "analyzeduration": "200000",
        "fpsprobesize": "0",
        "timeout": str(round(config.stall_s * 1e6)),  # of the socket, in microseconds
    }


def _device_options(config: CameraConfig) -> dict[str, str]:
    return {"video_size": f"{config.width}x{config.height}", "framerate": f"{config.fps:g}"}


def options_of(source: Input) -> dict[str, str]:
    """Return what to ask of ``source`` now; of a device the nearest that it says it has."""
    asked = dict(source.options)
    if not source.device:
        return asked
    width, height = map(int, asked["video_size"].split("x"))
    mode = negotiated(source.device, width, height)
    if mode is not None:
        asked |= {"video_size": f"{mode.width}x{mode.height}", "input_format": mode.format}
    return asked
