"""From the start of the process to READY: a real ``edgeagent run``, told to say when. ``cold``."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgeagent.bench.found import Found, Plan
from edgeagent.bench.river import Progress
from edgeagent.config import ModelConfig
from edgeagent.errors import RetryError

READY_S = 120.0
"""Longest that a start may take."""
STOP_S = 15.0

FIRST = "a state folder that is new: the models are tried in a child process first"
AGAIN = "a state folder that has been used"


def cold(plan: Plan, progress: Progress) -> Found:
    """Start the agent on the clip, without a broker, again and again.

    The files are in the machine's cache: it is not the first start after a boot.

    Raises:
        RetryError: it did not become ready.
    """
    again_ns: list[int] = []
    with tempfile.TemporaryDirectory(prefix="edgeagent-bench-") as name:
        folder = Path(name)
        settings = folder / "edgeagent.toml"
        settings.write_text(_settings(plan))
        first_ns = _start(settings, folder / "state")
        for number in range(plan.runs):
            progress(number, plan.runs)
            again_ns.append(_start(settings, folder / "state"))
    return Found(
        "from the start of the process to READY",
        [ns / 1e6 for ns in again_ns],
        {"first": [first_ns], "again": again_ns},
        asked={"runs": plan.runs},
        notes=(f"first: {FIRST}", f"again: {AGAIN}"),
    )


def _settings(plan: Plan) -> str:
    """Return a settings file with the clip, and the model of the plan."""
    table = {"address": str(plan.clip.absolute()), "loop": True}
    camera = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    model = [f"{key} = {json.dumps(value)}" for key, value in _model(plan.config.model).items()]
    return "\n".join(["[[camera]]", *camera, "[model]", *model, ""])


def _model(config: ModelConfig) -> dict[str, object]:
    """Return the settings of the model; one given by its folder becomes a name in a folder."""
    folder, slash, name = config.name.rpartition("/")
    return {
        "folder": str(Path(folder).absolute()) if slash else config.folder,
        "name": name,
        "vector": "" if slash else config.vector,
        "runtime": config.runtime,
        "device": config.device,
        "library": config.library,
        "threads": config.threads,
    }


def _start(settings: Path, state: Path) -> int:
    """Start the agent, wait until it says READY, stop it; return nanoseconds."""
    address = settings.with_name("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(address))
        ear.settimeout(READY_S)
        command = [sys.executable, "-m", "edgeagent", "run", "--config", str(settings)]
        began_ns = time.perf_counter_ns()
        child = subprocess.Popen(  # noqa: S603
            [*command, "--state", str(state)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": str(address)},
        )
        try:
            _await_ready(ear)
            return time.perf_counter_ns() - began_ns
        finally:
            _stop(child)
            address.unlink()


def _await_ready(ear: socket.socket) -> None:
    try:
        while b"READY=1" not in ear.recv(4096).splitlines():
            pass
    except TimeoutError:
        raise RetryError(
            f"the agent was not ready within {READY_S:g} s; edgeagent run says why"
        ) from None


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
