"""What is in the pictures: a broker and three agents, the real ones, on the clip that ships."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgeagent import clips
from edgeagent.demo import embedded_broker

EDGEAGENT = (sys.executable, "-m", "edgeagent")
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    """It runs."""

    broker: str
    """``127.0.0.1:12345``."""
    folder: Path
    agents: Mapping[str, "subprocess.Popen[bytes]"]

    def settings(self, device: str) -> str:
        """Return the settings file of one agent."""
        return str(self.folder / f"{device}.toml")

    def state(self, device: str) -> str:
        """Return the state folder of one agent."""
        return str(self.folder / device)

    def end(self) -> None:
        """End the agents; the broker stays."""
        for agent in self.agents.values():
            _end(agent)


def _cameras() -> Mapping[str, list[dict[str, object]]]:
    film = str(clips.demo())
    shown: dict[str, object] = {"address": film, "loop": True}
    return {
        "porch": [{"name": "feeder", "fps": 5, **shown}, {"name": "path", "fps": 2, **shown}],
        "garden": [{"name": "pond", "fps": 3, **shown}],
        "gate": [{"name": "gate", "source": "synthetic", "width": 320, "height": 240, "fps": 5}],
    }


SHED = """\
device = "shed"
[[camera]]
name = "roof"
address = "/dev/video9"
[mqtt]
host = "localhost"
port = 9
username = "shed"
password_file = "{folder}/shed.password"
"""
"""One whom nobody has begun, and that could not: no camera, no broker, an open password."""


@contextmanager
def scene(folder: Path, more: Mapping[str, str]) -> Iterator[Scene]:
    """Run broker and agents until the end of the ``with``.

    Args:
        folder: for their settings and states; not there yet.
        more: device to what its settings have besides.
    """
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        port = stack.enter_context(embedded_broker(folder))
        agents = {}
        for device, cameras in _cameras().items():
            _write(folder / f"{device}.toml", device, cameras, port, more.get(device, ""))
            agents[device] = _begin(folder, device)
            stack.callback(_end, agents[device])
        (folder / "shed.toml").write_text(SHED.format(folder=folder))
        (folder / "shed.password").write_text("secret\n")
        (folder / "shed.password").chmod(0o644)
        _wait(folder, agents)
        yield Scene(f"127.0.0.1:{port}", folder, agents)


def _write(path: Path, device: str, cameras: list[dict[str, object]], port: int, more: str) -> None:
    lines = [f'device = "{device}"']
    for camera in cameras:
        lines += ["[[camera]]", *(f"{key} = {json.dumps(value)}" for key, value in camera.items())]
    lines += ["[events]", "heartbeat_s = 15", "[health]", "stat_s = 5"]
    lines += ["[mqtt]", 'host = "127.0.0.1"', f"port = {port}", "tls = false", more]
    path.write_text("\n".join(lines) + "\n")


def _begin(folder: Path, device: str) -> "subprocess.Popen[bytes]":
    """Begin an agent as on a machine of its own: the client id is made of the machine's."""
    own = folder / f"{device}.machine-id"
    own.touch()
    alone = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/machine-id && exec "$@"']
    arguments = ["run", "--config", str(folder / f"{device}.toml"), "--state", str(folder / device)]
    with (folder / f"{device}.log").open("wb") as log:
        return subprocess.Popen([*alone, str(own), *EDGEAGENT, *arguments], stdout=log, stderr=log)


def _wait(folder: Path, agents: Mapping[str, object]) -> None:
    """Wait until every agent can be asked."""
    end_s = time.monotonic() + READY_S
    for device in agents:
        while not _answers(folder / device / "control") and time.monotonic() < end_s:
            time.sleep(0.1)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asker:
        try:
            asker.connect(str(path))
        except OSError:
            return False
    return True


def _end(agent: "subprocess.Popen[bytes]") -> None:
    if agent.poll() is None:
        agent.send_signal(signal.SIGTERM)
        agent.wait(20)
