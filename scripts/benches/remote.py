"""scripts/bench remote: is the model to be here, or in a data centre? As root.

The same frames of the clip are looked at by the agent (gate off: every one), and sent as JPEG to
a model server that runs the same model on this same machine, behind a line of 20 and of 100 ms
there and back. For a fifth of the run, the fourth, the line is cut, as a radio is. A question is
given up after a second. What the agent would have published of the same frames is what the local
way costs on the wire; the remote way's bytes are the packets on the line.
"""

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
CUT = (0.6, 0.8)
"""The part of the run in which the line is cut."""
PACKET_BYTES = 60
"""IP, TCP and MQTT headers and the topic of one PUBLISH, roughly."""


class Row(msgspec.Struct):
    """What one way came to."""

    name: str
    answered_ms: list[float]
    asked: int
    in_cut: int = 0
    """Asked while the line was cut."""
    answered_in_cut: int = 0
    sent_bytes: int = 0

    def figures(self) -> Figures:
        """Sum up what was answered."""
        return figures(self.answered_ms)


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        print(msgspec.json.encode(asked(options.ask, options.frames)).decode())
        return 0
    if os.geteuid() != 0:
        print("scripts/bench remote: needs root, for network namespaces", file=sys.stderr)
        return 69
    rows = [local(options.frames)]
    with line() as far, server():
        for round_trip_ms in (20, 100):
            far.one_way_s = round_trip_ms / 2000
            rows.append(remote(far, f"remote, {round_trip_ms} ms", options.frames))
    print(json.dumps([msgspec.to_builtins(row) for row in rows]) if options.json else table(rows))
    return 0


def every_frame(count: int) -> Iterator[Frame]:
    """Yield the clip's first ``count`` frames."""
    engines = Engines()
    with Plan("single", clips.demo(), Config(), engines).frames() as frames:
        for _, frame in zip(range(count), frames, strict=False):
            yield frame


def local(count: int) -> Row:
    """Look at every frame here; count what the agent, as it comes, would have published."""
    config = Config(motion=MotionConfig(gate=False))
    config = msgspec.structs.replace(
        config, model=msgspec.structs.replace(config.model, looks_per_s=1e6)
    )
    engines = assembly.open_engines(Config().model)
    clock = ManualClock()
    eager, usual = (
        Agent(CameraConfig(name="clip"), settings, engines, clock)
        for settings in (config, Config())
    )
    row = Row("here", [], count)
    for number, frame in enumerate(every_frame(count)):
        began_s = time.perf_counter()
        eager.see(frame)
        row.answered_ms.append((time.perf_counter() - began_s) * 1000)
        row.sent_bytes += sum(_on_the_wire(one, clock) for one in usual.see(frame))
        if is_cut(number, count):
            row.in_cut += 1
            row.answered_in_cut += 1
    return row


def _on_the_wire(event: events.Event, clock: ManualClock) -> int:
    return len(to_json(event, Identity("door", "1-00000000", 1, 1), clock, "")) + PACKET_BYTES


def is_cut(number: int, count: int) -> bool:
    """Return whether the line is cut at that frame."""
    return CUT[0] <= number / count < CUT[1]


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


def remote(far: Line, name: str, count: int) -> Row:
    """Let a client at the near end ask; cut the line when it says so."""
    far.carried_bytes[:] = [0, 0]
    command = [sys.executable, __file__, "--ask", name, "--frames", str(count)]
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


def asked(name: str, count: int) -> Row:
    """Be the client: ask of every frame, one after the other."""
    row, client, was_cut = Row(name, [], count), Client(), False
    for number, frame in enumerate(every_frame(count)):
        cut = is_cut(number, count)
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
