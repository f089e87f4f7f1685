"""The state that the broker's side wants the settings in: taken up once per version, and told of.

A state is no order: the newest alone counts, it never expires, and a broker that keeps it says it
again at each connect. So it is remembered by its version, on disk before it is taken over, and a
version that was tried is never tried again, whatever became of it.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from edgeagent.bulletin import Bulletin
from edgeagent.clock import Clock
from edgeagent.commands.books import Books
from edgeagent.commands.wanted import MAX_BYTES, Wanted, is_known, parsed
from edgeagent.errors import ConfigError, EdgeagentError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link import Order
from edgeagent.overlay import Kept, Tried
from edgeagent.rate import Bucket
from edgeagent.settings import Change
from edgeagent.wire.fields import Fields
from edgeagent.wire.reported import reported_fields

_log = logging.getLogger(__name__)

NAME = "desired"
"""Stands in the audit log where an order has its name."""
FAULT_MAX = 80
"""Characters of one fault that are told, so that another finds room beside it."""
TAKEN_PER_S, TAKEN_AT_ONCE = 1 / 60, 3
"""How often one is looked at: each that is taken up is written to the card. The newest waits."""


class Standing(Protocol):
    """What is asked of the settings in force; see `probation.Probation`."""

    went_back: str

    @property
    def kept(self) -> Kept:
        """What is in force from afar, and what was tried."""
        ...

    def judge_whole(self, values: Mapping[str, Any]) -> list[Change]:
        """Return what ``values`` would change.

        Raises:
            ConfigError: with every fault in them.
        """
        ...

    def try_whole(self, values: Mapping[str, Any], tried: Tried) -> None:
        """Write ``values`` down as a trial.

        Raises:
            OSError: the disk refuses.
        """
        ...

    def tick(self, bulletin: Callable[[], Bulletin]) -> bool:
        """See whether the trial is over; return whether settings were taken back."""
        ...


class Desired:
    """That of one agent. `hear` from any thread, `tick` from one, `reported` from any."""

    def __init__(
        self,
        standing: Standing,
        books: Books,
        clock: Clock,
        health: Health,
        tell: Callable[[Notice], None],
        changed: Callable[[], None],
    ) -> None:
        """Look at what an earlier process left.

        Args:
            standing: the settings in force, already begun.
            books: where it is written down what was taken up, and what became of it.
            clock: how often; and the time in what is reported.
            health: counts what was taken up and what was refused.
            tell: hears of what is refused.
            changed: called when there is something new to report.
        """
        self._standing, self._books, self._clock = standing, books, clock
        self._health, self._tell, self._changed = health, tell, changed
        self._rate = Bucket(TAKEN_PER_S, burst=TAKEN_AT_ONCE)
        self._lock = threading.Lock()
        self._newest: bytes | None = None
        self._refused: Mapping[str, Any] = {}
        self._known = standing.kept
        tried = self._known.tried
        if tried is not None and tried.why and tried.why in standing.went_back:
            self._write_end(tried)

    def hear(self, order: Order) -> None:
        """Take in one state; for any thread, never waits, never raises."""
        with self._lock:
            self._newest = order.payload[: MAX_BYTES + 1]

    def reported(self, device: str) -> Fields:
        """Return what is said on ``cfg/reported``."""
        return reported_fields(
            device, self._clock.wall_ms(), self._standing.kept, dict(self._refused)
        )

    def tick(self, bulletin: Callable[[], Bulletin]) -> bool:
        """Take up what came, and see whether what is tried does well; cheap, to be called often.

        Returns:
            Whether the settings are to be read again.
        """
        is_back = self._standing.tick(bulletin)
        is_new = self._look()
        before, self._known = self._known, self._standing.kept
        if before != self._known:
            if before.tried != self._known.tried:
                self._write_end(self._known.tried)
            self._changed()
        return is_back or is_new

    def _look(self) -> bool:
        if self._newest is None or not self._rate.take(self._clock.mono_s()):
            return False
        with self._lock:
            payload, self._newest = self._newest, None
        if not payload:
            _log.info("cfg/desired was cleared; what is in force stays so")
            return False
        wanted: Wanted | None = None
        try:
            wanted = parsed(payload)
            return self._take_up(wanted)
        except EdgeagentError as error:
            self._refuse(payload, wanted, _short(error))
        except Exception as error:  # noqa: BLE001
            # It comes again at each connect: it must not end the agent each time.
            _log.exception("cfg/desired")
            self._refuse(payload, wanted, f"a fault in edgeagent itself: {error!r}")
        return False

    def _take_up(self, wanted: Wanted) -> bool:
        if is_known(wanted, self._standing.kept.tried):
            self._take_back_refusal()
            return False
        self._standing.judge_whole(wanted.named)
        self._books.note("begun", NAME, msgspec.structs.asdict(wanted))
        self._try(wanted)
        self._health.count("desired_total")
        self._refused = {}
        return True

    def _take_back_refusal(self) -> None:
        if self._refused:
            self._refused = {}
            self._changed()

    def _try(self, wanted: Wanted) -> None:
        try:
            self._standing.try_whole(wanted.named, Tried(wanted.version, wanted.id, wanted.digest))
        except OSError as error:
            raise EdgeagentError(
                f"it cannot be written down before it is tried ({error.strerror or error}); "
                "see to the device's disk"
            ) from None

    def _refuse(self, payload: bytes, wanted: Wanted | None, why: str) -> None:
        """Say that it was not taken up, once for each that is sent again and again."""
        refused: dict[str, Any] = {"why": why, "sha": hashlib.sha256(payload).hexdigest()[:16]}
        if wanted is not None:
            refused |= {"ver": wanted.version, "id": wanted.id}
        if refused == self._refused:
            return
        self._refused = refused
        self._health.count("desired_refused_total")
        self._books.refuse(NAME, {"id": refused.get("id", refused["sha"])}, why)
        self._tell(Notice(NAME, "refused", why))
        self._changed()

    def _write_end(self, tried: Tried | None) -> None:
        if tried is None or tried.state == "trying":
            return
        asked = {"id": tried.id, "version": tried.version}
        try:
            self._books.note("failed" if tried.why else "done", NAME, asked, tried.why)
        except EdgeagentError as error:
            _log.warning("desired %d: %s", tried.version, error)


def _short(error: EdgeagentError) -> str:
    """Return what is wrong; of several faults the beginning of each."""
    if isinstance(error, ConfigError):
        return "; ".join(fault[:FAULT_MAX] for fault in error.faults)
    return str(error)
