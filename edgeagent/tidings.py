"""Tells what happened to the parts: to the log, to health and, as an event, to the outbox."""

import logging
from collections.abc import Callable

from edgeagent import event as events
from edgeagent import journal
from edgeagent.clock import Clock
from edgeagent.event import Event
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.identity import Boot
from edgeagent.outbox import Outbox

_log = logging.getLogger(__name__)

GOOD_NEWS = (
    "back",
    "kept",
    "lent",
    "paused",
    "read",
    "ready",
    "resumed",
    "returned",
    "set",
    "well",
)
"""Notices that need nobody's attention."""


class Tidings:
    """The one way in which the agent's own doings get to those who should know; any thread may."""

    def __init__(
        self, health: Health, clock: Clock, kernel: str, put: Callable[[Event], None]
    ) -> None:
        """Take who is to know.

        Args:
            health: hears every notice, before the outbox does.
            clock: dates the events.
            kernel: the kernel's boot id, which their monotonic times belong to.
            put: stores an event.
        """
        self._health, self._clock, self._kernel, self._put = health, clock, kernel, put

    def hear(self, notice: Notice) -> None:
        """Log what happened to a part, let health know, and store it."""
        level = logging.INFO if notice.what in GOOD_NEWS else logging.WARNING
        words = notice.part, notice.name, notice.what, notice.why
        _log.log(level, "%s %s %s: %s", *words, extra=journal.about(notice))
        self._health.hear(notice, self._clock.mono_s())
        self._put(events.from_notice(notice, events.now(self._clock, self._kernel)))

    def begin(self, boot: Boot, box: Outbox) -> None:
        """Say that ``boot`` began, how the one before it ended, and the last ``box`` has of it."""
        told = (boot.previous, box.last_seq(boot.previous), boot.ended)
        if told[1] < 0 and box.boot_before not in ("", boot.previous):
            # The boot before stored nothing. How the one before that ended, nobody remembers.
            told = (box.boot_before, box.last_seq_recovered, "power")
        when = events.now(self._clock, self._kernel)
        self._put(Event("start", when, previous=told, why=boot.fault))
