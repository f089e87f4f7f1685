"""The cameras at work, each with its looker thread: begun, ended, begun anew."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from edgeagent import assembly, journal
from edgeagent.agent import Agent, Put
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig
from edgeagent.engines import Tell
from edgeagent.errors import UsageError
from edgeagent.histogram import StageHistograms
from edgeagent.pauses import Pauses
from edgeagent.sources import Source

STOP_S = 2.0
"""Longest that all cameras together may take to stop."""

State = Literal["watched", "paused", "lent", "ended"]


class Watch:
    """A camera that is watched, or rests. Begun once; to watch it again, another is made."""

    def __init__(
        self,
        config: CameraConfig,
        agent: Agent,
        source: Source,
        stop: threading.Event,
        put: Put,
        fail: Callable[[Exception], None],
        begun_s: float,
    ) -> None:
        """Make ready; nothing is opened before `begin`.

        Args:
            config: its table.
            agent: sees its frames.
            source: gives them.
            stop: ends the source's waits; set by `close`.
            put: takes the events.
            fail: hears in the looker's thread that it died, and why.
            begun_s: the time now, monotonic seconds.
        """
        self.config, self.agent, self.begun_s = config, agent, begun_s
        self.stages = StageHistograms()
        self.lent = False
        """Somebody on the device looks through it; it is watched again when they have done."""
        self.paused = False
        """Nobody looks through it before it is resumed."""
        self._source, self._stop = source, stop
        self._put, self._fail = put, fail
        self._thread = threading.Thread(
            target=self._look, name=f"camera-{config.name}", daemon=True
        )

    @property
    def name(self) -> str:
        """The camera's."""
        return self.config.name

    @property
    def state(self) -> State:
        """What it is doing; ``ended``: it had an end, as a film has."""
        if self.lent:
            return "lent"
        if self.paused:
            return "paused"
        return "watched" if self._thread.is_alive() else "ended"

    @property
    def dropped(self) -> int:
        """See `Source.dropped`; it begins anew with the camera."""
        return self._source.dropped

    @property
    def is_open(self) -> bool:
        """Whether its device may be held by this process."""
        return self._thread.is_alive()

    def begin(self) -> None:
        """Begin to watch; a camera that will not open is not the end."""
        self._thread.start()

    def close(self) -> None:
        """Have the thread end, and the camera let go; waits as `Source.close` does."""
        self._stop.set()
        self._source.close()

    def join(self, limit_s: float) -> None:
        """Wait until it has, or ``limit_s`` have passed."""
        if self._thread.ident is not None:
            self._thread.join(max(limit_s, 0.0))

    def _look(self) -> None:
        """Be a looker thread: it ends with its camera, and takes the process along if it fails."""
        journal.camera.set(self.name)
        try:
            self.agent.run(self._source, self._put, self.stages)
        except Exception as error:  # noqa: BLE001  whatever it was, nobody looks any more
            self._fail(error)


class Watches:
    """All cameras of the settings. Any thread may read; who begins or ends any holds ``life``."""

    def __init__(
        self,
        new_agent: Callable[[CameraConfig], Agent],
        put: Put,
        fail: Callable[[Exception], None],
        tell: Tell,
        clock: Clock,
        over: threading.Event,
        pauses: Pauses,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            new_agent: makes the agent of one camera.
            put: takes its events.
            fail: hears in a looker's thread that it died, and why.
            tell: hears what its source says.
            clock: times how long they take to stop.
            over: once it is set, no camera is begun any more.
            pauses: knows which of them rest.
        """
        self._new_agent, self._put, self._fail = new_agent, put, fail
        self._tell, self._clock = tell, clock
        self.over, self.pauses = over, pauses
        self.life = threading.RLock()
        self.all: list[Watch] = []
        """In the order of the settings."""

    def open(self, configs: Sequence[CameraConfig]) -> None:
        """Begin to watch those that are not paused."""
        with self.life:
            self.pauses.read([config.name for config in configs])
            self.all += [self._begin(config) for config in configs]

    def named(self, name: object) -> Watch:
        """Return the camera ``name``.

        Raises:
            UsageError: there is none, or none yet.
        """
        for watch in self.wanted({}):
            if watch.name == name:
                return watch
        names = ", ".join(watch.name for watch in self.all)
        raise UsageError(f"no camera {name!r}; there is {names}")

    def wanted(self, asked: Mapping[str, Any]) -> list[Watch]:
        """Return the cameras that a request names in ``camera``, one or several; all if none.

        Raises:
            UsageError: there is no such camera, or none yet.
        """
        if not self.all:
            raise UsageError("no camera is open yet; ask again")
        if "camera" not in asked:
            return list(self.all)
        named = asked["camera"]
        return [self.named(name) for name in (named if isinstance(named, list) else [named])]

    def begin_anew(self, watch: Watch) -> Watch:
        """End ``watch``, and put another in its place: at rest where the camera is paused."""
        self.end([watch])
        anew = self._begin(watch.config)
        self.all[self.all.index(watch)] = anew
        return anew

    def end(self, watches: Sequence[Watch]) -> bool:
        """Have their cameras let go; return whether they did in time."""
        for watch in watches:
            watch.close()
        return self.settled(watches)

    def settled(self, watches: Sequence[Watch]) -> bool:
        """Wait for those that were closed; return whether they let go in time."""
        deadline_s = self._clock.mono_s() + STOP_S
        for watch in watches:
            watch.join(deadline_s - self._clock.mono_s())
        return not any(watch.is_open for watch in watches)

    def _begin(self, config: CameraConfig) -> Watch:
        stop, agent = threading.Event(), self._new_agent(config)
        source = assembly.open_camera(config, self._clock, self._tell, stop, agent.attention)
        begun_s = self._clock.mono_s()
        watch = Watch(config, agent, source, stop, self._put, self._fail, begun_s)
        watch.paused = config.name in self.pauses
        if not watch.paused:
            watch.begin()
        return watch
