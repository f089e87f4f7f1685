"""The cameras at work: each a looker thread with its agent; ended, begun anew, lent."""

import threading
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from edgeagent import assembly
from edgeagent.agent import Agent, Put
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, Config
from edgeagent.control import Request
from edgeagent.engines import Tell
from edgeagent.errors import UsageError
from edgeagent.findings import Notice
from edgeagent.glance import Glance, look_now
from edgeagent.histogram import Histogram, StageHistograms
from edgeagent.sources import Source
from edgeagent.wire.json import seen_fields

Times = Mapping[str, float]
"""``n``, ``p50_ms`` and ``p90_ms`` of one stage."""

STOP_S = 2.0
"""Longest that all cameras together may take to stop."""


@dataclass(slots=True)
class _Watch:
    """One camera at work."""

    config: CameraConfig
    agent: Agent
    source: Source
    thread: threading.Thread
    stop: threading.Event
    stages: StageHistograms
    begun_s: float
    """Monotonic seconds."""
    lent: bool = False
    """Somebody on the device looks through it; it is watched again when they have done."""

    @property
    def state(self) -> str:
        """``watched``, ``lent``, or ``ended``: it had an end, as a film has."""
        if self.lent:
            return "lent"
        return "watched" if self.thread.is_alive() else "ended"


class Cameras:
    """All cameras of the settings. Any thread may call; one at a time begins or ends them."""

    def __init__(
        self,
        new_agent: Callable[[CameraConfig], Agent],
        put: Put,
        fail: Callable[[Exception], None],
        tell: Tell,
        clock: Clock,
        over: threading.Event,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            new_agent: makes the agent of one camera.
            put: takes its events.
            fail: hears in a looker's thread that it died, and why.
            tell: hears of a camera that is lent, and what its source says.
            clock: times how long they take to stop.
            over: once it is set, no camera is begun any more.
        """
        self._new_agent, self._put, self._fail = new_agent, put, fail
        self._tell, self._clock, self._over = tell, clock, over
        self._watches: list[_Watch] = []
        self._life = threading.RLock()
        """Held by whoever begins or ends cameras."""

    @property
    def ended(self) -> bool:
        """Whether there were cameras, and all of them have come to an end."""
        watches = self._watches
        return bool(watches) and all(watch.state == "ended" for watch in watches)

    def states(self) -> dict[str, str]:
        """Return for each camera ``watched``, ``lent`` or ``ended``."""
        return {watch.config.name: watch.state for watch in self._watches}

    def stages(self) -> dict[str, dict[str, Times]]:
        """Return for each camera and stage how long it took since the camera was begun."""
        return {
            watch.config.name: {stage: _times(h) for stage, h in watch.stages.stages.items()}
            for watch in self._watches
        }

    def begun_s(self) -> dict[str, float]:
        """Return for each camera when it was begun, or begun anew (monotonic seconds)."""
        return {watch.config.name: watch.begun_s for watch in self._watches}

    def dropped(self) -> dict[str, int]:
        """Return for each camera `Source.dropped`, which begins anew with the camera."""
        return {watch.config.name: watch.source.dropped for watch in self._watches}

    def histograms(self) -> dict[str, dict[str, Histogram]]:
        """Return copies of what `stages` is reckoned from."""
        return {
            watch.config.name: {stage: h.copy() for stage, h in watch.stages.stages.items()}
            for watch in self._watches
        }

    def open(self, configs: Sequence[CameraConfig]) -> None:
        """Begin to watch; a camera that will not open is not the end."""
        with self._life:
            self._watches += [self._begin(config) for config in configs]

    def retune(self, config: Config, anew: Container[int]) -> None:
        """Take over the live settings; begin those anew whose numbers are in ``anew``."""
        with self._life:
            for number, watch in enumerate(self._watches):
                watch.agent.retune(config)
                named = (one for one in config.camera if one.name == watch.config.name)
                watch.config = next(named, watch.config)
                if number in anew and not watch.lent:
                    self._watches[number] = self._begin_anew(watch)

    def look_now(self, wish: str, asked: Request) -> Mapping[str, Any]:
        """Have one camera's next frame looked at, or that of each; tell what is in view.

        Raises:
            UsageError: there is no such camera, or none yet.
        """
        wanted = [self._named(asked["camera"])] if "camera" in asked else self._open_ones()
        looked = look_now({w.config.name: w.agent.look_soon for w in wanted if not w.lent}, wish)
        away = Glance(wish)
        away.refuse("it is lent, or not open yet; ask again")
        names = [watch.config.name for watch in wanted]
        return {"saw": {name: _told(looked.get(name, away)) for name in names}}

    @contextmanager
    def lent(self, asked: Request) -> Iterator[Mapping[str, Any]]:
        """Leave a camera to a person on the device, for as long as they stay.

        Raises:
            UsageError: there is no such camera, or somebody else has it.
        """
        number = self._watches.index(self._named(asked.get("camera")))
        self._lend(number)
        try:
            yield {"camera": self._watches[number].config.name}
        finally:
            self._take_back(number)

    def close(self) -> bool:
        """Stop them all; return whether they did in time."""
        return self._end(self._watches)

    def _open_ones(self) -> list[_Watch]:
        if not self._watches:
            raise UsageError("no camera is open yet; ask again")
        return self._watches

    def _named(self, name: object) -> _Watch:
        watches = self._open_ones()
        for watch in watches:
            if watch.config.name == name:
                return watch
        names = ", ".join(watch.config.name for watch in watches)
        raise UsageError(f"no camera {name!r}; there is {names}")

    def _begin(self, config: CameraConfig) -> _Watch:
        stop, stages = threading.Event(), StageHistograms()
        agent = self._new_agent(config)
        source = assembly.open_camera(config, self._clock, self._tell, stop, agent.attention)
        thread = threading.Thread(
            target=self._look,
            args=(agent, source, stages),
            name=f"camera-{config.name}",
            daemon=True,
        )
        thread.start()
        return _Watch(config, agent, source, thread, stop, stages, self._clock.mono_s())

    def _look(self, agent: Agent, source: Source, stages: StageHistograms) -> None:
        """Be a looker thread: it ends with its camera, and takes the process along if it fails."""
        try:
            agent.run(source, self._put, stages)
        except Exception as error:  # noqa: BLE001  whatever it was, nobody looks any more
            self._fail(error)

    def _begin_anew(self, watch: _Watch) -> _Watch:
        self._end([watch])
        return self._begin(watch.config)

    def _lend(self, number: int) -> None:
        with self._life:
            watch = self._watches[number]
            if watch.lent:
                raise UsageError(f"camera {watch.config.name!r} is lent already; try again later")
            watch.lent = True
            self._end([watch])
        self._tell(Notice("camera", "lent", "somebody at the device looks", watch.config.name))

    def _take_back(self, number: int) -> None:
        with self._life:
            if self._over.is_set():
                return
            watch = self._watches[number] = self._begin_anew(self._watches[number])
        self._tell(Notice("camera", "returned", "it is watched again", watch.config.name))

    def _end(self, watches: Sequence[_Watch]) -> bool:
        for watch in watches:
            watch.stop.set()
            watch.source.close()
        deadline_s = self._clock.mono_s() + STOP_S
        for watch in watches:
            watch.thread.join(max(deadline_s - self._clock.mono_s(), 0.0))
        return not any(watch.thread.is_alive() for watch in watches)


def _told(glance: Glance) -> Mapping[str, Any]:
    return {"why": glance.why} if glance.why else seen_fields(glance.seen)


def _times(histogram: Histogram) -> Times:
    copy = histogram.copy()
    p50_ms, p90_ms = (round(copy.quantile_us(share) / 1000, 3) for share in (0.5, 0.9))
    return {"n": copy.count, "p50_ms": p50_ms, "p90_ms": p90_ms}
