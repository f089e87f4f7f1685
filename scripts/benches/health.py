"""What it costs to know how the agent fares: with rounds, bulletins and scrapes, and without.

Four cameras of moving squares run in one process, without a model. In turns nobody goes round, the
rounds are made, and besides them somebody asks for a bulletin each second, as a page would; the
figure is this process's CPU time a second of wall time. Then single calls are timed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from edgeagent.agent import Agent
from edgeagent.bulletin import healthz
from edgeagent.cameras import Cameras
from edgeagent.clock import SystemClock
from edgeagent.config import CameraConfig, Config
from edgeagent.engines import nobody
from edgeagent.event import Event
from edgeagent.health import Health
from edgeagent.looker import Engines
from edgeagent.machine import Machine
from edgeagent.metrics import exposition
from edgeagent.outbox import Outbox
from edgeagent.pauses import Pauses
from edgeagent.rounds import Parts, Rounds
from edgeagent.watching import Watches
from edgeagent.wire import json as wire
from edgeagent.wire.device import stat_fields

CONFIG = Config(camera=[CameraConfig(name=f"cam{n}", source="synthetic", fps=10) for n in range(4)])
RSS = """
import re
from pathlib import Path

import edgeagent.supervisor

def resident_kb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = resident_kb()
import prometheus_client
print(resident_kb() - before)
"""


@contextmanager
def running(folder: Path) -> Iterator[Rounds]:
    """Run the cameras; yield rounds over them that are not yet begun."""
    clock, health, engines = SystemClock(), Health(), Engines()
    outbox = Outbox.open(folder, "1-00000000", CONFIG.outbox, nobody, clock)

    def put(event: Event) -> None:
        outbox.put(event.kind, b"x" * 200)

    watches = Watches(
        lambda camera: Agent(camera, CONFIG, engines, clock, health),
        put,
        lambda error: print(error, file=sys.stderr),
        nobody,
        clock,
        threading.Event(),
        Pauses(folder, clock, "", health),
    )
    cameras = Cameras(watches, nobody)
    parts = Parts(lambda: CONFIG, cameras, engines, outbox, lambda: True, clock, folder)
    watches.open(CONFIG.camera)
    yield Rounds(parts, health, clock, Machine())
    cameras.close()
    outbox.close()


def share(seconds: float, ask: Callable[[], object] | None = None) -> float:
    """Return the CPU time a second of this process, while ``ask`` is called each second."""
    wall_s, cpu_s = time.monotonic(), time.process_time()
    while time.monotonic() - wall_s < seconds:
        if ask is not None:
            ask()
        time.sleep(1)
    return (time.process_time() - cpu_s) / (time.monotonic() - wall_s)


def took_ms(call: Callable[[], object], times: int = 200) -> float:
    """Return the median of so many calls."""
    laps = []
    for _ in range(times):
        began_s = time.perf_counter()
        call()
        laps.append(time.perf_counter() - began_s)
    return median(laps) * 1000


def measured(folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return every figure by its name."""
    shares: dict[str, list[float]] = {"without": [], "rounds": [], "asked": []}
    for number in range(rounds):
        with running(folder / str(number)) as one:
            shares["without"].append(share(seconds))
            one.start()
            shares["rounds"].append(share(seconds))
            shares["asked"].append(share(seconds, one.bulletin))
            bulletin = one.bulletin()
            one.close()
    told = {f"{name}_cpu_percent": round(100 * median(n), 2) for name, n in shares.items()}
    return told | {
        "bulletin_ms": round(took_ms(one.bulletin), 3),
        "healthz_ms": round(took_ms(lambda: healthz(bulletin)), 3),
        "stat_ms": round(took_ms(lambda: wire.encode("stat", stat_fields(bulletin, 0))), 3),
        "stat_bytes": len(wire.encode("stat", stat_fields(bulletin, 0))),
        "metrics_ms": round(took_ms(lambda: exposition(bulletin)), 3),
        "metrics_bytes": len(exposition(bulletin)),
        "prometheus_client_kb": int(subprocess.check_output([sys.executable, "-c", RSS])),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = measured(Path(folder), asked.rounds, asked.seconds)
    print(
        json.dumps(told) if asked.json else "\n".join(f"{k:<22} {v:>10,}" for k, v in told.items())
    )


if __name__ == "__main__":
    main()
