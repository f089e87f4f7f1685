"""Takes frames through one agent, `Agent.see` and nothing beside it, and keeps every lap."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Protocol

import msgspec

from edgeagent.agent import Agent
from edgeagent.bench.core import CoreWait
from edgeagent.bench.yardstick import Yardstick
from edgeagent.clock import Clock, ManualClock
from edgeagent.config import CameraConfig, Config
from edgeagent.frame import Frame
from edgeagent.laps import StopWatch
from edgeagent.looker import Engines

WARM_LOOKS = 5
"""The first looks of a long run are in no figure: the path itself is cold then, too."""
SHORT_RUN = 50
"""A run of fewer looks keeps them all."""
MOST_FRAMES = 20
"""A clip in which nothing moves ends a run after so many frames for each look asked."""


class Progress(Protocol):
    """Hears how far a scenario has come; called between laps, never in one."""

    def __call__(self, done: float, whole: float) -> None:
        """Hear that ``done`` of ``whole`` is done, in the scenario's own unit."""
        ...


@dataclass(slots=True)
class Kept:
    """Every lap of a run, in order; parallel lists have one entry for each frame looked at."""

    watch: StopWatch = field(default_factory=StopWatch)
    all_ns: list[int] = field(default_factory=list)
    """`Agent.see`, every frame."""
    see_ns: list[int] = field(default_factory=list)
    """`Agent.see`, the frames that were looked at."""
    waited_ns: list[int] = field(default_factory=list)
    """Of it, what the thread stood ready without a core."""
    yardstick_ns: list[int] = field(default_factory=list)
    ends_ns: list[int] = field(default_factory=list)
    """When it was done, on the clock of `time.perf_counter_ns`."""
    frames: int = 0
    moved: int = 0
    events: int = 0

    @property
    def looks(self) -> int:
        """How many frames were looked at."""
        return len(self.see_ns)

    @property
    def net_ms(self) -> list[float]:
        """Each look's time without what other programs took."""
        pairs = zip(self.see_ns, self.waited_ns, strict=True)
        return [(see_ns - waited_ns) / 1e6 for see_ns, waited_ns in pairs]


class River:
    """One agent, and the stop-watch it carries. For the thread that makes it."""

    def __init__(
        self,
        config: Config,
        engines: Engines,
        runs: int,
        clock: Clock | None = None,
        measured: bool = True,
    ) -> None:
        """Make ready.

        Args:
            config: ``looks_per_s`` is not applied: each frame that moved is looked at.
            engines: opened and warm.
            runs: how many looks are wanted; a run of `SHORT_RUN` or more begins with some that
                are not kept.
            clock: the agent's.
            measured: whether the yardstick is run after each look; it takes milliseconds, in which
                the next frame waits.
        """
        self.agent = Agent(
            CameraConfig(name="clip"), eager(config), engines, clock or ManualClock()
        )
        self.runs = runs
        self.kept = Kept()
        self._warm = WARM_LOOKS if runs >= SHORT_RUN else 0
        self._moved_before = 0
        self._core = CoreWait()
        self._yardstick = Yardstick(self._core) if measured else None

    def see(self, frame: Frame) -> bool:
        """Take one frame through; return whether it was looked at and kept."""
        watch, before = self.kept.watch, self._counted("looks")
        waited_ns = self._core.ns()
        watch.start()
        began_ns = perf_counter_ns()
        events = self.agent.see(frame, watch)
        ended_ns = perf_counter_ns()
        waited_ns = self._core.ns() - waited_ns
        self._count(ended_ns - began_ns, len(events))
        if self._counted("looks") == before:
            return False
        if self._warm:
            self._warm_up()
            return False
        self._keep(ended_ns - began_ns, waited_ns, ended_ns)
        return True

    def _counted(self, what: str) -> int:
        return self.agent.health.counted(f"{what}_total.clip")

    def _count(self, see_ns: int, events: int) -> None:
        kept = self.kept
        kept.all_ns.append(see_ns)
        kept.frames += 1
        kept.events += events
        kept.moved = self._counted("moved") - self._moved_before

    def _keep(self, see_ns: int, waited_ns: int, ended_ns: int) -> None:
        kept = self.kept
        kept.see_ns.append(see_ns)
        kept.waited_ns.append(waited_ns)
        kept.ends_ns.append(ended_ns)
        if self._yardstick is not None:
            kept.yardstick_ns.append(self._yardstick.ns())

    def _warm_up(self) -> None:
        self._warm -= 1
        if not self._warm:
            self.kept = Kept()
            self._moved_before = self._counted("moved")

    @property
    def done(self) -> bool:
        """Whether there are as many looks as were wanted, or there will never be."""
        return self.kept.looks >= self.runs or self.kept.frames >= MOST_FRAMES * self.runs

    def close(self) -> None:
        """Let the kernel's counter go."""
        self._core.close()


@contextmanager
def river(
    config: Config,
    engines: Engines,
    runs: int,
    clock: Clock | None = None,
    measured: bool = True,
) -> Iterator[River]:
    """Return a `River`, closed at the end."""
    made = River(config, engines, runs, clock, measured)
    try:
        yield made
    finally:
        made.close()


def eager(config: Config) -> Config:
    """Return ``config`` without a limit on looks."""
    model = msgspec.structs.replace(config.model, looks_per_s=1e6)
    return msgspec.structs.replace(config, model=model)
