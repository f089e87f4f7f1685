"""The three that are started and ended in any order: broker, agent, Home Assistant."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeagent.subscriber import Heard, Subscriber

HERE = Path(__file__).parent
ANSWER = "HOUSE "
"""As `house.py` has it, which only Home Assistant's own Python can import."""
READY_S = 300.0
"""The first start of Home Assistant fetches what it wants besides; others take 5 s."""


def until(holds: Callable[[], object], within_s: float) -> bool:
    """Wait for ``holds``; return whether it came to."""
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.25)
    return True


class Party:
    """A program that is started, and ended or killed."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def begin(self, *argv: str | Path) -> None:
        """Start the program; what it says on standard error is in a file."""
        with (self.folder / f"{self.name}.log").open("a") as log:
            self.process = subprocess.Popen(
                [*map(str, argv)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if self.name == "home" else log,
                stderr=log,
                text=True,
            )

    def end(self, how: int = signal.SIGTERM) -> int:
        """End it; return its exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(how)
        return process.wait(30)

    def kill(self) -> None:
        """End it without a word."""
        self.end(signal.SIGKILL)


class Broker(Party):
    """A mosquitto that forgets everything when it ends."""

    name = "broker"

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self.port = port
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")

    def start(self) -> None:
        """Start it; returns at once."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.begin(program, "-c", self._settings)

    def keeps(self, topic: str = "#") -> dict[str, Any]:
        """Return what it tells somebody who comes now."""
        told: dict[str, Any] = {}

        def hear(heard: Heard) -> None:
            if heard.payload:
                told[heard.topic] = json.loads(heard.payload)

        late = Subscriber("127.0.0.1", self.port, topic, hear, f"late-{time.monotonic_ns()}")
        late.start()
        time.sleep(1.0)
        late.close()
        return told


class Agent(Party):
    """The agent, as its owner starts it."""

    name = "agent"

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self.port = port
        self.file = folder / "edgeagent.toml"
        self.state = folder / "state"

    def settle(self, text: str) -> None:
        """Write its settings file. The clock is right here, whatever the kernel knows of it."""
        flag = self.folder / "synchronised"
        flag.touch()
        self.file.write_text(text.format(port=self.port, synchronised=flag))

    def start(self) -> None:
        """Start it; returns at once."""
        program = Path(sys.executable).with_name("edgeagent")
        self.begin(program, "run", "--config", self.file, "--state", self.state)

    def reload(self) -> None:
        """Have it read its settings again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def ends(self, within_s: float = 30.0) -> int:
        """Wait until it has ended by itself; return its exit status."""
        assert self.process is not None
        status = self.process.wait(within_s)
        self.process = None
        return status


class Home(Party):
    """Home Assistant, within its root."""

    name = "home"

    def __init__(self, folder: Path, root: Path, port: int) -> None:
        super().__init__(folder)
        self.root, self.port = root, port
        self.version = ""
        config = root / "home" / "config"
        shutil.rmtree(config, ignore_errors=True)
        config.mkdir(parents=True)
        shutil.copy(HERE / "configuration.yaml", config)
        shutil.copy(HERE / "house.py", root / "home")

    def start(self) -> None:
        """Start it, and wait until it is up."""
        within = ("/opt/home/bin/python", "/home/house.py", "/home/config", str(self.port))
        self.begin(HERE / "enter", self.root, *within)
        self.version = self._answer(READY_S)["version"]

    def ask(self, order: str = "states") -> dict[str, Any]:
        """Give one order; return what it shows then."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self._answer(60.0)

    def end(self, how: int = signal.SIGTERM) -> int:
        """Stop it as its owner does, or kill it."""
        if self.process is None or how == signal.SIGKILL:
            return super().end(how)
        assert self.process.stdin is not None
        self.process.stdin.write("stop\n")
        self.process.stdin.flush()
        status, self.process = self.process.wait(60), None
        return status

    def _answer(self, within_s: float) -> dict[str, Any]:
        process = self.process
        assert process is not None
        assert process.stdout is not None
        timer = threading.Timer(within_s, process.kill)
        timer.start()
        try:
            for line in iter(process.stdout.readline, ""):
                if line.startswith(ANSWER):
                    told: dict[str, Any] = json.loads(line.removeprefix(ANSWER))
                    return told
        finally:
            timer.cancel()
        raise SystemExit(f"Home Assistant ended or was silent; see {self.folder / 'home.log'}")
