"""Opens the real parts, keeps them alive, re-reads the settings, and stops them in order.

Threads: this one (signals, watchdog), one looker a camera (and its reader), one publisher, the
link's own, and one for the page. Nothing is shared between them but the outbox, the engines and
health. Stopping goes the way the water flows: cameras first, link last.
"""

import logging
import signal
import threading
from pathlib import Path

from edgeagent import assembly, orders
from edgeagent import event as events
from edgeagent.accelerators import Ties
from edgeagent.acting import Acting
from edgeagent.agent import Agent
from edgeagent.berth import Find
from edgeagent.bulletin import Bulletin
from edgeagent.cameras import Cameras
from edgeagent.clock import Clock, kernel_boot
from edgeagent.commands import Books, Desired, Kind
from edgeagent.config import CameraConfig, Config
from edgeagent.control import Control, runtime_folder
from edgeagent.desk import Desk
from edgeagent.edgetpu import find_devices
from edgeagent.edgetpu.recovery import Recovery
from edgeagent.errors import EdgeagentError
from edgeagent.event import Event
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.homeassistant import HomeAssistant
from edgeagent.identity import begin_boot
from edgeagent.looker import Engines
from edgeagent.machine import Machine
from edgeagent.outbox import Outbox
from edgeagent.page import Page
from edgeagent.page.telling import Feed
from edgeagent.pauses import Pauses
from edgeagent.pausing import Pausing
from edgeagent.probation import Probation
from edgeagent.reckoning import Reckoning
from edgeagent.rounds import Parts, Rounds
from edgeagent.settings import changes
from edgeagent.takeover import TakeOver
from edgeagent.tidings import Tidings
from edgeagent.uplink import Uplink
from edgeagent.watchdog import Notifier, Watchdog
from edgeagent.watching import Watches

_log = logging.getLogger(__name__)

TICK_S = 0.25
"""How often the main thread looks around; well below any sane WatchdogSec."""
DRAIN_S = 1.5
"""Longest that a stop waits for the broker to acknowledge what is stored."""
RESTART_STATUS = 75
"""Exit status of a restart that was ordered (``EX_TEMPFAIL`` of ``sysexits.h``): not 0, so that
systemd starts the service anew whether its unit says ``always`` or ``on-failure``."""


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
        self._config, self._state, self._clock = config, state, clock
        self._kernel = kernel_boot()
        self._reckoning = Reckoning(clock, self._kernel, state, self.tell)
        self.health = Health()
        recovery = Recovery(runtime_folder(state), self.tell, clock.mono_s)
        self._ties = Ties(self.tell, self.health, clock, find, recovery)
        self._notifier = Notifier()
        self._watchdog = Watchdog(self._notifier, self.health, config.health.stuck_s)
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._moved = threading.Event()
        """Another engine answers now, or other settings hold: what the device is is said anew."""
        self._home = HomeAssistant(state, clock, self.health)
        self._page = Page(state, self.health, Feed(self._bulletin, clock, config))
        self._tidings = Tidings(self.health, clock, self._kernel, self.put)
        self._engines = Engines()
        pauses = Pauses(state, clock, self._kernel, self.health)
        self._watches = Watches(
            self._new_agent, self.put, self._fail, self.tell, clock, self._stop, pauses
        )
        self._cameras = Cameras(self._watches, self.tell)
        self._pausing = Pausing(self._watches, self.tell)
        self._acting = Acting(self.health, clock, self._kernel)
        self._failure: EdgeagentError | None = None
        self._status = 0
        self._probation = Probation(config, path, state, self.tell, clock)

    def run(self) -> int:
        """Work until told to stop, or until every camera has ended; return the exit status.

        Raises:
            EdgeagentError: a part gave up; systemd is to start the process anew.
        """
        boot = begin_boot(self._state, self._kernel)
        folder = Path(self._config.outbox.folder or self._state / "outbox")
        self._outbox = Outbox.open(folder, boot.name, self._config.outbox, self.tell, self._clock)
        self._tidings.begin(boot, self._outbox)
        self._config = self._probation.begin(boot.ended)
        self._rounds = Rounds(self._parts(folder), self.health, self._clock, Machine())
        self._reckoning.look()
        self._uplink = self._new_uplink(boot.name)
        self._take_over = self._new_take_over()
        self._control = Control(runtime_folder(self._state), self._new_desk().answer)
        try:
            self._open()
            self._serve()
        finally:
            self._close()
        if self._failure is not None:
            raise self._failure
        boot.end()
        return self._status

    def _new_uplink(self, boot: str) -> Uplink:
        books, changed = self._books(), self._moved.set
        self._desired = Desired(
            self._probation, books, self._clock, self.health, self.tell, changed
        )
        return Uplink(
            self._outbox,
            self._state,
            self._clock,
            self.health,
            self.tell,
            self._engines.all,
            kinds=self._orders(boot),
            books=books,
            desired=self._desired,
            bulletin=self._rounds.bulletin,
            ahead_ms=self._reckoning.ahead_ms,
            home=self._home,
        )

    def _new_take_over(self) -> TakeOver:
        return TakeOver(
            self._watchdog,
            self._outbox,
            self._uplink,
            self._cameras,
            self._acting,
            self._page,
            self._change_engines,
        )

    def _new_desk(self) -> Desk:
        return Desk(
            self._cameras,
            self._pausing,
            self._engines,
            self._outbox,
            self._uplink,
            self.health,
            self._clock,
            self._rounds.bulletin,
            self._acting.try_,
        )

    def _orders(self, boot: str) -> dict[str, Kind]:
        return {
            **orders.of_questions(self._rounds.bulletin, boot, lambda: self._outbox.depth),
            **orders.of_cameras(self._cameras, self._pausing),
            **orders.of_life(self, self._probation),
        }

    def _books(self) -> Books:
        books = Books(self._state, self._clock)
        if books.fault:
            self.health.fault("orders", books.fault)
        return books

    def _parts(self, folder: Path) -> Parts:
        return Parts(
            config=lambda: self._config,
            cameras=self._cameras,
            engines=self._engines,
            outbox=self._outbox,
            connected=lambda: self._uplink.connected,
            clock=self._clock,
            folder=folder,
        )

    def _bulletin(self) -> Bulletin:
        return self._rounds.bulletin()

    def tell(self, notice: Notice) -> None:
        """Hear of something that happened to a part; any thread may."""
        self._tidings.hear(notice)
        if notice.part in ("tpu", "engine"):
            self._moved.set()

    def put(self, event: Event) -> None:
        """Store an event, and show it to whoever has the page open; any thread may."""
        put = self._outbox.put(event.kind, events.encode(event))
        self._acting.hear(event, put.seq)
        self._page.hear(event)
        self._home.hear(event)

    def _open(self) -> None:
        """Open everything that the settings name; a part that will not open is not the end."""
        self._uplink.open(self._config)
        self._acting.open(self._config, self._outbox.boot)
        self._change_engines()
        self._watches.open(self._config.camera)
        self._pausing.tell(self._watches.all)
        self._rounds.start()
        self._control.start()
        self._page.open(self._config)

    def _new_agent(self, camera: CameraConfig) -> Agent:
        self._home.begin(camera.name)
        return Agent(
            camera,
            self._config,
            self._engines,
            self._clock,
            self.health,
            self._kernel,
            self._page.glimpse(camera.name),
        )

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
            self._pausing.tick()
            self._reckoning.look()
            if self._desired.tick(self._bulletin):
                self.reread()
            self._watchdog.feed(self._clock.mono_s())
            if not self._uplink.alive():
                self._fail(RuntimeError("the publisher's thread died"))
            if self._cameras.ended:
                self.stop()

    def stop(self) -> None:
        """Ask for a clean stop; safe in a signal handler."""
        self._stop.set()

    def restart(self) -> None:
        """Ask for a clean stop with a status that systemd starts anew; any thread may."""
        self._status = RESTART_STATUS
        self._stop.set()

    def reread(self) -> None:
        """Ask for the settings to be read again; safe in a signal handler."""
        self._reload.set()

    def _reread(self) -> None:
        """Take over what may be taken over; a wrong file changes nothing of what it said before."""
        config, fault = self._probation.read()
        changed, self._config = changes(self._config, config), config
        if fault:
            self.health.fault("config", fault)
        else:
            self.health.well("config")
        if changed or not fault:
            self.tell(Notice("config", "read", self._take_over.apply(config, changed)))

    def _change_engines(self) -> None:
        """Open what the settings name now; the cameras go on with the old until it is ready."""
        new = assembly.keep_looking(self._config.model, self._state, self._ties)
        self._engines.replace_by(new)
        self._uplink.announce()

    def _close(self) -> None:
        """Stop in the order of the river."""
        self._notifier.tell("STOPPING=1")
        self._stop.set()
        self._control.close()
        self._page.close()
        self._rounds.close()
        if self._cameras.close():
            for engine in self._engines.all():
                engine.close()
        else:
            _log.error("a camera did not stop in time")
        self._acting.close()
        self._uplink.close(DRAIN_S)
        self._outbox.close()
        self._notifier.close()


def on_signals(supervisor: Supervisor) -> None:
    """Let SIGTERM and SIGINT stop ``supervisor``, and SIGHUP make it read its settings again."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    signal.signal(signal.SIGHUP, lambda *_: supervisor.reread())
