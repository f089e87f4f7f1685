"""What a V4L2 device has, by its ioctls, and which of it to ask for."""

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Ioctl = Callable[[int, int, bytearray], int]
"""`fcntl.ioctl` of a descriptor, a request and a buffer that is written in place."""

FMTDESC = struct.Struct("=3I32s5I")
"""struct v4l2_fmtdesc of linux/videodev2.h: index, type, flags, description, fourcc, mbus, 3."""

FRMSIZEENUM = struct.Struct("=3I6I2I")
"""struct v4l2_frmsizeenum: index, fourcc, type, a union of six, 2 reserved."""

CAPTURE = 1
"""V4L2_BUF_TYPE_VIDEO_CAPTURE."""
DISCRETE = 1
"""V4L2_FRMSIZE_TYPE_DISCRETE; the others give a least, a most and a step."""


def request(number: int, layout: struct.Struct) -> int:
    """Return _IOWR('V', number, layout) of asm-generic/ioctl.h, as on x86 and ARM."""
    return 3 << 30 | layout.size << 16 | ord("V") << 8 | number


ENUM_FMT = request(2, FMTDESC)
ENUM_FRAMESIZES = request(74, FRMSIZEENUM)

NAMES = {"MJPG": "mjpeg", "JPEG": "mjpeg", "YUYV": "yuyv422", "UYVY": "uyvy422",
         "YU12": "yuv420p", "NV12": "nv12", "GREY": "gray"}  # fmt: skip
"""Fourcc to what FFmpeg's demuxer calls it as ``input_format``; formats not here are not asked
for."""

SMALL_PX = 640 * 480
"""Up to here pictures come bare, which costs nothing to decode. Above, USB 2 has no room for them
at a useful rate (1280x720 YUYV at 10 frames/s is 18 MB/s, half of it at 24 is all there is), and
they come as JPEG."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One format in one size."""

    format: str
    """FFmpeg's name."""
    width: int
    height: int


def modes(descriptor: int, width: int, height: int, ioctl: Ioctl | None = None) -> list[Mode]:
    """Return what the open device ``descriptor`` has; [] where it does not say.

    Args:
        descriptor: of a device that captures.
        width: asked for; of a range of sizes the nearest is returned.
        height: likewise.
        ioctl: instead of `fcntl.ioctl`.

    Raises:
        OSError: the device is gone.
    """
    call = ioctl or _ioctl
    found = []
    for fourcc in _fourccs(descriptor, call):
        name = NAMES.get(struct.pack("<I", fourcc).decode("latin-1"))
        if name:
            sizes = _sizes(descriptor, fourcc, (width, height), call)
            found += [Mode(name, *size) for size in sizes]
    return found


def _ioctl(descriptor: int, number: int, buffer: bytearray) -> int:
    return int(fcntl.ioctl(descriptor, number, buffer))


def _fourccs(descriptor: int, call: Ioctl) -> Iterator[int]:
    for fields in _enumerated(descriptor, ENUM_FMT, FMTDESC, CAPTURE, call):
        yield fields[4]


def _sizes(
    descriptor: int, fourcc: int, wanted: tuple[int, int], call: Ioctl
) -> Iterator[tuple[int, int]]:
    for fields in _enumerated(descriptor, ENUM_FRAMESIZES, FRMSIZEENUM, fourcc, call):
        if fields[2] == DISCRETE:
            yield fields[3], fields[4]
        else:
            yield _stepped(wanted[0], *fields[3:6]), _stepped(wanted[1], *fields[6:9])


def _stepped(wanted: int, least: int, most: int, step: int) -> int:
    inside = min(max(wanted, least), most)
    return least + (inside - least) // max(step, 1) * max(step, 1)


def _enumerated(
    descriptor: int, number: int, layout: struct.Struct, second: int, call: Ioctl
) -> Iterator[tuple[int, ...]]:
    """Yield entry after entry until the device says EINVAL: there are no more."""
    for index in range(256):
        buffer = bytearray(layout.size)
        struct.pack_into("=2I", buffer, 0, index, second)
        try:
            call(descriptor, number, buffer)
        except OSError as fault:
            if fault.errno in (errno.EINVAL, errno.ENOTTY):
                return
            raise
        yield layout.unpack(buffer)


def choose(found: list[Mode], width: int, height: int) -> Mode | None:
    """Return the mode nearest to ``width`` x ``height``; None where there is none.

    The nearest size counts first, one that is not smaller before one that is; then bare pictures
    up to `SMALL_PX` and JPEG above.
    """

    def rank(mode: Mode) -> tuple[bool, int, bool]:
        smaller = mode.width < width or mode.height < height
        off_px = abs(mode.width * mode.height - width * height)
        is_jpeg = mode.format == "mjpeg"
        return smaller, off_px, is_jpeg != (mode.width * mode.height > SMALL_PX)

    return min(found, key=rank, default=None)


def negotiated(device: str, width: int, height: int) -> Mode | None:
    """Return what to ask ``device`` for; None where it does not say or cannot be opened."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None  # whoever opens it next says why
    try:
        return choose(modes(descriptor, width, height), width, height)
    except OSError:
        return None
    finally:
        os.close(descriptor)
