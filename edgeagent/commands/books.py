"""What is written down about orders: what was begun, so that it is not done twice, and the log."""

import json
import logging
from pathlib import Path

from edgeagent.audit import Audit, Head
from edgeagent.clock import Clock
from edgeagent.commands.kinds import Asked
from edgeagent.commands.known import Begun, Known
from edgeagent.errors import EdgeagentError
from edgeagent.rate import Bucket
from edgeagent.wire.fields import WHY_MAX

_log = logging.getLogger(__name__)

REFUSALS_PER_S, REFUSALS_AT_ONCE = 1 / 60, 3
"""How often it is written down that an order was refused: a flood is not to wear the card."""
NAME_MAX, ASKED_MAX = 64, 300
"""Characters of an order that the log keeps."""


class Books:
    """Those of one state folder; they outlive the link and its settings. Any thread may call."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Read what earlier processes left in ``folder``."""
        self._known, self._audit = Known(folder, clock), Audit(folder, clock)
        self._clock = clock
        self._refusals = Bucket(REFUSALS_PER_S, burst=REFUSALS_AT_ONCE)

    @property
    def head(self) -> Head:
        """How far the log goes."""
        return self._audit.head

    @property
    def fault(self) -> str:
        """What of it cannot be read or believed; "" nothing."""
        return self._known.fault or self._audit.fault

    @property
    def floor_ms(self) -> int:
        """See `Known.floor_ms`."""
        return self._known.floor_ms

    def begun(self, name: str, asked: Asked) -> Begun | None:
        """See `Known.get`."""
        return self._known.get(name, asked["id"])

    def begin(self, name: str, asked: Asked) -> None:
        """Write down, synced, that the order is now done.

        Raises:
            EdgeagentError: it cannot be, and must therefore not be done.
        """
        self._known.begin(name, asked["id"], asked["exp"])
        try:
            self.note("begun", name, asked)
        except EdgeagentError as error:
            self.end(name, asked, str(error))
            raise

    def end(self, name: str, asked: Asked, why: str = "") -> None:
        """Write down that it was done, or ``why`` not. Does not raise."""
        why = why[:WHY_MAX]
        try:
            self._known.end(name, asked["id"], not why, why)
            self.note("failed" if why else "done", name, asked, why)
        except (OSError, EdgeagentError) as error:
            # That it was begun is on the disk: it will not be done again.
            _log.warning("command %s %s: its end is not written down: %s", name, asked["id"], error)

    def refuse(self, name: str, asked: Asked, why: str) -> None:
        """Write down that it was not done. Does not raise."""
        if not self._refusals.take(self._clock.mono_s()):
            return
        try:
            self.note("refused", name, asked, why[:WHY_MAX])
        except EdgeagentError as error:
            _log.warning("command %s %s: %s", name[:NAME_MAX], asked["id"], error)

    def note(self, what: str, name: str, asked: Asked, why: str = "") -> None:
        """Write one line of the audit log.

        Raises:
            EdgeagentError: the disk refuses.
        """
        rest = {key: value for key, value in asked.items() if key not in ("id", "exp")}
        # As text: a stranger's numbers and letters may be such as msgspec does not write.
        text = json.dumps(rest)[:ASKED_MAX] if rest and what in ("begun", "refused") else ""
        told = {"do": name[:NAME_MAX], "id": asked["id"], "asked": text, "why": why}
        try:
            self._audit.add(what, {key: said for key, said in told.items() if said})
        except OSError as error:
            raise EdgeagentError(
                f"the audit log cannot be written ({error.strerror or error}); "
                "see to the device's disk"
            ) from None
