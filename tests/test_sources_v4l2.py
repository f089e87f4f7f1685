"""What a V4L2 device is asked, in the layout of the kernel's own header, by an ioctl of ours."""

import errno
import re
import struct
from pathlib import Path

import pytest

from edgeagent.config import CameraConfig
from edgeagent.sources import v4l2
from edgeagent.sources.v4l2 import Mode, choose, modes, negotiated
from edgeagent.sources.video_address import input_of, options_of

HEADER = Path("/usr/include/linux/videodev2.h")
WEBCAM = {
    b"YUYV": [(640, 480), (1280, 720), (320, 240)],
    b"MJPG": [(640, 480), (1280, 720), (1920, 1080)],
    b"H264": [(1920, 1080)],
}


class Device:
    """Answers as uvcvideo does; ``stepped`` as a driver with a range of sizes."""

    def __init__(self, formats: dict[bytes, list[tuple[int, int]]], stepped: bool = False) -> None:
        self.formats = formats
        self.stepped = stepped
        self.gone = False

    def ioctl(self, descriptor: int, number: int, buffer: bytearray) -> int:
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")
        index, second = struct.unpack_from("=2I", buffer)
        if number == v4l2.ENUM_FMT and index < len(self.formats):
            assert second == v4l2.CAPTURE
            buffer[44:48] = list(self.formats)[index]
            return 0
        sizes = self.formats.get(struct.pack("=I", second), [])
        if number == v4l2.ENUM_FRAMESIZES and self.stepped and index == 0:
            struct.pack_into("=7I", buffer, 8, 3, 32, 2592, 16, 32, 1944, 8)
            return 0
        if number == v4l2.ENUM_FRAMESIZES and not self.stepped and index < len(sizes):
            struct.pack_into("=3I", buffer, 8, 1, *sizes[index])
            return 0
        raise OSError(errno.EINVAL, "Invalid argument")


def test_the_requests_are_those_of_the_kernel() -> None:
    # What a C program prints for VIDIOC_ENUM_FMT and VIDIOC_ENUM_FRAMESIZES.
    assert (v4l2.FMTDESC.size, v4l2.FRMSIZEENUM.size) == (64, 44)
    assert v4l2.ENUM_FMT == 0xC0405602
    assert v4l2.ENUM_FRAMESIZES == 0xC02C564A


@pytest.mark.parametrize("fourcc", sorted(v4l2.NAMES))
def test_every_format_asked_for_is_in_the_kernels_header(fourcc: str) -> None:
    if not HEADER.exists():
        pytest.skip("needs linux/videodev2.h")
    letters = ", ".join(f"'{letter}'" for letter in fourcc)
    assert re.search(rf"V4L2_PIX_FMT_\w+\s+v4l2_fourcc\({letters}\)", HEADER.read_text())


def test_all_that_a_webcam_has_and_we_can_use_is_found() -> None:
    found = modes(0, 1280, 720, Device(WEBCAM).ioctl)
    assert found[:2] == [Mode("yuyv422", 640, 480), Mode("yuyv422", 1280, 720)]
    assert {mode.format for mode in found} == {"yuyv422", "mjpeg"}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((640, 480), Mode("yuyv422", 640, 480)),
        ((1280, 720), Mode("mjpeg", 1280, 720)),
        ((1600, 900), Mode("mjpeg", 1920, 1080)),
        ((300, 200), Mode("yuyv422", 320, 240)),
        ((3840, 2160), Mode("mjpeg", 1920, 1080)),
    ],
)
def test_the_nearest_size_comes_bare_where_small_and_as_jpeg_where_large(
    asked: tuple[int, int], given: Mode
) -> None:
    assert choose(modes(0, *asked, Device(WEBCAM).ioctl), *asked) == given


def test_of_a_range_of_sizes_the_one_on_its_step_is_taken() -> None:
    found = modes(0, 1285, 725, Device({b"YU12": []}, stepped=True).ioctl)
    assert found == [Mode("yuv420p", 1280, 720)]


def test_a_device_that_says_nothing_is_asked_for_what_the_settings_name() -> None:
    assert choose([], 640, 480) is None
    assert negotiated("/dev/null", 640, 480) is None
    assert negotiated("/dev/video63", 640, 480) is None
    config = CameraConfig(address="/dev/video63", width=640, height=480, fps=12.5)
    assert options_of(input_of(config)) == {"video_size": "640x480", "framerate": "12.5"}


def test_a_device_that_is_gone_is_an_error_and_no_empty_list() -> None:
    device = Device(WEBCAM)
    device.gone = True
    with pytest.raises(OSError, match="No such device"):
        modes(0, 640, 480, device.ioctl)
