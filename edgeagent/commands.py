"""What the broker's side may ask of this device, and the answer.

Nothing is done that ``[commands] allow`` does not name. One order after another, in a thread of
its own: the link's thread only hands them over. An order is done once: what comes again under the
same id is answered from memory.
"""

import json
import logging
import queue
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from edgeagent.clock import Clock
from edgeagent.config import CommandsConfig
from edgeagent.errors import EdgeagentError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.link import Order
from edgeagent.rate import Bucket
from edgeagent.wire.json import answer_json

_log = logging.getLogger(__name__)

PART = "commands"
"""Its name in health."""
MAX_BYTES = 1024
"""Longest order that is read."""
MAX_WAITING = 8
"""Orders that wait for the one being done; more are counted and not done."""
MAX_REMEMBERED = 64
"""Answers kept for those who ask again."""
NOTICES_PER_S, NOTICES_AT_ONCE = 1 / 60, 3
"""How often it is said that an order was ignored; all are counted."""
STOP_S = 1.0
"""How long `Commands.close` waits for its thread."""
ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
MAX_TOPIC = 256

Asked = Mapping[str, Any]
Deed = Callable[[str, Asked], Mapping[str, Any]]
"""Does one kind of order, given its id and all that it says, well within `Health`'s patience;
returns what to answer.

Raises:
    EdgeagentError: it cannot be done; its text is the answer.
"""
Answer = Callable[[Order, bytes], bool]
"""`link.Link.reply`."""


class Commands:
    """Hears orders from the link, judges, does and answers them."""

    def __init__(
        self,
        config: CommandsConfig,
        deeds: Mapping[str, Deed],
        answer: Answer,
        device: str,
        clock: Clock,
        health: Health,
        tell: Callable[[Notice], None],
    ) -> None:
        """Prepare; `start` begins.

        Args:
            config: the ``[commands]`` table.
            deeds: how each kind of order is done.
            answer: takes an answer to the broker.
            device: stands in the answers.
            clock: judges ``exp``.
            health: counts what was done and what was ignored.
            tell: hears of ignored orders, a few a minute.
        """
        self._deeds = {name: deeds[name] for name in config.allow if name in deeds}
        self._reply, self._device = answer, device
        self._clock, self._health, self._tell = clock, health, tell
        self._rate = Bucket(config.per_minute / 60, burst=config.per_minute / 6)
        self._notices = Bucket(NOTICES_PER_S, burst=NOTICES_AT_ONCE)
        self._waiting: queue.Queue[Order | None] = queue.Queue(MAX_WAITING)
        self._answers: OrderedDict[tuple[str, str], bytes] = OrderedDict()
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
        if self._thread.is_alive():
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
            asked = self._read(order)
        except ValueError as error:
            self._ignore(order, str(error))
            return
        key = order.name, str(asked["id"])
        if key not in self._answers:
            self._remember(key, self._outcome(order.name, asked))
        if not self._reply(_answerable(order), self._answers[key]):
            _log.info("command %s %s: its answer was not taken", *key)

    def _read(self, order: Order) -> Asked:
        """Return what ``order`` says.

        Raises:
            ValueError: it is none to be answered, and why.
        """
        if order.retained:
            raise ValueError("it is retained, and would be done at each connect: clear the topic")
        if len(order.payload) > MAX_BYTES:
            raise ValueError(f"it is longer than {MAX_BYTES} bytes")
        if not self._rate.take(self._clock.mono_s()):
            raise ValueError("too many came at once; see commands.per_minute")
        return _parsed(order.payload)

    def _outcome(self, name: str, asked: Asked) -> bytes:
        try:
            told = {"ok": True, **self._do(name, asked)}
            self._health.count("commands_total")
        except EdgeagentError as error:
            self._health.count("commands_refused_total")
            told = {"ok": False, "why": str(error)}
        return answer_json(self._device, name, asked["id"], told, self._clock.wall_ms())

    def _do(self, name: str, asked: Asked) -> Mapping[str, Any]:
        deed = self._deeds.get(name)
        if deed is None:
            allowed = ", ".join(self._deeds)
            raise EdgeagentError(f"{name!r} is not allowed here; commands.allow names {allowed}")
        self._judge_expiry(asked.get("exp"))
        _log.info("command %s %s", name, asked["id"])
        return deed(asked["id"], asked)

    def _judge_expiry(self, expires_ms: object) -> None:
        if expires_ms is None:
            return
        if isinstance(expires_ms, bool) or not isinstance(expires_ms, int):
            raise EdgeagentError(f"exp: {expires_ms!r} is not unix time in ms")
        if not self._clock.trusted():
            raise EdgeagentError("exp cannot be judged: this device's clock is not set yet")
        if self._clock.wall_ms() > expires_ms:
            raise EdgeagentError("it has expired")

    def _remember(self, key: tuple[str, str], answer: bytes) -> None:
        self._answers[key] = answer
        if len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)

    def _ignore(self, order: Order, why: str) -> None:
        self._health.count("commands_ignored_total")
        if self._notices.take(self._clock.mono_s()):
            self._tell(Notice("command", "ignored", why, order.name[:64]))


def _parsed(payload: bytes) -> Asked:
    try:
        asked = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(asked, dict) or not ID.fullmatch(str(asked.get("id", ""))):
        raise ValueError('it has no "id" of 1 to 64 letters, digits, "_", ".", ":" or "-"')
    return {**asked, "id": str(asked["id"])}


def _answerable(order: Order) -> Order:
    """Return ``order`` with a response topic that is one, and cannot be an order to others."""
    to = order.reply_to
    is_odd = len(to) > MAX_TOPIC or set(to) & set("+#\0$") or "cmd" in to.split("/")
    return order._replace(reply_to="") if is_odd else order
