"""An owner's program as a deed: what it is given is the event, as the broker's side reads it."""

import threading

import msgspec

from edgeagent.acting import command
from edgeagent.acting.occasion import Occasion, variables
from edgeagent.acting.outcome import Outcome
from edgeagent.clock import Clock
from edgeagent.config import ActionConfig
from edgeagent.identity import Identity
from edgeagent.wire.fields import event_fields
from edgeagent.wire.json import encode


class Program:
    """Runs ``argv``; see `Deed`."""

    def __init__(self, action: ActionConfig, device: str, boot: str, clock: Clock) -> None:
        self._action, self._clock = action, clock
        self._device, self._boot = device, boot

    def open(self) -> str:
        """See `Deed.open`: whether there is such a program is seen when it is run."""
        return ""

    def do(self, occasion: Occasion, stop: threading.Event) -> Outcome:
        """See `Deed.do`."""
        action = self._action
        environment = variables(action, occasion, self._device)
        given = self._given(occasion)
        return command.run(action.argv, given, environment, action.time_limit_s, stop)

    def close(self) -> None:
        """See `Deed.close`."""

    def _given(self, occasion: Occasion) -> bytes:
        event = occasion.event
        # Its age, as of now; which events are still to come is for consumers to know.
        identity = Identity(self._device, self._boot, max(occasion.seq, 0), 0)
        try:
            fields = event_fields(event, identity, self._clock, event.when.kernel)
            return encode("event", fields) + b"\n"
        except ValueError as error:
            return msgspec.json.encode({"v": 1, "k": event.kind, "error": str(error)}) + b"\n"
