"""The life of one accelerator: opened, lost, opened again, with all the models that live on it."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from edgeagent.clock import Clock
from edgeagent.engines import Engine, Tell
from edgeagent.errors import AcceleratorError, Cause, ModelError
from edgeagent.findings import Notice
from edgeagent.health import Health

FIRST_S = 1.0
"""Bound of the first wait; each further one is twice as long, up to the longest."""

SOUND_S = 60.0
"""A device that has served for so long is taken for sound: the next loss begins at `FIRST_S`."""

LOOK_S = 1.0
"""How often a wait looks whether the device has been plugged in meanwhile."""

BLIND_EVERY = 8
"""The first of so many tries is made although no device is seen: the looking may be wrong."""

STOP_S = 2.0
"""Longest that closing waits for a try under way."""

log = logging.getLogger(__name__)

Open = Callable[[], Sequence[Engine]]
"""Opens every model on the device, tested and fit for use; leaves nothing behind when it raises.

Raises:
    AcceleratorError: with its cause.
    ModelError: the compiled file will not do.
"""


HELPLESS = ("library", "mismatch", "permission", "disagreement", "closed")
"""Causes that cutting a device's power would not mend."""


class Plea(Protocol):
    """Asks somebody with more rights to bring a device back."""

    def ask(self, why: str) -> None:
        """Ask for it, each time that it could not be opened; not too often is its own affair."""
        ...

    def withdraw(self) -> None:
        """Say that it is there again."""
        ...


class NoPlea:
    """Asks nobody."""

    def ask(self, why: str) -> None:
        """See `Plea.ask`."""

    def withdraw(self) -> None:
        """See `Plea.withdraw`."""


NO_PLEA = NoPlea()


def always() -> bool:
    """Say that the device is there, where nobody can know better."""
    return True


def nothing() -> None:
    """Do nothing."""


def nowhere() -> str:
    """Say that nobody knows where the device is plugged in."""
    return ""


class Accelerator:
    """One device that comes and goes; its models come and go together.

    Whoever runs a model and finds it gone calls `lose`. Closing what is dead and opening it again
    is done by a thread of its own, or by whoever calls `attempt`; nobody who looks ever waits for
    it. Waits are drawn evenly between 0 and a bound that doubles (full jitter), and end at once
    when the device is seen again. There is no state but there, away and closed.

    Each loss is one notice ``tpu_lost`` with its cause, however many models and cameras felt it
    and however many tries fail after it, and each return one ``tpu_back``.
    """

    def __init__(
        self,
        name: str,
        open: Open,
        tell: Tell,
        health: Health,
        clock: Clock,
        *,
        users: int = 1,
        longest_s: float = 30.0,
        present: Callable[[], bool] = always,
        expected: bool = True,
        abandon: Callable[[], None] = nothing,
        plea: Plea = NO_PLEA,
        port: Callable[[], str] = nowhere,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Remember how to open the device; nothing is opened yet.

        Args:
            name: ``usb:0``, for notices and health.
            open: opens its models anew, each time; in the order of their numbers.
            tell: hears of ``lost``, ``back``, ``slow`` and ``well``, in whatever thread it happens.
            health: counts losses by cause, and holds what is wrong.
            clock: times how long the device has been sound.
            users: how many `Failover` share it; with the last of them it is closed.
            longest_s: bound of the longest wait between two tries.
            present: whether such a device can be seen; cheap, asked every `LOOK_S` while it is
                away.
            expected: False: that there has never been one is as it should be, and not told.
            abandon: makes an ``open`` under way fail soon; called when all is closed.
            plea: asked when a device that was there cannot be opened again.
            port: where it is plugged in, "" where that is not known.
            draw: picks a number between its two arguments.
        """
        self.name = name
        self._open, self._tell, self._health, self._clock = open, tell, health, clock
        self._users, self._longest_s = users, longest_s
        self._present, self._expected, self._abandon, self._draw = present, expected, abandon, draw
        self._plea, self._port, self._is_opening = plea, port, False
        self._lock = threading.Lock()
        self._engines: Sequence[Engine] | None = None
        self._gone: list[Engine] = []
        self._told: Cause | None = None
        self._slow: set[int] = set()
        self._tries = 0
        self._waits = 0
        self._was_sound = True
        self._since_s = clock.mono_s()
        self._wake, self._stop = threading.Event(), threading.Event()
        # A daemon, so that a library that hangs at load cannot keep the process from ending.
        self._thread = threading.Thread(target=self._keep, name=f"tpu-{name}", daemon=True)

    @property
    def cause(self) -> Cause | None:
        """Why it is away, None while it is not, or where nobody has been told."""
        return self._told

    @property
    def is_held(self) -> bool:
        """Whether this process has the device open, or is about to."""
        return self._engines is not None or self._is_opening

    @property
    def port(self) -> str:
        """Where it is plugged in, ``2-1.4``; "" where that is not known."""
        return self._port()

    def start(self) -> None:
        """Begin to open it, and to open it again whenever it is lost; returns at once."""
        self._thread.start()

    def engine(self, number: int) -> Engine | None:
        """Return the model ``number`` on the device, None while the device is away."""
        engines = self._engines
        return None if engines is None else engines[number]

    def lose(self, engine: Engine, error: AcceleratorError) -> None:
        """Say that ``engine`` raised ``error``; only the first to say so of one life counts."""
        with self._lock:
            engines = self._engines or ()
            if not any(engine is one for one in engines):
                return
            self._gone, self._engines = list(engines), None
        now_s = self._clock.mono_s()
        self._was_sound, self._since_s = now_s - self._since_s >= SOUND_S, now_s
        self._away(error.cause, str(error))
        self._wake.set()

    def slow(self, number: int, why: str) -> None:
        """Say that model ``number`` has become slow, or with an empty ``why`` that it is not."""
        with self._lock:
            was = bool(self._slow)
            (self._slow.add if why else self._slow.discard)(number)
            changed = bool(self._slow) != was
        if not changed:
            return
        part = f"tpu {self.name} pace"
        if why:
            self._health.fault(part, why)
        else:
            self._health.well(part)
        self._tell(Notice("tpu", "slow" if why else "well", why or "as fast as before", self.name))

    def attempt(self) -> bool:
        """Try once to open it; return whether it is there now. One thread's at a time."""
        self._let_go()
        is_blind = self._expected and self._tries % BLIND_EVERY == 0
        self._tries += 1
        if not (is_blind or self._present()):
            self._failed(AcceleratorError("no such device is plugged in", cause="no_device"))
            return False
        began_s, self._is_opening = self._clock.mono_s(), True
        try:
            engines = self._open()
        except Exception as error:  # noqa: BLE001  no fault may end the only thread that comes back
            self._is_opening = False
            self._failed(error)
            return False
        self._health.gauge(f"tpu_open_s.{self.name}", self._clock.mono_s() - began_s)
        taken, self._is_opening = self._take(engines), False
        return taken

    def release(self) -> None:
        """Be left by one of its users; when the last has gone everything is closed, for good."""
        with self._lock:
            self._users -= 1
            if self._users > 0 or self._stop.is_set():
                return
            self._stop.set()
            self._gone += self._engines or ()
            self._engines = None
        self._wake.set()
        self._let_go()
        self._abandon()
        for part in (f"tpu {self.name}", f"tpu {self.name} pace"):
            self._health.well(part)
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _keep(self) -> None:
        """Be the thread: open, rest until it is lost, wait, open again."""
        while not self._stop.is_set():
            if self._engines is None and not self.attempt():
                self._wait()
                continue
            self._wake.wait()
            self._wake.clear()
            if self._was_sound:
                self._waits = 0
            else:
                # One that dies as soon as it is back must not be opened as fast as it dies.
                self._wait()

    def _take(self, engines: Sequence[Engine]) -> bool:
        if not self._stop.is_set():
            self._welcome(engines)
        with self._lock:
            is_late = self._stop.is_set()
            if not is_late:
                self._engines = engines
        if is_late:
            _close_all(engines)
        return not is_late

    def _welcome(self, engines: Sequence[Engine]) -> None:
        """Say that it is there, before it can be lost again."""
        away_s = self._clock.mono_s() - self._since_s
        names = ", ".join(f"{one.bundle.name} {one.file.digest8}" for one in engines)
        if self._told is None:
            why = f"{names} on {self.name}, loaded in {sum(e.load_ms for e in engines):.0f} ms"
            self._tell(Notice("engine", "ready", why, engines[0].name))
        else:
            why = f"{names} after {away_s:.0f} s and {self._tries} tries"
            self._tell(Notice("tpu", "back", why, self.name))
        if self._told is not None:
            self._plea.withdraw()
        self._told, self._expected, self._tries = None, True, 0
        self._since_s = self._clock.mono_s()
        self._health.well(f"tpu {self.name}")
        self._health.gauge(f"tpu.{self.name}", 1)

    def _failed(self, error: Exception) -> None:
        """Take a try that came to nothing; only the first of a loss is told."""
        if self._stop.is_set() or not (self._expected or self._present()):
            return
        if not isinstance(error, AcceleratorError | ModelError):
            about = {"engine": self.name}
            log.error("tpu %s: a fault in opening it", self.name, exc_info=error, extra=about)
        cause: Cause = getattr(error, "cause", "error")
        self._away(cause, str(error) or repr(error))
        if cause not in HELPLESS and not isinstance(error, ModelError):
            self._plea.ask(f"tpu {self.name}: {cause}")

    def _away(self, cause: Cause, why: str) -> None:
        told, self._told = self._told, cause
        self._health.fault(f"tpu {self.name}", f"{cause}: {why}")
        self._health.gauge(f"tpu.{self.name}", 0)
        if told is None:
            self._health.count(f"tpu_lost_total.{cause}")
            self._tell(Notice("tpu", "lost", f"{cause}: {why}", self.name))
        elif told != cause:
            about = {"engine": self.name, "error": AcceleratorError}
            log.warning("tpu %s: still away, now by %s: %s", self.name, cause, why, extra=about)

    def _let_go(self) -> None:
        """Close what was lost: the device takes one owner at a time."""
        with self._lock:
            gone, self._gone = self._gone, []
        _close_all(gone)

    def _wait(self) -> None:
        bound_s = min(self._longest_s, FIRST_S * 2**self._waits)
        # Above this power the bound has long been reached.
        self._waits = min(self._waits + 1, 16)
        was_there, left_s = self._present(), self._draw(0.0, bound_s)
        while left_s > 0 and not self._stop.wait(min(left_s, LOOK_S)):
            left_s -= LOOK_S
            if not was_there and self._present():
                return


def _close_all(engines: Sequence[Engine]) -> None:
    for engine in engines:
        try:
            engine.close()
        except Exception:
            # It is being thrown away; what matters is that the next one can be opened.
            log.exception("engine %r did not close", engine.name)
