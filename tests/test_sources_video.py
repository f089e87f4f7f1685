"""Clips: flat out and in time, whole and broken."""

import os
import socket
import threading
import time
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from edgeagent.clock import ManualClock, SystemClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.sources import Source, open_source
from edgeagent.sources.video import Video
from edgeagent.sources.video_address import input_of, oddity_of
from edgeagent.sources.video_input import descriptor_of, is_readable

Writer = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def write(
        name: str = "clip.avi", frames: int = 20, fps: int = 10, codec: str = "mpeg4"
    ) -> Path:
        path = tmp_path / name
        noise = np.random.default_rng(1)
        with av.open(str(path), "w") as container:
            stream = cast(VideoStream, container.add_stream(codec, rate=fps))
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.gop_size = 1 if codec == "ffv1" else 12
            for at in range(frames):
                image = noise.integers(0, 40, (64, 96, 3)).astype(np.uint8) + np.uint8(at * 5)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write


def clip(path: Path, pace: bool = False, **settings: object) -> Source:
    config = CameraConfig(name="yard", address=str(path), **settings)  # type: ignore[arg-type]
    return open_source(config, SystemClock() if pace else ManualClock(), pace)


def test_flat_out_yields_every_frame_whatever_fps_is_set_to(write: Writer) -> None:
    source = clip(write(frames=20), fps=1.0)
    assert [frame.seq for frame in source.frames()] == list(range(20))
    assert source.dropped == 0
    assert source.ends


def test_flat_out_twice_is_the_same_twice(write: Writer) -> None:
    path = write()

    def seen() -> list[tuple[int, float, int, bytes]]:
        frames = clip(path).frames()
        return [(f.seq, f.mono_s, f.wall_ms, f.luma.tobytes()) for f in frames]

    first = seen()
    assert first == seen()
    assert [stamp[1] for stamp in first[:3]] == pytest.approx([1000.0, 1000.1, 1000.2])
    assert [stamp[2] for stamp in first[:2]] == [1_700_000_000_000, 1_700_000_000_100]


def test_in_time_a_clip_takes_as_long_as_it_lasts(write: Writer) -> None:
    begun_s = time.monotonic()
    frames = list(clip(write(frames=20, fps=40), pace=True, fps=60.0).frames())
    assert len(frames) >= 18
    assert 0.4 < time.monotonic() - begun_s < 10


def test_a_late_consumer_gets_the_newest_frame_and_the_late_ones_are_counted(
    write: Writer,
) -> None:
    source = clip(write(frames=40, fps=50), pace=True, fps=60.0)
    seqs, ages_s = [], []
    for frame in source.frames():
        ages_s.append(time.monotonic() - frame.mono_s)
        seqs.append(frame.seq)
        time.sleep(0.12)
    assert 5 <= len(seqs) <= 9
    assert seqs[-1] == 39
    assert max(ages_s) < 0.1
    assert source.dropped == 40 - len(seqs)


def test_more_frames_a_second_than_asked_are_thinned_and_not_called_dropped(
    write: Writer,
) -> None:
    config = CameraConfig(address=str(write(frames=30, fps=50)), fps=10.0)
    video = Video(config, SystemClock())
    frames = list(video.frames())
    assert [frame.seq for frame in frames] == list(range(7))
    assert [later.mono_s - sooner.mono_s for sooner, later in pairwise(frames)] == pytest.approx(
        [0.1] * 6, abs=0.021
    )
    assert (video.thinned, video.dropped) == (23, 0)


def test_a_loop_goes_on_in_seq_and_in_time(write: Writer) -> None:
    source = clip(write(frames=5), loop=True)
    frames = list(islice(source.frames(), 12))
    assert not source.ends
    assert [frame.seq for frame in frames] == list(range(12))
    assert [frame.mono_s - 1000 for frame in frames] == pytest.approx([at / 10 for at in range(12)])
    assert (frames[0].luma == frames[5].luma).all()


def test_a_clip_of_which_the_head_is_missing_is_a_camera_error_that_names_it(
    write: Writer,
) -> None:
    path = write("clip.mp4")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(CameraError) as caught:
        list(clip(path).frames())
    message = str(caught.value)
    assert message.startswith(f"camera yard: {path}: cannot be opened (")
    assert message.endswith("whole and a video: copy or record it again")


def test_a_clip_cut_short_gives_what_it_has(write: Writer) -> None:
    # Matroska is made to be cut off: FFmpeg sees an end there, and so do we.
    path = write(codec="ffv1", name="clip.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert 8 <= len(list(clip(path).frames())) < 20


def test_what_cannot_be_decoded_in_the_middle_is_counted_and_leaves_a_gap(
    write: Writer,
) -> None:
    path = write(codec="ffv1", name="clip.mkv")
    _spoil(path, 5)
    source = clip(path)
    frames = list(source.frames())
    assert source.dropped == 1
    assert len(frames) == 19
    assert frames[-1].seq == 19


def test_a_broken_tail_is_a_camera_error_after_all_that_could_be_decoded(
    write: Writer,
) -> None:
    path = write(codec="ffv1", name="clip.mkv")
    _spoil(path, 19)
    source = clip(path)
    frames = source.frames()
    assert [frame.seq for frame in islice(frames, 19)] == list(range(19))
    with pytest.raises(CameraError, match=r"clip\.mkv: is broken after frame 19 \("):
        next(frames)


def _spoil(path: Path, number: int) -> None:
    with av.open(str(path)) as container:
        payloads = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    whole = path.read_bytes()
    at = whole.index(payloads[number])
    length = len(payloads[number])
    path.write_bytes(whole[:at] + b"\xff" * length + whole[at + length :])


def test_a_file_that_is_no_video_or_has_no_picture_is_a_camera_error(tmp_path: Path) -> None:
    data = tmp_path / "a.bin"
    data.write_bytes(np.random.default_rng(0).bytes(5000))
    sound = tmp_path / "a.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = np.zeros((1, 800), np.int16)
        tone = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
        tone.sample_rate = 8000
        container.mux(stream.encode(tone))
    with pytest.raises(CameraError, match=r"a\.bin: cannot be opened \(Invalid data"):
        list(clip(data).frames())
    with pytest.raises(CameraError, match=r"a\.wav: has no picture in it"):
        list(clip(sound).frames())


def test_a_pipe_a_socket_and_a_folder_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe, place, folder = tmp_path / "pipe", tmp_path / "socket", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(place))
        for path, what in ((pipe, "a named pipe"), (place, "a socket"), (folder, "a folder")):
            with pytest.raises(CameraError, match=rf"{path}: is {what}, neither a file nor"):
                next(clip(path).frames())
    assert oddity_of(input_of(CameraConfig(address="/dev/null"))) == ""
    assert oddity_of(input_of(CameraConfig(address="rtsp://yard.example/main"))) == ""


def test_an_empty_loop_is_a_camera_error_and_not_an_endless_one(write: Writer) -> None:
    path = write(codec="ffv1", name="clip.mkv", frames=1)
    _spoil(path, 0)
    with pytest.raises(CameraError, match=r"clip\.mkv: "):
        list(clip(path, loop=True).frames())


def test_a_colon_in_a_files_name_is_no_protocol(write: Writer, tmp_path: Path) -> None:
    odd = write().rename(tmp_path / "concat:12:30 %d.avi")
    assert len(list(clip(odd).frames())) == 20


def test_a_v4l2_device_is_asked_for_its_size_and_rate() -> None:
    config = CameraConfig(address="/dev/video7", width=640, height=480, fps=12.5)
    source = input_of(config)
    assert (source.format, source.device, source.live) == ("v4l2", "/dev/video7", True)
    assert source.options == {"video_size": "640x480", "framerate": "12.5"}


def test_a_device_is_polled_through_the_descriptor_that_ffmpeg_keeps(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert descriptor_of(str(pipe)) is None
    held = os.open(pipe, os.O_RDWR)
    try:
        assert descriptor_of(str(pipe)) == held
        assert not is_readable(held)
        os.write(held, b"a frame")
        assert is_readable(held)
    finally:
        os.close(held)


def test_a_device_that_is_unplugged_ends_the_wait_for_it_at_once() -> None:
    near, far = os.pipe()
    os.close(far)
    begun_s = time.monotonic()
    assert is_readable(near)
    assert time.monotonic() - begun_s < 0.2
    os.close(near)


def test_a_missing_v4l2_device_is_a_camera_error_that_says_what_to_do() -> None:
    source = open_source(CameraConfig(address="/dev/video63", stall_s=1.0), SystemClock())
    with pytest.raises(CameraError, match=r"/dev/video63: cannot be opened .*plugged in"):
        next(source.frames())


def test_fifty_rounds_leak_neither_descriptors_nor_threads(write: Writer) -> None:
    path = write()

    def round_trip(pace: bool) -> None:
        source = clip(path, pace)
        assert len(list(islice(source.frames(), 2))) == 2
        source.close()

    round_trip(True)
    before = _open_descriptors(), threading.active_count()
    for number in range(50):
        round_trip(number % 2 == 0)
    assert (_open_descriptors(), threading.active_count()) == before


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
