"""What an event sets going on this device, by itself: an owner's command, or a pin.

* ``occasion.py``  is an event one that an action waits for; what a command is told of it
* ``outcome.py``   what can be done, and what became of it
* ``program.py`` over ``command.py``, and ``pin.py``: the two kinds of deed
* ``worker.py``    each action's own thread: one at a time, not too often
* ``telling.py``   what the settings come to, and what is wrong with a program, for people

The river is never kept waiting: what it offers is taken up by another thread, or passed over and
counted. Only the settings file says what is run; no order and no setting from afar can.
"""

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from edgeagent import event as events
from edgeagent.acting.occasion import Occasion, fits
from edgeagent.acting.outcome import Deed, Outcome
from edgeagent.acting.pin import Pin
from edgeagent.acting.program import Program
from edgeagent.acting.worker import Worker
from edgeagent.clock import Clock
from edgeagent.config import ActionConfig, Config
from edgeagent.errors import UsageError
from edgeagent.event import Event, Source
from edgeagent.health import Health

__all__ = ["Acting", "try_here"]

STOP_S = 3.0
"""Longest that the end of all of them is waited for: more than `command.GRACE_S`."""
TRIAL_S = 8.0
"""Longest that a trial is waited for: less than who asks over the socket waits."""


class Acting:
    """All actions of the agent. `hear` and `try_` from any thread, the others from one."""

    def __init__(self, health: Health, clock: Clock, kernel: str) -> None:
        """Prepare; `open` begins.

        Args:
            health: counts, and hears what goes wrong.
            clock: for how often, and for the events' age.
            kernel: `clock.kernel_boot`.
        """
        self._health, self._clock, self._kernel = health, clock, kernel
        self._workers: Sequence[Worker] = ()
        self._now: Sequence[ActionConfig] = ()
        self._boot = ""

    def open(self, config: Config, boot: str) -> None:
        """Begin what the settings name; returns at once.

        Args:
            config: its ``[[action]]`` tables.
            boot: the agent's, for what a command is told.
        """
        self._boot = boot
        self._now = tuple(config.action)
        workers = [self._worker(action, config.device_name) for action in config.action]
        for worker in workers:
            worker.start()
        self._workers = workers

    def retune(self, config: Config) -> None:
        """Take over other settings: where they differ all actions end, and begin anew."""
        if self._now != tuple(config.action):
            self.close()
            self.open(config, self._boot)

    def hear(self, event: Event, seq: int) -> None:
        """Offer ``event`` to the actions that wait for such; never waits."""
        for worker in self._workers:
            occasion = fits(worker.action, event, seq)
            if occasion is not None:
                worker.offer(occasion)

    def try_(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do the action named in ``request``, once, with a made-up event, and say how it went.

        Raises:
            UsageError: there is no such action, or it is asked for already.
        """
        name = request.get("action")
        found = next((one for one in self._workers if one.action.name == name), None)
        if found is None:
            raise _unknown(name, [one.action.name for one in self._workers])
        heard: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        if not found.ask(trial(found.action, self._clock, self._kernel), heard.put):
            raise UsageError(f"{name}: somebody else tries it just now; ask again later")
        try:
            return told(heard.get(timeout=TRIAL_S))
        except queue.Empty:
            return {"ended": "", "why": "it goes on; the log will say how it ends"}

    def close(self) -> None:
        """End what is being done, and let go of the pins. Twice is safe."""
        workers, self._workers = self._workers, ()
        for worker in workers:
            worker.end()
        until_s = time.monotonic() + STOP_S
        for worker in workers:
            worker.join(max(until_s - time.monotonic(), 0.0))
            self._health.well(f"action.{worker.action.name}")

    def _worker(self, action: ActionConfig, device: str) -> Worker:
        deed = deed_of(action, device, self._boot, self._clock)
        return Worker(action, deed, self._health, self._clock.mono_s)


def deed_of(action: ActionConfig, device: str, boot: str, clock: Clock) -> Deed:
    """Return what does ``action``: its program, or its pin."""
    return Program(action, device, boot, clock) if action.argv else Pin(action)


def try_here(config: Config, name: str, clock: Clock) -> Mapping[str, Any]:
    """Do the action of that name in this process, once, and say how it went.

    Raises:
        UsageError: there is no such action.
    """
    action = next((one for one in config.action if one.name == name), None)
    if action is None:
        raise _unknown(name, [one.name for one in config.action])
    deed = deed_of(action, config.device_name, "", clock)
    try:
        return told(deed.do(trial(action, clock, ""), threading.Event()))
    finally:
        deed.close()


def _unknown(name: object, known: Sequence[str]) -> UsageError:
    return UsageError(f"{name!r}: there is no such action; there is {', '.join(known) or 'none'}")


def trial(action: ActionConfig, clock: Clock, kernel: str) -> Occasion:
    """Return an occasion such as ``action`` waits for, as it is tried by hand."""
    kind = action.kinds[0] if action.kinds else "object"
    label, phase = _first(action.labels), _first(action.phases)
    camera = Source(_first(action.cameras)) if action.cameras else None
    event = Event(
        kind,
        events.now(clock, kernel),
        camera,
        names=((label, 1.0),) if label else (),
        tracks=((0, phase),) if label and phase else (),
        zone=_first(action.zones),
        line=_first(action.lines),
        name=_first(action.cameras) if kind.startswith("camera_") else "",
    )
    return Occasion(event, -1, label, 1.0 if label else None, phase, is_trial=True)


def _first(names: Sequence[str]) -> str:
    return names[0] if names else ""


def told(outcome: Outcome) -> Mapping[str, Any]:
    """Return ``outcome`` for the answer to somebody at the device."""
    return {
        "ended": outcome.ended,
        "why": outcome.why,
        "said": outcome.said,
        "took_s": outcome.took_s,
    }
