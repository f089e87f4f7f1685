"""scripts/bench leaks: what rounds of opening a camera, looking in and closing it leave behind.

Descriptors, threads and anonymous memory of the process, before and after, for a file, a network
camera (a real RTSP server), one that is not there, and the Pi camera's double. Exits 1 when any
grew.
"""

import argparse
import json
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edgeagent import clips  # noqa: E402
from edgeagent.clock import SystemClock  # noqa: E402
from edgeagent.config import CameraConfig  # noqa: E402
from edgeagent.errors import CameraError  # noqa: E402
from edgeagent.sources import Source, open_source  # noqa: E402
from edgeagent.sources.picamera import PiCamera  # noqa: E402
from edgeagent.sources.picamera_fake import FakePicamera2  # noqa: E402
from edgeagent.sources.picamera_life import Cameras  # noqa: E402
from tests.leaks import LEAK_KB, Held, held, leaked, over_rounds  # noqa: E402
from tests.system.cameras import Camera, greys, missing, write_units  # noqa: E402


def look_in(source: Source) -> None:
    """Take two frames and close."""
    frames = list(islice(source.frames(), 2))
    source.close()
    assert len(frames) == 2


def at(address: str) -> Source:
    """Return a camera that is read with FFmpeg."""
    config = CameraConfig(name="yard", source="video", address=address, stall_s=5.0)
    return open_source(config, SystemClock())


@contextmanager
def network_camera() -> Iterator[str]:
    """Serve 20 greys over RTSP; yield the address."""
    with tempfile.TemporaryDirectory() as folder:
        units = write_units(Path(folder) / "yard.units", greys(320, 240, range(50, 150, 5)), gop=10)
        camera = Camera(f"yard={units}@20")
        camera.start()
        try:
            yield camera.url("yard")
        finally:
            camera.kill()


def absent() -> None:
    """Look for a camera where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with suppress(CameraError):
            look_in(at(f"rtsp://127.0.0.1:{taken.getsockname()[1]}/yard"))


def pi_camera() -> Callable[[], None]:
    """Return what looks into the double, the same one each time."""
    fake = FakePicamera2()
    cameras = Cameras(lambda: fake)
    config = CameraConfig(name="pi", source="picamera", width=640, height=480, fps=50.0)
    return lambda: look_in(PiCamera(config, SystemClock(), cameras))


def show(rows: Mapping[str, tuple[Held, Held]], rounds: int) -> None:
    """Print the table."""
    print(f"{rounds} rounds each; anonymous memory may grow by {LEAK_KB} kB")
    print(f"{'':24}{'descriptors':>14}{'threads':>10}{'anonymous kB':>18}")
    for name, (before, after) in rows.items():
        print(
            f"{name:24}{before.descriptors:7}{after.descriptors:7}"
            f"{before.threads:5}{after.threads:5}{before.anonymous_kb:9}{after.anonymous_kb:9}"
            f"{'  LEAKED' if leaked(before, after) else ''}"
        )


def main() -> int:
    """Measure, print, and return 1 where something was left behind."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--json", action="store_true")
    asked = arguments.parse_args()
    if what := missing():
        print(what, file=sys.stderr)
        return 69
    with ExitStack() as stack:
        address = stack.enter_context(network_camera())
        acts = {
            "file": lambda: look_in(at(str(clips.demo()))),
            "network camera": lambda: look_in(at(address)),
            "camera that is not there": absent,
            "Pi camera, the double": pi_camera(),
        }
        held()
        rows = {name: over_rounds(act, asked.rounds) for name, act in acts.items()}
    if asked.json:
        print(json.dumps({name: [asdict(one) for one in pair] for name, pair in rows.items()}))
    else:
        show(rows, asked.rounds)
    return int(any(leaked(*pair) for pair in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
