"""scripts/bench remote: is the model to be here, or in a data centre? As root.

The same frames of the clip are looked at by the agent (gate off: every one), and sent as JPEG to
a model server that runs the same model on this same machine, behind a line of 20 and of 100 ms
there and back, block by block in turn. For a fifth of each block the line is cut, as a radio is. A
question is given up after a second. What the agent would have published of the same frames is what
the local way costs on the wire; the remote way's bytes are the packets on the line.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2
import msgspec

from edgeagent import assembly, clips
from edgeagent import event as events
from edgeagent.agent import Agent
from edgeagent.bench.figures import Figures, figures
from edgeagent.bench.found import Plan
from edgeagent.bench.river import eager
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config, MotionConfig
from edgeagent.frame import Frame
from edgeagent.identity import Identity
from edgeagent.looker import Engines
from edgeagent.wire.json import to_json
from scripts.benches.far.line import FAR, FAR_ADDRESS, NEAR, Line, line
from scripts.benches.far.server import PORT

PATIENCE_S = 1.0
QUALITY = 80
"""Of the JPEGs."""
BLOCK = 40
"""Frames that go one way before it is the next one's turn."""
CUT = (0.6, 0.8)
"""The part of each block in which the line is cut."""
ROUND_TRIPS_MS = (20, 100)
PACKET_BYTES = 60
"""IP, TCP and MQTT headers and the topic of one PUBLISH, roughly."""


class Row(msgspec.Struct):
    """What one way came to."""

    name: str = ""
    answered_ms: list[float] = []
    asked: int = 0
    in_cut: int = 0
    """Asked while the line was cut."""
    answered_in_cut: int = 0
    sent_bytes: int = 0

    def figures(self) -> Figures:
        """Sum up what was answered."""
        return figures(self.answered_ms)

    def add(self, other: "Row") -> None:
        """Take another block's questions in."""
        self.answered_ms += other.answered_ms
        for name in ("asked", "in_cut", "answered_in_cut", "sent_bytes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=280)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ask", type=int, metavar="FIRST", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask is not None:
        print(msgspec.json.encode(asked(options.ask)).decode())
        return 0
    if os.geteuid() != 0:
        print("scripts/bench remote: needs root, for network namespaces", file=sys.stderr)
        return 69
    # So that the namespaces go, however it ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows = measured(options.frames)
    print(json.dumps([msgspec.to_builtins(row) for row in rows]) if options.json else table(rows))
    return 0


def measured(count: int) -> list[Row]:
    """Go through the clip three ways, block by block in turn."""
    rows = [Row("here"), *(Row(f"remote, {ms} ms") for ms in ROUND_TRIPS_MS)]
    here = Here()
    with line() as far, server():
        for first in range(0, count, BLOCK):
            rows[0].add(here.block())
            for row, round_trip_ms in zip(rows[1:], ROUND_TRIPS_MS, strict=True):
                far.one_way_s = round_trip_ms / 2000
                row.add(remote(far, first))
    return rows


def frames_from(first: int) -> Iterator[Frame]:
    """Yield the clip's frames from number ``first`` on, over and over."""
    with Plan("single", clips.demo(), Config(), Engines()).frames() as frames:
        yield from islice(frames, first, None)


class Here:
    """Looks at every frame itself; counts what the agent, as it comes, would have published."""

    def __init__(self) -> None:
        engines, self._clock = assembly.open_engines(Config().model), ManualClock()
        every = eager(Config(motion=MotionConfig(gate=False)))
        self._agent, self._usual = (
            Agent(CameraConfig(name="clip"), config, engines, self._clock)
            for config in (every, Config())
        )
        self._frames = frames_from(0)

    def block(self) -> Row:
        """Take the next block's frames."""
        row = Row(asked=BLOCK)
        for number in range(BLOCK):
            frame = next(self._frames)
            began_s = time.perf_counter()
            self._agent.see(frame)
            row.answered_ms.append((time.perf_counter() - began_s) * 1000)
            said = self._usual.see(frame)
            row.sent_bytes += sum(_on_the_wire(one, self._clock) for one in said)
            row.in_cut += is_cut(number)
        row.answered_in_cut = row.in_cut
        return row


def _on_the_wire(event: events.Event, clock: ManualClock) -> int:
    return len(to_json(event, Identity("door", "1-00000000", 1, 1), clock, "")) + PACKET_BYTES


def is_cut(number: int) -> bool:
    """Return whether the line is cut at that frame of a block."""
    return CUT[0] <= number / BLOCK < CUT[1]


@contextmanager
def server() -> Iterator[None]:
    """Run the model server at the far end."""
    path = Path(__file__).parent / "far" / "server.py"
    child = subprocess.Popen(
        ["ip", "netns", "exec", FAR, sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield
    finally:
        child.kill()
        child.wait()


def remote(far: Line, first: int) -> Row:
    """Let a client at the near end ask; cut the line when it says so."""
    far.carried_bytes[:] = [0, 0]
    command = [sys.executable, __file__, "--ask", str(first)]
    child = subprocess.Popen(
        ["ip", "netns", "exec", NEAR, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    answer = ""
    for answer in child.stdout:
        if answer in ("cut\n", "mended\n"):
            far.is_cut = answer == "cut\n"
    child.wait()
    row = msgspec.json.decode(answer, type=Row)
    row.sent_bytes = sum(far.carried_bytes)
    return row


def asked(first: int) -> Row:
    """Be the client: ask of a block's frames, one after the other."""
    row, client, was_cut = Row(asked=BLOCK), Client(), False
    for number, frame in zip(range(BLOCK), frames_from(first), strict=False):
        cut = is_cut(number)
        if cut != was_cut:
            print("cut" if cut else "mended", flush=True)
            was_cut = cut
        began_s = time.perf_counter()
        answered = client.ask(jpeg_of(frame))
        row.in_cut += cut
        row.answered_in_cut += cut and answered
        if answered:
            row.answered_ms.append((time.perf_counter() - began_s) * 1000)
    return row


def jpeg_of(frame: Frame) -> bytes:
    """Return the picture as JPEG."""
    picture = frame.picture
    assert picture.u is not None
    assert picture.v is not None
    planes = [picture.y, *(cv2.resize(one, picture.size_px) for one in (picture.u, picture.v))]
    # OpenCV's encoder takes blue first.
    colour = cv2.transform(cv2.merge(planes), picture.to_rgb[::-1])
    _, data = cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


class Client:
    """Keeps one connection for as long as it answers."""

    def __init__(self) -> None:
        self._link: http.client.HTTPConnection | None = None

    def ask(self, jpeg: bytes) -> bool:
        """Return whether there was an answer in time."""
        end_s = time.monotonic() + PATIENCE_S
        try:
            link = self._link = self._link or self._connected()
            assert link.sock is not None
            link.sock.settimeout(max(end_s - time.monotonic(), 0.01))
            link.request("POST", "/", jpeg)
            link.getresponse().read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
        return self._link is not None and time.monotonic() <= end_s

    def _connected(self) -> http.client.HTTPConnection:
        link = http.client.HTTPConnection(FAR_ADDRESS, PORT, timeout=PATIENCE_S)
        link.connect()
        link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None


def table(rows: Sequence[Row]) -> str:
    """Return the rows for people."""
    lines = [
        f"{'':<16}{'p50 ms':>9}{'p90 ms':>9}{'max ms':>9}{'bytes a frame':>15}"
        f"{'within 1 s':>12}{'line cut':>10}"
    ]
    for row in rows:
        told = row.figures()
        lines.append(
            f"{row.name:<16}{told.p50:>9.1f}{told.p90:>9.1f}{told.max:>9.1f}"
            f"{row.sent_bytes / row.asked:>15,.0f}"
            f"{100 * len(row.answered_ms) / row.asked:>10.0f} %"
            f"{100 * row.answered_in_cut / max(row.in_cut, 1):>8.0f} %"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
