"""Packets since the last keyframe: what is kept, what is handed out, and how much at most."""

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from edgeagent.sources.gop import Gop


def packets(count: int, gop: int = 5) -> "list[av.Packet[VideoStream]]":
    context = av.CodecContext.create("mpeg4", "w")
    context.width, context.height, context.pix_fmt = 64, 48, "yuv420p"
    context.framerate, context.gop_size = 25, gop  # type: ignore[assignment]
    grey = np.full((72, 64), 128, np.uint8)
    made: list[av.Packet[VideoStream]] = []
    for at in range(count):
        frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
        frame.pts = at
        made += context.encode(frame)
    return made


def filled(count: int, max_bytes: int = 1 << 20) -> Gop:
    gop = Gop(max_bytes)
    for at, packet in enumerate(packets(count)):
        gop.add(packet, float(at))
    return gop


def times(gop: Gop, at_s: float = 1e9) -> list[float]:
    return [taken_s for _, taken_s in gop.due(at_s)]


def test_a_keyframe_sends_away_all_before_it() -> None:
    assert times(filled(8)) == [5, 6, 7]


def test_nothing_is_handed_out_twice_and_more_goes_on_from_there() -> None:
    gop = filled(9)
    assert times(gop, 5.5) == [5, 6]
    assert times(gop, 6.5) == [7]
    assert times(gop) == [8]
    assert times(gop) == []


def test_what_comes_before_the_first_keyframe_is_of_no_use() -> None:
    gop = Gop()
    for packet in packets(4)[1:]:
        gop.add(packet)
    assert times(gop) == []


@pytest.mark.parametrize("count", [3, 5])
def test_a_stretch_too_long_to_keep_is_dropped_until_the_next_keyframe(count: int) -> None:
    sizes = [packet.size for packet in packets(count)]
    assert times(filled(count, sum(sizes) - 1)) == []
    assert times(filled(6, sum(sizes) - 1))[0] == 5
