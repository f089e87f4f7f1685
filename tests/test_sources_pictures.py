"""Any picture: whatever a clip holds comes out upright, whole and in time, or is a clear error."""

import re
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.frame import Frame
from edgeagent.sources import open_source

TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""Degrees with the clock, and a, b, c, d of the matrix in a track's header: ISO/IEC 14496-12,
8.3.2."""


EVEN = ("libx264", "rawvideo")
"""Encoders that take no odd size."""


def corner(width: int, height: int) -> NDArray[np.uint8]:
    """Return a dark picture whose top left quarter is bright red."""
    image = np.full((height, width, 3), 20, np.uint8)
    image[: height // 2, : width // 2] = (250, 40, 40)
    return image


def write(
    path: Path,
    images: list[NDArray[np.uint8]],
    codec: str = "ffv1",
    pixels: str = "yuv420p",
    fps: int = 10,
    **options: str,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        for at, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = at, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def seen(path: Path) -> list[Frame]:
    config = CameraConfig(name="yard", address=str(path))
    return list(open_source(config, ManualClock(), pace=False).frames())


def brightest(frame: Frame) -> tuple[bool, bool]:
    """Return whether the bright quarter is at the bottom, and at the right."""
    rows, columns = np.nonzero(frame.luma > 60)
    height, width = frame.luma.shape
    return bool(rows.mean() > height / 2), bool(columns.mean() > width / 2)


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        ("ffv1", "yuv420p"),
        ("mjpeg", "yuvj420p"),
        ("mjpeg", "yuvj444p"),
        ("ffv1", "yuv422p"),
        ("ffv1", "yuv444p"),
        ("rawvideo", "nv12"),
        ("rawvideo", "yuyv422"),
        ("ffv1", "gray"),
        ("ffv1", "gray10le"),
        ("rawvideo", "rgb24"),
        ("ffv1", "yuv420p10le"),
        ("ffv1", "yuv422p10le"),
        ("libx264", "yuv420p10le"),
    ],
)
@pytest.mark.parametrize("size", [(96, 64), (97, 65)])
def test_every_pixel_format_in_every_size_is_seen(
    codec: str, pixels: str, size: tuple[int, int], tmp_path: Path
) -> None:
    if codec in EVEN:
        size = size[0] & ~1, size[1] & ~1
    suffix = "avi" if codec == "rawvideo" else "mkv"
    path = tmp_path / f"clip.{suffix}"
    if (codec, pixels) == ("rawvideo", "nv12"):
        path = path.with_suffix(".nut")
    frames = seen(write(path, [corner(*size)] * 3, codec, pixels))
    assert len(frames) == 3
    assert frames[0].picture.size_px == size
    assert frames[0].luma.shape == (size[1], size[0])
    assert brightest(frames[0]) == (False, False)
    assert (frames[0].picture.u is None) == pixels.startswith("gray")


@pytest.mark.parametrize("degrees", TURNS)
def test_a_clip_that_says_it_is_turned_is_turned_in_luma_and_colour(
    degrees: int, tmp_path: Path
) -> None:
    path = turn(write(tmp_path / "clip.mp4", [corner(96, 64)] * 2, "libx264"), degrees)
    frame = seen(path)[0]
    assert frame.picture.size_px == ((64, 96) if degrees in (90, 270) else (96, 64))
    where = {0: (False, False), 90: (False, True), 180: (True, True), 270: (True, False)}
    assert brightest(frame) == where[degrees]
    red, luma = frame.picture.v, frame.picture.y
    assert red is not None
    assert red.shape == (luma.shape[0] // 2, luma.shape[1] // 2)
    assert red.strides[1] == luma.strides[1] == 1
    assert ((red > 160) == (luma[::2, ::2] > 60)).mean() > 0.95


def turn(path: Path, degrees: int) -> Path:
    """Write another matrix into the header of the track."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = TURNS[degrees]
    whole = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    assert struct.unpack_from(">9i", data, at)[::4] == (1 << 16, 1 << 16, 1 << 30)
    struct.pack_into(">9i", data, at, *whole)
    path.write_bytes(data)
    return path


def test_a_stream_whose_size_changes_in_its_middle_goes_on_in_the_new_size(tmp_path: Path) -> None:
    parts = [(96, 64), (160, 120), (64, 96)]
    path = tmp_path / "clip.h264"
    with path.open("wb") as whole:
        for number, size in enumerate(parts):
            part = write(tmp_path / f"{number}.h264", [corner(*size)] * 5, "libx264")
            whole.write(part.read_bytes())
    frames = seen(path)
    assert [frame.picture.size_px for frame in frames] == [s for s in parts for _ in range(5)]
    assert all(frame.luma.shape == frame.picture.y.shape for frame in frames)
    assert {brightest(frame) for frame in frames} == {(False, False)}
    times = [frame.mono_s for frame in frames]
    assert times == sorted(set(times))


@pytest.mark.parametrize("size", [(160, 120), (1280, 720), (3840, 2160)])
def test_from_160x120_to_4k(size: tuple[int, int], tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", [corner(*size)] * 2, "libx264", preset="ultrafast")
    frames = seen(path)
    assert [frame.picture.size_px for frame in frames] == [size] * 2
    assert brightest(frames[-1]) == (False, False)


@pytest.mark.parametrize("fps", [1, 7, 25, 60])
def test_from_1_to_60_frames_a_second(fps: int, tmp_path: Path) -> None:
    frames = seen(write(tmp_path / "clip.mp4", [corner(96, 64)] * 5, "libx264", fps=fps))
    times = [frame.mono_s - frames[0].mono_s for frame in frames]
    assert times == pytest.approx([at / fps for at in range(5)], abs=2e-3)


def test_an_interlaced_clip_gives_whole_frames_both_fields_woven(tmp_path: Path) -> None:
    options = {"flags": "+ildct+ilme", "g": "5"}
    path = write(tmp_path / "clip.ts", [corner(96, 64)] * 8, "mpeg2video", fps=25, **options)
    frames = seen(path)
    assert len(frames) == 8
    assert frames[0].luma.shape == (64, 96)
    assert brightest(frames[3]) == (False, False)


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.mp4", "libx264"), ("clip.ts", "libx264"), ("clip.mkv", "ffv1")]
)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_clip_cut_off_anywhere_gives_what_it_has_or_a_clear_error(
    name: str, codec: str, share: float, tmp_path: Path
) -> None:
    noise = np.random.default_rng(1)
    images = [noise.integers(0, 255, (64, 96, 3)).astype(np.uint8) for _ in range(20)]
    path = write(tmp_path / name, images, codec)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    config = CameraConfig(name="yard", address=str(path))
    frames, fault = 0, ""
    try:
        for _ in open_source(config, ManualClock(), pace=False).frames():
            frames += 1
    except CameraError as error:
        fault = str(error)
    assert frames >= 1 or fault
    if fault:
        pattern = re.escape(f"camera yard: {path}: ") + ".*copy or record it again"
        assert re.match(pattern, fault)
