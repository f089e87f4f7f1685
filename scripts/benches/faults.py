"""The agent on a simulated Edge TPU, and what can happen to that, for scripts/bench failover."""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edgeagent import clips  # noqa: E402
from edgeagent.clock import SystemClock  # noqa: E402
from edgeagent.config import CameraConfig, Config, ModelConfig, MotionConfig  # noqa: E402
from edgeagent.edgetpu import find_devices  # noqa: E402
from edgeagent.findings import Notice  # noqa: E402
from edgeagent.supervisor import Supervisor  # noqa: E402
from tests.compiled import compiled_bundle  # noqa: E402
from tests.edgetpu_sim import build  # noqa: E402
from tests.edgetpu_sim.simulator import Kind, Simulator  # noqa: E402

FPS = 10.0
DEADLINE_S = 2.0
"""The least that the agent allows where the settings name none."""
RETRY_S = 1.0
"""The least that the settings take, so that many rounds end in a tolerable time."""
PATIENCE_S = 60.0
"""A round that is not over by then has failed."""


class Agent(Supervisor):
    """The agent as it is, and an ear for what it tells."""

    def __init__(self, config: Config, state: Path, bus: Simulator) -> None:
        self.told_s: dict[str, list[float]] = {}
        self.opening_s = 0.0
        """How long the opening took that brought the device back."""
        super().__init__(
            config, None, state, SystemClock(), lambda: find_devices(bus.sysfs, bus.dev)
        )

    def tell(self, notice: Notice) -> None:
        """Note when, then do as always."""
        if notice.part == "tpu":
            self.told_s.setdefault(notice.what, []).append(time.monotonic())
        if notice.what == "back":
            self.opening_s = self.health.snapshot().gauges["tpu_open_s.usb:0"]
        super().tell(notice)

    def told(self, what: str) -> int:
        """Return how often it was told."""
        return len(self.told_s.get(what, ()))


class Gaps(threading.Thread):
    """Watches how long the agent goes without a look."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(name="gaps", daemon=True)
        self._agent = agent
        self.worst_s = 0.0
        self.done = threading.Event()

    def run(self) -> None:
        """Look 200 times a second whether another look was counted."""
        last, at_s = 0, time.monotonic()
        while not self.done.wait(0.005):
            looks, now_s = self._agent.health.counted("looks_total.clip"), time.monotonic()
            self.worst_s = max(self.worst_s, now_s - at_s)
            if looks != last:
                last, at_s = looks, now_s


@dataclass(slots=True)
class Trial:
    """A bus, the agent on it, and who watches."""

    bus: Simulator
    agent: Agent
    gaps: Gaps
    random: random.Random

    def counted(self, name: str) -> int:
        """Return one of the agent's counters."""
        return self.agent.health.counted(name)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for ``holds``.

        Raises:
            TimeoutError: it did not come to.
        """
        deadline_s = time.monotonic() + PATIENCE_S
        while not holds():
            if time.monotonic() > deadline_s:
                told = {what: len(at) for what, at in self.agent.told_s.items()}
                raise TimeoutError(f"not over after {PATIENCE_S:g} s: {told}")
            time.sleep(0.002)

    def struck(self, kind: Kind) -> float:
        """Wait until a fault that strikes once has done so, and return when."""
        self.until(lambda: not (self.bus.folder / "faults" / kind).exists())
        return time.monotonic()


Well = Callable[[], float]
"""Returns since when the device has been well again, which it may wait for."""


def once(kind: Kind) -> Callable[[Trial], Well]:
    """Return a fault that strikes after a few good runs, and then is over."""

    def strike(trial: Trial) -> Well:
        trial.bus.fault(kind, trial.random.randrange(5), once=True)
        return lambda: 0.0

    return strike


def at_load(trial: Trial) -> Well:
    """Lose it, and let the next process crash while it loads."""
    kinds: list[Kind] = ["crash_constructor", "crash_create", "crash_prepare"]
    kind = trial.random.choice(kinds)
    trial.bus.fault(kind, once=True)
    trial.bus.fault("abort", once=True)
    return lambda: trial.struck(kind)


def unplug(trial: Trial) -> Well:
    """Pull it, and plug it in again after a while."""
    trial.bus.unplug(ends=trial.random.choice(("abort", "error", "hang")))
    time.sleep(trial.random.uniform(0.1, 1.5))

    def plug() -> float:
        trial.bus.plug()
        return time.monotonic()

    return plug


def replug(trial: Trial) -> Well:
    """Pull it and plug it in again at once."""
    trial.bus.replug()
    return lambda: 0.0


def slow(trial: Trial) -> Well:
    """Let it take 50 ms more for half a second: no loss."""
    trial.bus.fault("slow", 50)
    time.sleep(0.5)
    trial.bus.mend("slow")
    return lambda: 0.0


FAULTS: Mapping[str, Callable[[Trial], Well]] = {
    "abort": once("abort"),
    "hang": once("hang"),
    "error": once("error"),
    "segfault": once("crash"),
    "segfault at load": at_load,
    "unplug": unplug,
    "replug": replug,
    "slow": slow,
}


@contextmanager
def trial(folder: Path, seed: int) -> Iterator[Trial]:
    """Start the agent on a simulated Edge TPU, wait until it is used, and stop it in the end."""
    bus = Simulator(folder / "bus", build.build(folder))
    bus.plug()
    compiled_bundle("coco16-320", folder)
    agent = Agent(settings(folder, bus), folder / "state", bus)
    life = threading.Thread(target=agent.run, name="agent")
    life.start()
    made = Trial(bus, agent, Gaps(agent), random.Random(seed))
    made.gaps.start()
    try:
        made.until(lambda: agent.health.counted("runs_total.sim") > 10)
        yield made
    finally:
        made.gaps.done.set()
        agent.stop()
        life.join(30)


def settings(folder: Path, bus: Simulator) -> Config:
    """Return settings with every frame looked at, and no broker."""
    model = ModelConfig(
        folder=str(folder),
        library=str(bus.library),
        deadline_s=DEADLINE_S,
        retry_s=RETRY_S,
        load_s=10.0,
        looks_per_s=60.0,
    )
    camera = CameraConfig(name="clip", address=str(clips.demo()), loop=True, fps=FPS)
    return Config(camera=[camera], model=model, motion=MotionConfig(gate=False))
