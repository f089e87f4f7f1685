"""Network cameras to be killed, stalled, throttled and started again: GStreamer's RTSP server."""

import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

PYTHON = "/usr/bin/python3"
"""The system's: gi comes from apt."""
PROGRAM = Path(__file__).parent / "rtsp_server.py"
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; "
ELEMENTS = "Gst.init(None); assert all(map(Gst.ElementFactory.find, ('h264parse', 'rtph264pay')))"

Image = NDArray[np.uint8]


def missing() -> str:
    """Return what is not installed, for a skip; "" where all is there."""
    probe = [PYTHON, "-W", "ignore", "-c", PROBE + ELEMENTS]
    there = Path(PYTHON).exists() and not _status(probe)
    return "" if there else "needs gst-rtsp-server: scripts/test installs it as root"


def _status(command: Sequence[str]) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode


def greys(width: int, height: int, levels: Sequence[int]) -> Iterator[Image]:
    """Yield one plain picture for each level."""
    return (np.full((height, width, 3), level, np.uint8) for level in levels)


def write_units(path: Path, images: Iterator[Image], gop: int, frame_bytes: int = 0) -> Path:
    """Encode RGB ``images`` for `rtsp_server.py`, a keyframe each ``gop``.

    With ``frame_bytes`` the encoder keeps to so many on average, and uses them, as cameras do.
    """
    encoder: VideoCodecContext | None = None
    with path.open("wb") as file:
        for number, image in enumerate(images):
            encoder = encoder or _encoder(image.shape[1], image.shape[0], gop, frame_bytes)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            _write(file.write, encoder.encode(frame))
        if encoder is not None:
            _write(file.write, encoder.encode(None))
    return path


def _encoder(width: int, height: int, gop: int, frame_bytes: int) -> VideoCodecContext:
    made = av.CodecContext.create("libx264", "w")
    made.width, made.height, made.pix_fmt, made.gop_size = width, height, "yuv420p", gop
    made.time_base, made.framerate = Fraction(1, 25), Fraction(25)
    # As cameras do: no frame waits for a later one, keyframes at equal distances.
    options = {"preset": "veryfast", "tune": "zerolatency", "x264-params": "scenecut=0:threads=2"}
    if frame_bytes:
        made.bit_rate = frame_bytes * 8 * 25
        options |= {"maxrate": str(made.bit_rate), "bufsize": str(2 * made.bit_rate)}
    made.options = options
    return made


def _write(write: Callable[[bytes], int], packets: "Sequence[av.Packet[VideoStream]]") -> None:
    for unit in map(bytes, packets):
        write(struct.pack(">I", len(unit)) + unit)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Camera:
    """One server process; ``streams`` are ``path=clip@fps``."""

    def __init__(self, *streams: str, login: str = "") -> None:
        self.port = free_port()
        self._command = [PYTHON, str(PROGRAM), str(self.port), *streams, "--login", login]
        self._process: subprocess.Popen[str] | None = None

    def url(self, path: str, user: str = "") -> str:
        return f"rtsp://{user and user + '@'}127.0.0.1:{self.port}/{path}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def stall(self) -> None:
        """Fall silent with every connection left open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class Relay:
    """A network that lets through so many bytes a second; 0: as many as come."""

    def __init__(self, port: int, bytes_per_s: float = 0.0) -> None:
        self.bytes_per_s = bytes_per_s
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def close(self) -> None:
        for held in self._sockets:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for held in self._sockets:
            held.close()

    def _begin(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                # Small buffers, so that a slow network is felt at its other end.
                far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
                self._sockets += [near, far]
                self._begin(self._carry, near, far)
                self._begin(self._carry, far, near)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                sink.sendall(data)
                if self.bytes_per_s:
                    time.sleep(len(data) / self.bytes_per_s)
            sink.shutdown(socket.SHUT_RDWR)
