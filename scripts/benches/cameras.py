"""scripts/bench cameras: what network cameras without motion cost, from a real RTSP server.

* ``--cameras`` 1080p cameras at 5 frames/s under one agent with the detector loaded: age of the
  frames, bytes unread in the sockets, CPU, memory; beside a program that reads and decodes the
  same streams and does nothing else. What is neither decoding nor invoke has a bar.
* one camera at 10 frames/s in four ways: the main stream decoded, its keyframes alone, the small
  stream with the main one kept for looks, and that with keyframes alone.

The scene is textured and noisy, and nothing in it moves. The server runs beside, and its CPU is in
no figure.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edgeagent import assembly  # noqa: E402
from edgeagent.agent import Agent  # noqa: E402
from edgeagent.bench.figures import percentile  # noqa: E402
from edgeagent.clock import SystemClock  # noqa: E402
from edgeagent.config import CameraConfig, Config  # noqa: E402
from edgeagent.laps import StopWatch  # noqa: E402
from edgeagent.looker import Engines  # noqa: E402
from edgeagent.sources import Source, open_source  # noqa: E402
from edgeagent.sources.video_address import input_of, options_of  # noqa: E402
from tests.system.cameras import Camera, missing, write_units  # noqa: E402

CACHE = ROOT / ".bench"
MAX_REST_SHARE = 0.10
MAX_AGE_S = 1.0
GOP = 20
NOISE_LEVELS = 4.0
"""Standard deviation of the sensor's, in luma levels."""
PIXELS_A_BYTE = 70
"""The encoder keeps to a byte for so many: 1080p at 10 frames/s is 2.4 Mbit/s, as cameras are set
to."""
SETTLE_S = 8.0
"""Connected, probed, warmed up: not measured."""


def scene(width: int, height: int, frames: int = 2 * GOP) -> Path:
    """Return the units of a scene in which nothing moves; made once."""
    path = CACHE / f"scene-{width}x{height}-{frames}.units"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        write_units(path, _images(width, height, frames), GOP, width * height // PIXELS_A_BYTE)
    return path


def _images(width: int, height: int, frames: int) -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(1)
    still = np.full((height, width), 110.0, np.float32)
    for cell in (120, 40, 10):
        blocks = random.normal(0, 18, (height // cell + 1, width // cell + 1))
        still += np.kron(blocks, np.ones((cell, cell)))[:height, :width].astype(np.float32)
    for _ in range(frames):
        noisy = still + NOISE_LEVELS * random.standard_normal(still.shape, np.float32)
        yield np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


@dataclass
class Worker:
    """One program under measurement; runs in a process of its own."""

    kind: str
    addresses: list[str]
    seconds: float
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Spent:
    """What it used, after the settling."""

    cpu_s: float = 0.0
    invoke_s: float = 0.0
    frames: int = 0
    dropped: int = 0
    rss_mb: float = 0.0
    unread_bytes: int = 0
    ages_s: list[float] = field(default_factory=list)


def measure(worker: Worker) -> Spent:
    """Run ``worker`` and return what it said."""
    command = [sys.executable, str(Path(__file__)), "--worker", json.dumps(asdict(worker))]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Spent(**json.loads(told))


def work(worker: Worker) -> Spent:
    """Be the worker."""
    spent = Spent()
    begin = _begin_agents if worker.kind == "agent" else _begin_decoders
    end = begin(worker, spent)
    time.sleep(SETTLE_S)
    before_s, spent.frames = time.process_time(), 0
    spent.ages_s.clear()
    port = urlsplit(worker.addresses[0]).port or 0
    until_s = time.monotonic() + worker.seconds
    while time.monotonic() < until_s:
        time.sleep(0.5)
        spent.unread_bytes = max(spent.unread_bytes, _unread_bytes(port))
    spent.cpu_s = time.process_time() - before_s
    spent.rss_mb = _rss_mb()
    end()
    return spent


def _begin_agents(worker: Worker, spent: Spent) -> Callable[[], None]:
    engines = assembly.open_engines(Config().model)
    sources = [_begin_agent(number, worker, engines, spent) for number in _numbers(worker)]

    def end() -> None:
        spent.dropped = sum(source.dropped for source in sources)
        for source in sources:
            source.close()

    return end


def _numbers(worker: Worker) -> range:
    return range(len(worker.addresses))


def _begin_agent(number: int, worker: Worker, engines: Engines, spent: Spent) -> Source:
    camera = CameraConfig(name=f"c{number}", address=worker.addresses[number], fps=60.0)
    camera = structs.replace(camera, **worker.settings)
    clock = SystemClock()
    agent = Agent(camera, Config(), engines, clock)
    source = open_source(camera, clock, attention=agent.attention)
    watch = StopWatch()

    def look() -> None:
        for frame in source.frames():
            spent.frames += 1
            spent.ages_s.append(clock.mono_s() - frame.mono_s)
            watch.start()
            agent.see(frame, watch)
            spent.invoke_s += sum(watch.laps_ns.get("invoke", [])) / 1e9
            watch.laps_ns.clear()

    threading.Thread(target=look, daemon=True).start()
    return source


def _begin_decoders(worker: Worker, spent: Spent) -> Callable[[], None]:
    def decode(address: str) -> None:
        # Opened as the agent opens it: FFmpeg decodes some frames of its own while it probes.
        options = options_of(input_of(CameraConfig(address=address)))
        with av.open(address, options=options) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for _ in container.decode(video=0):
                spent.frames += 1

    for address in worker.addresses:
        threading.Thread(target=decode, args=(address,), daemon=True).start()
    return lambda: None


def _unread_bytes(port: int) -> int:
    """Return the most that lies unread in a socket connected to ``port``."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = (row for row in rows if row[2].endswith(f":{port:04X}"))
    return max((int(row[4].split(":")[1], 16) for row in ours), default=0)


def _rss_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def many(cameras: int, seconds: float, pairs: int) -> dict[str, float]:
    """Return the figures of ``cameras`` 1080p cameras at 5 frames/s."""
    clip = scene(1920, 1080)
    server = Camera(*[f"c{number}={clip}@5" for number in range(cameras)])
    server.start()
    try:
        addresses = [server.url(f"c{number}") for number in range(cameras)]
        runs = [
            [measure(Worker(kind, addresses, seconds)) for kind in ("bare", "agent")]
            for _ in range(pairs)
        ]
    finally:
        server.kill()
    # Both halves of a pair saw the same machine: the pair in the middle stands for all.
    bare, ours = sorted(runs, key=lambda pair: _rest_share(*pair))[len(runs) // 2]
    ages = sorted(age for _, run in runs for age in run.ages_s)
    return {
        "frames": ours.frames,
        "frames_sent": cameras * 5 * seconds,
        "dropped": ours.dropped,
        "age_p50_ms": percentile(ages, 0.5) * 1000,
        "age_p99_ms": percentile(ages, 0.99) * 1000,
        "age_max_ms": ages[-1] * 1000,
        "unread_bytes": ours.unread_bytes,
        "cpu_percent": ours.cpu_s / seconds * 100,
        "decode_percent": bare.cpu_s * ours.frames / bare.frames / seconds * 100,
        "invoke_percent": ours.invoke_s / seconds * 100,
        "rest_share": _rest_share(bare, ours),
        "rss_mb": ours.rss_mb,
    }


def _rest_share(bare: Spent, ours: Spent) -> float:
    """Return the share of ``ours`` that is neither decoding, as ``bare`` does it, nor invoke."""
    decode_s = bare.cpu_s * ours.frames / bare.frames
    return (ours.cpu_s - ours.invoke_s - decode_s) / ours.cpu_s


def ways(seconds: float) -> dict[str, float]:
    """Return CPU, in percent of one core, of one quiet camera watched in four ways."""
    server = Camera(f"main={scene(1920, 1080)}@10", f"small={scene(640, 360)}@10")
    server.start()
    main, small = server.url("main"), server.url("small")
    told = {
        "main": (main, {}),
        "main, keyframes": (main, {"idle": "keyframes"}),
        "small, main on demand": (small, {"detail": main}),
        "small, main on demand, keyframes": (small, {"detail": main, "idle": "keyframes"}),
    }
    try:
        return {
            name: measure(Worker("agent", [address], seconds, settings)).cpu_s / seconds * 100
            for name, (address, settings) in told.items()
        }
    finally:
        server.kill()


def show(figures: dict[str, float], quiet: dict[str, float], cameras: int) -> None:
    """Print both for a person."""
    print(f"{cameras} cameras, 1920x1080 H.264 at 5 frames/s, nothing moves")
    for name, value in figures.items():
        print(f"  {name:<36}{value:>10.3f}")
    print("one quiet camera, 1920x1080 and 640x360 at 10 frames/s, keyframe each 2 s: CPU %")
    for name, value in quiet.items():
        print(f"  {name:<36}{value:>10.2f}  {value / quiet['main']:.2f} of the first")


def main() -> int:
    """Measure, print, and return 1 where a bar is missed."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cameras", type=int, default=4)
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--pairs", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--worker", help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.worker:
        print(json.dumps(asdict(work(Worker(**json.loads(asked.worker))))))
        return 0
    if what := missing():
        print(what, file=sys.stderr)
        return 69
    figures, quiet = many(asked.cameras, asked.seconds, asked.pairs), ways(asked.seconds / 2)
    if asked.json:
        print(json.dumps({"cameras": figures, "quiet": quiet}))
    else:
        show(figures, quiet, asked.cameras)
    good = figures["rest_share"] < MAX_REST_SHARE and figures["age_max_ms"] < MAX_AGE_S * 1000
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
