"""A stream over the network: a small RTSP server of our own, sound, silent, and with a password."""

import base64
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise

import av
import numpy as np
import pytest

from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig
from edgeagent.errors import CameraError
from edgeagent.sources import Source, open_source
from edgeagent.sources.video import Video
from edgeagent.sources.video_address import input_of

FPS = 20
Serve = Callable[["Stream"], str]


@dataclass
class Stream:
    """MPEG-4 video of grey frames, and what the server shall do with it."""

    frames: int = 100_000
    hang_up: bool = False
    login: str = ""
    packets: list[bytes] = field(default_factory=list)
    extradata: bytes = b""
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        context = av.CodecContext.create("mpeg4", "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = 96, 64, "yuv420p"
        context.framerate = FPS  # type: ignore[assignment]
        context.flags |= av.codec.context.Flags.global_header
        context.gop_size = 5
        for at in range(20):
            grey = np.full((64, 96, 3), 50 + at * 5, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
            frame.pts = at
            self.packets += [bytes(packet) for packet in context.encode(frame)]
        self.extradata = context.extradata or b""

    def sdp(self) -> bytes:
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=yard", "c=IN IP4 127.0.0.1", "t=0 0"]
        lines += ["m=video 0 RTP/AVP 96", "a=rtpmap:96 MP4V-ES/90000", "a=control:track0"]
        lines += [f"a=fmtp:96 profile-level-id=1;config={self.extradata.hex()}"]
        return "\r\n".join([*lines, ""]).encode()


class Server(socketserver.ThreadingTCPServer):
    """RFC 2326 as far as one player over TCP needs it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        super().__init__(("127.0.0.1", 0), Talk)


class Talk(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        try:
            while self._answer():
                pass
        except OSError:
            pass

    def _answer(self) -> bool:
        words = self.rfile.readline().decode().split()
        headers = dict(
            line.decode().strip().split(": ", 1) for line in iter(self.rfile.readline, b"\r\n")
        )
        if not words or words[0] == "TEARDOWN":
            return False
        self._reply(words[0], headers)
        if words[0] == "PLAY":
            self._play()
            return False
        return True

    def _reply(self, method: str, headers: dict[str, str]) -> None:
        login = self.server.stream.login
        wanted = "Basic " + base64.b64encode(login.encode()).decode()
        status, extra, body = "200 OK", "", b""
        if login and headers.get("Authorization") != wanted:
            status, extra = "401 Unauthorized", 'WWW-Authenticate: Basic realm="yard"\r\n'
        elif method == "DESCRIBE":
            body = self.server.stream.sdp()
            extra = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        head = f"RTSP/1.0 {status}\r\nCSeq: {headers['CSeq']}\r\nSession: 1\r\n{extra}\r\n"
        self.wfile.write(head.encode() + body)

    def _play(self) -> None:
        stream = self.server.stream
        for at in range(stream.frames):
            payload = stream.packets[at % len(stream.packets)]
            head = struct.pack(">BBHII", 0x80, 0x80 | 96, at & 0xFFFF, at * 90000 // FPS, 7)
            self.wfile.write(struct.pack(">cBH", b"$", 0, 12 + len(payload)) + head + payload)
            if stream.stop.wait(1 / FPS):
                return
        if not stream.hang_up:
            stream.stop.wait(30)


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Server] = []

    def serve(stream: Stream) -> str:
        server = Server(stream)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in running:
        server.stream.stop.set()
        server.shutdown()
        server.server_close()


def camera(address: str, stall_s: float = 2.0, password: str = "") -> Source:
    config = CameraConfig(name="yard", address=address, fps=60.0, stall_s=stall_s)
    return open_source(config, SystemClock(), password=password)


def test_a_stream_gives_frames_spaced_as_they_were_taken(serve: Serve) -> None:
    source = camera(f"rtsp://{serve(Stream())}/yard")
    frames = list(islice(source.frames(), 40))
    assert not source.ends
    assert 40 <= float(frames[-1].luma.mean()) <= 160
    late = frames[20:]
    gaps = [b.mono_s - a.mono_s for a, b in pairwise(late) if b.seq == a.seq + 1]
    assert gaps == pytest.approx([1 / FPS] * len(gaps), abs=0.02)


def test_a_stream_that_falls_silent_is_a_camera_error_within_its_deadline(serve: Serve) -> None:
    frames = camera(f"rtsp://{serve(Stream(frames=40))}/yard", stall_s=1.0).frames()
    times_s: list[float] = []
    with pytest.raises(CameraError, match=r"rtsp://.*: gave no frame for 1 s; see that the camera"):
        times_s.extend(time.monotonic() for _ in frames)
    heard_s = times_s[-1]
    assert 0.8 < time.monotonic() - heard_s < 10


def test_a_stream_that_hangs_up_is_a_camera_error_and_not_an_end(serve: Serve) -> None:
    frames = camera(f"rtsp://{serve(Stream(frames=40, hang_up=True))}/yard").frames()
    with pytest.raises(CameraError, match="yard: ended"):
        list(frames)


def test_a_silent_stream_can_be_closed_at_once(serve: Serve) -> None:
    source = camera(f"rtsp://{serve(Stream(frames=40))}/yard", stall_s=60.0)
    closer = threading.Timer(3.0, source.close)
    closer.start()
    assert len(list(source.frames())) > 0
    closed_s = time.monotonic()
    closer.join()
    assert time.monotonic() - closed_s < 20
    assert not [t for t in threading.enumerate() if t.name == "camera-yard-reader"]


def test_the_password_opens_the_stream_and_is_in_no_message(serve: Serve) -> None:
    secret = "a:b@c/ä?"
    host = serve(Stream(login=f"eve:{secret}"))
    assert next(camera(f"rtsp://eve@{host}/yard", password=secret).frames()).seq >= 0
    with pytest.raises(CameraError) as caught:
        next(camera(f"rtsp://eve@{host}/yard", password="wr0ng").frames())
    assert "wr0ng" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "refuses the user or the password" in str(caught.value)


def test_a_camera_that_accepts_and_says_nothing_is_a_camera_error_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        begun_s = time.monotonic()
        with pytest.raises(CameraError, match="cannot be opened"):
            next(camera(f"rtsp://127.0.0.1:{port}/yard", stall_s=1.0).frames())
        assert 0.8 < time.monotonic() - begun_s < 20


def test_a_stream_is_asked_for_over_tcp_without_sound_and_shown_without_password() -> None:
    config = CameraConfig(name="yard", address="rtsp://eve@cam/1", stall_s=2.5)
    source = input_of(config, "p/w")
    assert source.url == "rtsp://eve:p%2Fw@cam/1"
    assert source.options["rtsp_transport"] == "tcp"
    assert source.options["allowed_media_types"] == "video"
    assert source.options["timeout"] == "2500000"
    assert "p%2Fw" not in repr(source)
    assert Video(config, SystemClock(), password="p/w").live
