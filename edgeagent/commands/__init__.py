"""What the broker's side may ask of this device, and the answer.

Nothing is done that ``[commands] allow`` does not name. One order after another, in a thread of
its own: the link's thread only hands them over. What changes something is written down before it
is done, and done once: what comes again under the same id is answered, over restarts as well.
"""

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from edgeagent.clock import Clock
from edgeagent.commands.books import NAME_MAX, Books
from edgeagent.commands.desired import Desired
from edgeagent.commands.judging import MAX_BYTES, answerable, judge_expiry, parsed
from edgeagent.commands.kinds import Asked, Deed, Doer, Kind
from edgeagent.commands.known import Begun
from edgeagent.config import CommandsConfig
from edgeagent.errors import EdgeagentError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link import Order
from edgeagent.rate import Bucket
from edgeagent.wire.json import answer_json

__all__ = ["Asked", "Books", "Commands", "Deed", "Desired", "Kind"]

_log = logging.getLogger(__name__)

PART = "commands"
"""Its name in health."""
MAX_WAITING = 8
"""Orders that wait for the one being done; more are counted and not done."""
MAX_REMEMBERED = 64
"""Answers kept whole for those who ask again."""
NOTICES_PER_S, NOTICES_AT_ONCE = 1 / 60, 3
"""How often it is said that an order was ignored; all are counted."""
DEADLINE_S = 10.0
"""Longest that one order is waited for; a look gives up after 8 s by itself."""
STOP_S = 1.0
"""How long `Commands.close` waits for its thread."""

Answer = Callable[[Order, bytes], bool]
"""`link.Link.reply`."""


class Commands:
    """Hears orders from the link, judges, does and answers them."""

    def __init__(
        self,
        config: CommandsConfig,
        kinds: Mapping[str, Kind],
        answer: Answer,
        device: str,
        books: Books,
        clock: Clock,
        health: Health,
        tell: Callable[[Notice], None],
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            config: the ``[commands]`` table.
            kinds: how each kind of order is done.
            answer: takes an answer to the broker.
            device: stands in the answers.
            books: where they are written down.
            clock: judges ``exp``.
            health: counts what was done and what was ignored.
            tell: hears of ignored orders, a few a minute.
            deadline_s: see `DEADLINE_S`.
        """
        self._kinds = {name: kinds[name] for name in config.allow if name in kinds}
        self._reply, self._device, self._books = answer, device, books
        self._clock, self._health, self._tell = clock, health, tell
        self._rate = Bucket(config.per_minute / 60, burst=config.per_minute / 6)
        self._notices = Bucket(NOTICES_PER_S, burst=NOTICES_AT_ONCE)
        self._waiting: queue.Queue[Order | None] = queue.Queue(MAX_WAITING)
        self._answers: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._doer = Doer(deadline_s)
        self._then: Callable[[], None] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=PART, daemon=True)

    def start(self) -> None:
        """Begin to do what is heard."""
        self._thread.start()

    def hear(self, order: Order) -> None:
        """Take in one order; for any thread, never waits, never raises."""
        try:
            self._waiting.put_nowait(order._replace(payload=order.payload[: MAX_BYTES + 1]))
        except queue.Full:
            self._health.count("commands_ignored_total")

    def close(self) -> None:
        """Do nothing more. Twice is safe."""
        self._stop.set()
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            _log.debug("commands: orders were waiting at the end")
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(STOP_S)

    def _run(self) -> None:
        while (order := self._waiting.get()) is not None and not self._stop.is_set():
            self._health.busy(PART, self._clock.mono_s())
            try:
                self._take(order)
            except Exception:  # noqa: BLE001  one bad order must not end the hearing of others
                _log.exception("command %s", order.name)
            self._health.rests(PART)

    def _take(self, order: Order) -> None:
        try:
            asked = parsed(order)
            if not self._rate.take(self._clock.mono_s()):
                raise ValueError("too many came at once; see commands.per_minute")
        except ValueError as error:
            self._ignore(order, str(error))
            return
        key = order.name, str(asked["id"])
        if key not in self._answers:
            self._remember(key, self._outcome(order.name, asked))
        if not self._reply(answerable(order), self._answers[key]):
            _log.info("command %s %s: its answer was not taken", *key)
        then, self._then = self._then, None
        if then is not None:
            then()

    def _outcome(self, name: str, asked: Asked) -> bytes:
        try:
            told = {"ok": True, **self._do(name, asked)}
            self._health.count("commands_total")
        except EdgeagentError as error:
            self._health.count("commands_refused_total")
            told = {"ok": False, "why": str(error)}
        told = {**told, "aud": self._books.head}
        return answer_json(self._device, name, asked["id"], told, self._clock.wall_ms())

    def _do(self, name: str, asked: Asked) -> Mapping[str, Any]:
        if begun := self._books.begun(name, asked):
            return _again(begun)
        try:
            kind = self._allowed(name)
            judge_expiry(asked, self._clock, kind.changes, self._books.floor_ms)
        except EdgeagentError as error:
            self._books.refuse(name, asked, str(error))
            raise
        _log.info("command %s %s", name, asked["id"])
        if not kind.changes:
            return self._doer.do(name, kind.deed, asked)
        return self._change(name, kind, asked)

    def _allowed(self, name: str) -> Kind:
        kind = self._kinds.get(name)
        if kind is None:
            allowed = ", ".join(self._kinds) or "nothing"
            raise EdgeagentError(
                f"{name[:NAME_MAX]!r} is not allowed here; commands.allow names {allowed}"
            )
        return kind

    def _change(self, name: str, kind: Kind, asked: Asked) -> Mapping[str, Any]:
        """Do what changes something: first on disk, then done, then what became of it on disk."""
        self._books.begin(name, asked)
        try:
            told = self._doer.do(name, kind.deed, asked)
        except EdgeagentError as error:
            self._books.end(name, asked, str(error) or "it failed")
            raise
        self._books.end(name, asked)
        self._then = kind.then
        return told

    def _remember(self, key: tuple[str, str], answer: bytes) -> None:
        self._answers[key] = answer
        if len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)

    def _ignore(self, order: Order, why: str) -> None:
        self._health.count("commands_ignored_total")
        if self._notices.take(self._clock.mono_s()):
            self._tell(Notice("command", "ignored", why, order.name[:NAME_MAX]))


def _again(begun: Begun) -> Mapping[str, Any]:
    """Return what is told of an order that was begun by an earlier process, or long ago.

    Raises:
        EdgeagentError: it was not done, or nobody knows.
    """
    if begun.ok:
        return {"again": True}
    raise EdgeagentError(
        begun.why or "it was begun before, and the agent ended meanwhile: it is not done again"
    )
