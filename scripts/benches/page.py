"""scripts/bench page: what the page costs an agent with four cameras, watched and not.

One agent with the page on, no model, four synthetic cameras: its CPU with a plain reader of the
events, against nobody, in turns; its anonymous memory beside that of an agent without the page
that began at the same time. The reader runs here and is in no figure.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edgeagent.page.token_file import read_token_text  # noqa: E402

MAX_CPU_PERCENT = 3.0
MAX_MEMORY_MB = 15.0
SETTLE_S = 10.0
TICK_HZ = os.sysconf("SC_CLK_TCK")

CAMERA = """\
[[camera]]
name = "c{number}"
source = "synthetic"
width = 640
height = 480
[[camera.zone]]
name = "half"
polygon = [[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]
"""


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    cpu_percent: list[float]
    """Of one core, watched less unwatched, of each pair of turns."""
    unwatched_percent: float
    """Of the whole agent."""
    without_mb: list[float]
    """Anonymous memory, after each pair, of the agent that has no page."""
    watched_mb: list[float]
    """Of the one that has one, and a reader."""
    told_bytes_s: float
    """What a reader is told a second."""

    @property
    def cpu(self) -> float:
        """The pair in the middle."""
        return statistics.median(self.cpu_percent)

    @property
    def memory_mb(self) -> float:
        """What the page adds at most, after any pair."""
        pairs = zip(self.watched_mb, self.without_mb, strict=True)
        return max(watched - without for watched, without in pairs)


def settings(folder: Path, cameras: int, port: int) -> Path:
    """Write an agent's settings; port 0: no page."""
    text = "".join(CAMERA.format(number=number) for number in range(cameras))
    page = f"[page]\nenabled = true\nport = {port}\n" if port else ""
    file = folder / "edgeagent.toml"
    file.write_text(f'device = "bench"\n{text}[model]\nname = ""\n{page}')
    return file


@contextmanager
def agent(cameras: int, port: int) -> Iterator[tuple[int, Path]]:
    """Run an agent; yield its process id and its state folder."""
    with tempfile.TemporaryDirectory(prefix="edgeagent-bench-") as name:
        folder = Path(name)
        file = settings(folder, cameras, port)
        command = [sys.executable, "-m", "edgeagent", "run", "--config", str(file)]
        process = subprocess.Popen(
            [*command, "--state", str(folder)],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MALLOC_ARENA_MAX": "2"},
        )
        try:
            yield process.pid, folder
        finally:
            process.terminate()
            process.wait(20)


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_HZ


def anonymous_mb(pid: int) -> float:
    """Return a process's anonymous memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def turn_percent(pid: int, seconds: float) -> float:
    """Return what of one core a process uses over ``seconds``."""
    before_s, began_s = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_s(pid) - before_s) / (time.monotonic() - began_s)


class Reader:
    """Reads all that the page is told, and throws it away."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.heard_bytes = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch until left."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Authorization": f"Bearer {self._token}"}
        connection.request("GET", "/events", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"the page answers {answer.status}")
        over = threading.Event()
        thread = threading.Thread(target=self._read, args=(answer, over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            connection.close()

    def _read(self, answer: http.client.HTTPResponse, over: threading.Event) -> None:
        while not over.is_set():
            self.heard_bytes += len(answer.readline())


def measure(cameras: int, port: int, seconds: float, turns: int) -> Figures:
    """Return the figures of ``turns`` pairs of turns of ``seconds`` each."""
    with ExitStack() as stack:
        without, _ = stack.enter_context(agent(cameras, 0))
        pid, state = stack.enter_context(agent(cameras, port))
        time.sleep(SETTLE_S)
        reader = Reader(port, read_token_text(state / "page-token"))
        differences, unwatched, mine_mb, other_mb = [], [], [], []
        for _ in range(turns):
            unwatched.append(turn_percent(pid, seconds))
            with reader.watching():
                differences.append(turn_percent(pid, seconds) - unwatched[-1])
                mine_mb.append(anonymous_mb(pid))
                other_mb.append(anonymous_mb(without))
    told_bytes_s = reader.heard_bytes / (turns * seconds)
    return Figures(differences, statistics.median(unwatched), other_mb, mine_mb, told_bytes_s)


def show(figures: Figures, cameras: int) -> None:
    """Print them for a person."""
    pairs = " ".join(f"{one:+.2f}" for one in figures.cpu_percent)
    print(f"the page, {cameras} synthetic cameras of 640x480 at 10 frames/s, no model")
    print(f"  agent unwatched, % of a core        {figures.unwatched_percent:8.2f}")
    print(f"  watched less unwatched, % of a core {figures.cpu:8.2f}  bar {MAX_CPU_PERCENT:g}")
    print(f"    each pair                         {pairs}")
    print(f"  anonymous memory added, MB, at most {figures.memory_mb:8.1f}  bar {MAX_MEMORY_MB:g}")
    for what, each in (("without", figures.without_mb), ("watched", figures.watched_mb)):
        print(f"    {what}, after each pair           {' '.join(f'{one:.1f}' for one in each)}")
    print(f"  told to a reader, kB/s              {figures.told_bytes_s / 1000:8.1f}")


def main() -> int:
    """Measure, print, and return 1 where a bar is missed."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cameras", type=int, default=4)
    arguments.add_argument("--port", type=int, default=8481)
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--turns", type=int, default=4)
    arguments.add_argument("--json", action="store_true")
    asked = arguments.parse_args()
    figures = measure(asked.cameras, asked.port, asked.seconds, asked.turns)
    if asked.json:
        print(json.dumps(asdict(figures)))
    else:
        show(figures, asked.cameras)
    good = figures.cpu < MAX_CPU_PERCENT and figures.memory_mb < MAX_MEMORY_MB
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
