"""The agent's end of the recovery ladder: it may do nothing itself, so it asks, and listens.

A wedged stick comes back only when its power is cut or the kernel gives it up, and that takes
rights that the agent does not have. It puts a file into its runtime folder. Where the owner has
installed it, ``edgeagent-recover.path`` sees the file and starts a root process that takes the
next of the owner's own steps (ladder.py). Nothing in the file is read: asking is all it can do.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from edgeagent.atomic import write_whole
from edgeagent.edgetpu.outcome import OUTCOMES, REQUEST, Outcome, read_outcome
from edgeagent.findings import Notice

_log = logging.getLogger(__name__)

ASK_EVERY_S = 60.0
"""A device has this long to come back before the next step is asked for."""
SPENT_EVERY_S = 3600.0
"""After the last step, or where there is none: the ladder begins anew at its foot."""


class Recovery:
    """Asks for recovery, not too often, and tells what came of it, once each."""

    def __init__(
        self,
        folder: Path,
        tell: Callable[[Notice], None],
        now_s: Callable[[], float],
        outcomes: Path = OUTCOMES,
    ) -> None:
        """Begin with no request; what was done before is not told.

        Args:
            folder: the agent's runtime folder.
            tell: hears of each outcome as a notice of the part ``engine``.
            now_s: a monotonic clock.
            outcomes: root's folder.
        """
        self._request = folder / REQUEST
        self._tell = tell
        self._now_s = now_s
        self._outcomes = outcomes
        self._asked_s: float | None = None
        self._told = read_outcome(outcomes) or Outcome(0, "done")
        self.withdraw()

    def ask(self, why: str, name: str = "") -> bool:
        """Ask for the next step, unless one was asked for within the last minute, or hour.

        To be called each time that the device could not be opened, from one thread at a time.

        Args:
            why: what is wrong with the device, for the log.
            name: the device, for the notice of what came of it.

        Returns:
            Whether a request was put down now.
        """
        self.listen(name)
        every_s = SPENT_EVERY_S if self._told.ended in ("spent", "none") else ASK_EVERY_S
        if self._asked_s is not None and self._now_s() - self._asked_s < every_s:
            return False
        self._asked_s = self._now_s()
        try:
            write_whole(self._request, f"{why}\n".encode())
        except OSError as error:
            _log.warning(
                "%s cannot be written (%s); recovery is not asked for", self._request, error
            )
            return False
        return True

    def listen(self, name: str = "") -> Outcome | None:
        """Tell and return an outcome that is new; of ladders that are spent only the first."""
        outcome = read_outcome(self._outcomes)
        if outcome is None or outcome.number == self._told.number:
            return None
        again = outcome.ended == self._told.ended and outcome.ended in ("spent", "none")
        self._told = outcome
        if not again:
            self._tell(Notice("engine", "recovery", str(outcome), name))
        return outcome

    def withdraw(self) -> None:
        """Take a request back that nobody has seen: the device is there again."""
        self._request.unlink(missing_ok=True)
