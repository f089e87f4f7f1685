"""Opens the real parts, keeps them alive, re-reads the settings, and stops them in order.

Threads: this one (signals, watchdog), one looker a camera (and its reader), one publisher, the
link's own. Nothing is shared between them but the outbox, the engines and health. Stopping goes
the way the water flows: cameras first, link last.
"""

import logging
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeagent import assembly
from edgeagent import event as events
from edgeagent.accelerators import Find, Ties
from edgeagent.agent import Agent, Engines
from edgeagent.clock import Clock, kernel_boot
from edgeagent.config import CameraConfig, Config, Reload
from edgeagent.control import Control, Request, runtime_folder
from edgeagent.edgetpu import find_devices
from edgeagent.edgetpu.recovery import Recovery
from edgeagent.errors import ConfigError, EdgeagentError, UsageError
from edgeagent.event import Event
from edgeagent.findings import Notice
from edgeagent.glance import Glance, look_now
from edgeagent.health import Health
from edgeagent.identity import Boot, begin_boot
from edgeagent.outbox import Outbox
from edgeagent.settings import Change, changes, load
from edgeagent.sources import Source
from edgeagent.uplink import Uplink
from edgeagent.watchdog import Notifier, Watchdog
from edgeagent.wire.json import seen_fields

_log = logging.getLogger(__name__)

TICK_S = 0.25
"""How often the main thread looks around; well below any sane WatchdogSec."""
CAMERA_STOP_S = 2.0
"""Longest that all cameras together may take to stop."""
DRAIN_S = 1.5
"""Longest that a stop waits for the broker to acknowledge what is stored."""
LOCAL = "local"
"""Stands for the id in what a person on the device asked for."""
GOOD_NEWS = ("back", "lent", "read", "ready", "returned", "well")
"""Notices that need nobody's attention."""


@dataclass(slots=True)
class _Watch:
    """One camera at work."""

    config: CameraConfig
    agent: Agent
    source: Source
    thread: threading.Thread
    stop: threading.Event
    lent: bool = False
    """Somebody on the device looks through it; it is watched again when they have done."""


class Supervisor:
    """The life of one agent, from its first event to its last."""

    def __init__(
        self,
        config: Config,
        path: Path | None,
        state: Path,
        clock: Clock,
        find: Find = find_devices,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            config: checked settings.
            path: the file they came from, read again at SIGHUP; None: there is none.
            state: folder for the outbox, the boot counter and what was learnt.
            clock: for everything.
            find: the Edge TPUs that can be seen.
        """
        self._config, self._path, self._state, self._clock = config, path, state, clock
        self._kernel = kernel_boot()
        self.health = Health()
        recovery = Recovery(runtime_folder(state), self.tell, clock.mono_s)
        self._ties = Ties(self.tell, self.health, clock, find, recovery)
        self._notifier = Notifier()
        self._watchdog = Watchdog(self._notifier, self.health, config.health.stuck_s)
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._moved = threading.Event()
        """Another engine answers now: what the device says it is has to be said anew."""
        self._engines = Engines()
        self._watches: list[_Watch] = []
        self._life = threading.RLock()
        """Held by whoever begins or ends cameras: this thread, or one that lends."""
        self._control = Control(runtime_folder(state), self._answer)
        self._failure: EdgeagentError | None = None

    def run(self) -> int:
        """Work until told to stop, or until every camera has ended; return the exit status.

        Raises:
            EdgeagentError: a part gave up; systemd is to start the process anew.
        """
        boot = begin_boot(self._state, self._kernel)
        folder = Path(self._config.outbox.folder or self._state / "outbox")
        self._outbox = Outbox.open(folder, boot.name, self._config.outbox, self.tell, self._clock)
        self._put(self._start_event(boot))
        self._uplink = Uplink(
            self._outbox,
            self._state,
            self._clock,
            self.health,
            self.tell,
            self._engines.all,
            deeds={"look": self._look_now},
        )
        try:
            self._open()
            self._serve()
        finally:
            self._close()
        if self._failure is not None:
            raise self._failure
        boot.end()
        return 0

    def _start_event(self, boot: Boot) -> Event:
        told = (boot.previous, self._outbox.last_seq(boot.previous), boot.ended)
        when = events.now(self._clock, self._kernel)
        return Event("start", when, previous=told, why=boot.fault)

    def tell(self, notice: Notice) -> None:
        """Hear of something that happened to a part: log it, and put it into the outbox."""
        level = logging.INFO if notice.what in GOOD_NEWS else logging.WARNING
        _log.log(level, "%s %s %s: %s", notice.part, notice.name, notice.what, notice.why)
        self._put(events.from_notice(notice, events.now(self._clock, self._kernel)))
        if notice.part in ("tpu", "engine"):
            self._moved.set()

    def _put(self, event: Event) -> None:
        self._outbox.put(event.kind, events.encode(event))

    def _open(self) -> None:
        """Open everything that the settings name; a part that will not open is not the end."""
        self._uplink.open(self._config)
        self._change_engines()
        for camera in self._config.camera:
            self._watches.append(self._watch(camera))
        self._control.start()

    def _watch(self, camera: CameraConfig) -> _Watch:
        stop = threading.Event()
        agent = Agent(camera, self._config, self._engines, self._clock, self.health, self._kernel)
        source = assembly.open_camera(camera, self._clock, self.tell, stop, agent.attention)
        thread = threading.Thread(
            target=self._look, args=(agent, source), name=f"camera-{camera.name}", daemon=True
        )
        thread.start()
        return _Watch(camera, agent, source, thread, stop)

    def _look(self, agent: Agent, source: Source) -> None:
        """Be a looker thread: it ends with its camera, and takes the process along if it fails."""
        try:
            agent.run(source, self._put)
        except Exception as error:  # noqa: BLE001  whatever it was, nobody looks any more
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, EdgeagentError):
            _log.error("stopping", exc_info=error)
            error = EdgeagentError(f"a fault in edgeagent itself: {error!r}")
        self._failure = error
        self._stop.set()

    def _serve(self) -> None:
        self._notifier.tell("READY=1")
        while not self._stop.wait(TICK_S):
            if self._reload.is_set():
                self._reload.clear()
                self._reread()
            if self._moved.is_set():
                self._moved.clear()
                self._uplink.announce()
            self._watchdog.feed(self._clock.mono_s())
            if not self._uplink.alive():
                self._fail(RuntimeError("the publisher's thread died"))
            if self._watches and not any(w.lent or w.thread.is_alive() for w in self._watches):
                self.stop()

    def stop(self) -> None:
        """Ask for a clean stop; safe in a signal handler."""
        self._stop.set()

    def reread(self) -> None:
        """Ask for the settings to be read again; safe in a signal handler."""
        self._reload.set()

    def _reread(self) -> None:
        """Take over what may be taken over; a wrong file changes nothing."""
        if self._path is None:
            return
        try:
            config = load(self._path)
        except ConfigError as error:
            self.health.fault("config", error.faults[0])
            self.tell(Notice("config", "refused", "; ".join(error.faults)))
            return
        self.health.well("config")
        changed = changes(self._config, config)
        with self._life:
            self._config = config
            self._take_over(changed)

    def _take_over(self, changed: list[Change]) -> None:
        kept = [c.path for c in changed if c.reload is Reload.START]
        parts = {c.path.partition(".")[0] for c in changed if c.reload is Reload.PART}
        self._watchdog.stuck_s = self._config.health.stuck_s
        self._outbox.retune(self._config.outbox)
        for watch in self._watches:
            watch.agent.retune(self._config)
        if "model" in parts:
            self._change_engines()
        self._uplink.retune(self._config, reopen=not parts.isdisjoint({"mqtt", "commands"}))
        for number, watch in enumerate(self._watches):
            if not watch.lent and ("motion" in parts or f"camera[{number}]" in parts):
                self._watches[number] = self._watch_anew(watch)
        taken = [c.path for c in changed if c.path not in kept]
        why = f"taken over: {', '.join(taken) or 'nothing'}"
        if kept:
            why += f"; kept until the next start: {', '.join(kept)}"
        self.tell(Notice("config", "read", why))

    def _change_engines(self) -> None:
        """Open what the settings name now; the cameras go on with the old until it is ready."""
        new = assembly.keep_looking(self._config.model, self._state, self._ties)
        old = self._engines.all()
        self._engines.look, self._engines.vector = new.look, new.vector
        for engine in old:
            engine.close()
        new.begin()
        self._uplink.announce()

    def _watch_anew(self, watch: _Watch) -> _Watch:
        self._end([watch])
        config = next((c for c in self._config.camera if c.name == watch.config.name), watch.config)
        return self._watch(config)

    @contextmanager
    def _answer(self, request: Request) -> Iterator[Mapping[str, Any]]:
        """Do what a person on the device asks; what is lent, for as long as they stay."""
        match request.get("do"):
            case "lend":
                with self._lent(request) as told:
                    yield told
            case "glance":
                yield self._look_now(LOCAL, request)
            case other:
                raise UsageError(f"{other!r}: there is lend, and glance")

    def _look_now(self, wish: str, asked: Request) -> Mapping[str, Any]:
        """Have one camera's next frame looked at, or that of each; tell what is in view."""
        name = asked.get("camera")
        names = [camera.name for camera in self._config.camera]
        if name is not None and name not in names:
            raise UsageError(f"no camera {name!r}; there is {', '.join(names)}")
        watches = [w for w in self._watches if name in (None, w.config.name)]
        looked = look_now({w.config.name: w.agent.look_soon for w in watches if not w.lent}, wish)
        wanted = [str(name)] if name else names
        away = Glance(wish)
        away.refuse("it is lent, or not open yet; ask again")
        return {"saw": {camera: _told(looked.get(camera, away)) for camera in wanted}}

    @contextmanager
    def _lent(self, request: Request) -> Iterator[Mapping[str, Any]]:
        names = [camera.name for camera in self._config.camera]
        name = request.get("camera")
        if name not in names:
            raise UsageError(f"no camera {name!r}; there is {', '.join(names)}")
        number = names.index(str(name))
        self._lend(number)
        try:
            yield {"camera": name}
        finally:
            self._take_back(number)

    def _lend(self, number: int) -> None:
        with self._life:
            watch = self._watches[number]
            if watch.lent:
                raise UsageError(f"camera {watch.config.name!r} is lent already; try again later")
            watch.lent = True
            self._end([watch])
        self.tell(Notice("camera", "lent", "somebody at the device looks", watch.config.name))

    def _take_back(self, number: int) -> None:
        with self._life:
            if self._stop.is_set():
                return
            watch = self._watches[number] = self._watch_anew(self._watches[number])
        self.tell(Notice("camera", "returned", "it is watched again", watch.config.name))

    def _end(self, watches: list[_Watch]) -> bool:
        """Stop cameras; return whether all of them did in time."""
        for watch in watches:
            watch.stop.set()
            watch.source.close()
        deadline_s = self._clock.mono_s() + CAMERA_STOP_S
        for watch in watches:
            watch.thread.join(max(deadline_s - self._clock.mono_s(), 0.0))
        return not any(watch.thread.is_alive() for watch in watches)

    def _close(self) -> None:
        """Stop in the order of the river."""
        self._notifier.tell("STOPPING=1")
        self._control.close()
        if self._end(self._watches):
            for engine in self._engines.all():
                engine.close()
        else:
            _log.error("a camera did not stop within %g s", CAMERA_STOP_S)
        self._uplink.close(DRAIN_S)
        self._outbox.close()
        self._notifier.close()


def _told(glance: Glance) -> Mapping[str, Any]:
    return {"why": glance.why} if glance.why else seen_fields(glance.seen)


def on_signals(supervisor: Supervisor) -> None:
    """Let SIGTERM and SIGINT stop ``supervisor``, and SIGHUP make it read its settings again."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    signal.signal(signal.SIGHUP, lambda *_: supervisor.reread())
