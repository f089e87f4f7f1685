"""Folders of stills, good and bad."""

import logging
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.sources.images import Images


def write_still(path: Path, luma: int, size: tuple[int, int] = (64, 48)) -> None:
    codec = {".jpg": "mjpeg", ".png": "png", ".bmp": "bmp"}[path.suffix]
    pixels = {"mjpeg": "yuvj420p", "png": "rgb24", "bmp": "bgr24"}[codec]
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt = pixels
    context.framerate = 1  # type: ignore[assignment]
    grey = np.full((size[1], size[0], 3), luma, np.uint8)
    frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=pixels)
    frame.pts = 0
    packets = [*context.encode(frame), *context.encode(None)]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))


def images(address: Path, **settings: object) -> Images:
    config = CameraConfig(name="lab", source="images", address=str(address), **settings)  # type: ignore[arg-type]
    return Images(config, ManualClock(), pace=False)


def test_stills_come_in_the_order_of_their_names_each_in_its_size(tmp_path: Path) -> None:
    write_still(tmp_path / "c.jpg", 200)
    write_still(tmp_path / "a.png", 40, (33, 21))
    write_still(tmp_path / "b%d.bmp", 120)
    (tmp_path / "notes.txt").write_text("not a picture")
    source = images(tmp_path, fps=4.0)
    frames = list(source.frames())
    lumas = [float(np.median(frame.luma)) for frame in frames]
    assert lumas == pytest.approx([40, 120, 200], abs=2)
    assert [frame.picture.size_px for frame in frames] == [(33, 21), (64, 48), (64, 48)]
    assert [frame.mono_s for frame in frames] == pytest.approx([1000.0, 1000.25, 1000.5])
    assert source.ends
    assert source.dropped == 0


def test_one_still_may_be_named_and_looped(tmp_path: Path) -> None:
    write_still(tmp_path / "a.jpg", 90)
    source = images(tmp_path / "a.jpg", loop=True)
    frames = list(islice(source.frames(), 5))
    assert not source.ends
    assert [frame.seq for frame in frames] == [0, 1, 2, 3, 4]
    assert float(frames[4].luma.mean()) == pytest.approx(90, abs=2)


def test_a_broken_still_is_passed_over_counted_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.jpg", "c.jpg"):
        write_still(tmp_path / name, 90)
    (tmp_path / "b.jpg").write_bytes(b"no jpeg at all")
    source = images(tmp_path, loop=True)
    with caplog.at_level(logging.WARNING):
        seqs = [frame.seq for frame in islice(source.frames(), 6)]
    assert seqs == [0, 2, 3, 5, 6, 8]
    assert source.dropped == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"camera lab: {tmp_path}: 1 of 3 stills cannot be decoded, first b.jpg"
    ]


def test_a_folder_of_nothing_but_broken_stills_is_a_camera_error(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(CameraError, match="not one of 2 stills can be decoded"):
        list(images(tmp_path).frames())


def test_a_folder_that_is_empty_or_missing_is_a_camera_error(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"has no still in it; it takes \.bmp"):
        list(images(tmp_path).frames())
    with pytest.raises(CameraError, match=r"gone: cannot be read \(No such file"):
        list(images(tmp_path / "gone").frames())
