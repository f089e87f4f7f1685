"""One action's thread: one at a time, not too often, and what became of it is said."""

import logging
import threading
from collections.abc import Callable

from edgeagent.acting.occasion import Occasion
from edgeagent.acting.outcome import Deed, Outcome
from edgeagent.config import ActionConfig
from edgeagent.health import Health
from edgeagent.rate import Bucket

_log = logging.getLogger(__name__)

SAID_PER_S, SAID_AT_ONCE = 1 / 60, 5
"""Records of one action in the log; the others are counted in the next."""

Hear = Callable[[Outcome], None]


class Worker:
    """One for each action. `offer` and `ask` from any thread; neither waits."""

    def __init__(
        self,
        action: ActionConfig,
        deed: Deed,
        health: Health,
        now_s: Callable[[], float],
    ) -> None:
        """Prepare; `start` begins.

        Args:
            action: whose rate holds.
            deed: what it does.
            health: is told what is done, what fails and what is passed over.
            now_s: a monotonic clock.
        """
        self.action = action
        self._deed, self._health, self._now_s = deed, health, now_s
        self._wake = threading.Condition()
        self._waits: tuple[Occasion, Hear] | None = None
        self._last_s = float("-inf")
        self._stop = threading.Event()
        self._bucket, self._unsaid = Bucket(SAID_PER_S, SAID_AT_ONCE), 0
        self._thread = threading.Thread(target=self._run, name=f"action-{action.name}", daemon=True)

    def start(self) -> None:
        """Begin; a pin goes to its off state soon after."""
        self._thread.start()

    def offer(self, occasion: Occasion) -> None:
        """Have it done soon, unless it was done too short a while ago.

        While it is being done the newest offer waits, and takes the place of one that waited.
        """
        with self._wake:
            now_s = self._now_s()
            if now_s - self._last_s < self.action.every_s:
                self._count("skipped")
                return
            self._last_s = now_s
            if self._waits is not None:
                self._count("skipped")
            # Who asked for a trial hears of the real thing.
            self._waits = occasion, self._waits[1] if self._waits else _nobody
            self._wake.notify()

    def ask(self, occasion: Occasion, hear: Hear) -> bool:
        """Have it done whatever the rate says, or hear of what waits to be done.

        Returns:
            False where somebody else has asked already.
        """
        with self._wake:
            if self._waits is not None and self._waits[1] is not _nobody:
                return False
            self._waits = self._waits[0] if self._waits else occasion, hear
            self._wake.notify()
            return True

    def end(self) -> None:
        """Ask it to end, and what it does; `join` waits for it."""
        self._stop.set()
        with self._wake:
            self._wake.notify()

    def join(self, timeout_s: float) -> bool:
        """Return whether it has ended by then."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if why := self._deed.open():
                self._book(Outcome("failed", why))
            while (wish := self._next()) is not None:
                outcome = self._deed.do(wish[0], self._stop)
                self._book(outcome)
                wish[1](outcome)
        except Exception:  # noqa: BLE001  the other actions, and the river, go on
            _log.exception("action %s: a fault of its own; it is done no more", self.action.name)
            self._health.fault(self._part, "it is done no more, for a fault in edgeagent itself")
        finally:
            self._deed.close()

    def _next(self) -> tuple[Occasion, Hear] | None:
        with self._wake:
            self._wake.wait_for(lambda: self._waits is not None or self._stop.is_set())
            wish, self._waits = self._waits, None
            return None if self._stop.is_set() else wish

    def _book(self, outcome: Outcome) -> None:
        if outcome.ended == "done":
            self._count("done")
            self._health.well(self._part)
        elif outcome.ended != "stopped":
            self._count("failed")
            self._health.fault(self._part, outcome.why)
        self._say(outcome)

    def _say(self, outcome: Outcome) -> None:
        if not self._bucket.take(self._now_s()):
            self._unsaid += 1
            return
        level = logging.WARNING if outcome.ended in ("failed", "late") else logging.INFO
        how = outcome.why or f"done in {outcome.took_s:g} s"
        said = f"; it says: {outcome.said}" if outcome.said else ""
        more = f" ({self._unsaid} more were not logged)" if self._unsaid else ""
        self._unsaid = 0
        _log.log(level, "action %s: %s%s%s", self.action.name, how, said, more)

    @property
    def _part(self) -> str:
        return f"action.{self.action.name}"

    def _count(self, what: str) -> None:
        self._health.count(f"actions_{what}_total.{self.action.name}")


def _nobody(outcome: Outcome) -> None:
    """Hear ``outcome`` and keep it."""
