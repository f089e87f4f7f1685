"""Is what came an order at all, and is it still worth doing."""

import json

from edgeagent.clock import Clock
from edgeagent.commands.kinds import Asked
from edgeagent.errors import EdgeagentError
from edgeagent.link import Order

MAX_BYTES = 1024
"""Longest order that is read."""
MAX_AHEAD_MS = 24 * 3_600_000
"""An order may expire a day from now at the latest: so long it is remembered."""
MAX_TOPIC = 256
ID_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-")
ID_MAX = 64


def parsed(order: Order) -> Asked:
    """Return what ``order`` says.

    Raises:
        ValueError: it is none to be answered, and why.
    """
    if order.retained:
        raise ValueError("it is retained, and would be done at each connect: clear the topic")
    if len(order.payload) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES} bytes")
    try:
        asked = json.loads(order.payload, parse_constant=_no_number)
        # Half a letter, as JSON can write one (D800), could neither be written down nor answered.
        json.dumps(asked, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(asked, dict) or not _is_id(str(asked.get("id", ""))):
        raise ValueError('it has no "id" of 1 to 64 letters, digits, "_", ".", ":" or "-"')
    return {**asked, "id": str(asked["id"])}


def _no_number(text: str) -> float:
    """Refuse ``NaN`` and ``Infinity``, which Python's reader takes and JSON does not have."""
    raise ValueError(text)


def _is_id(text: str) -> bool:
    return 0 < len(text) <= ID_MAX and set(text) <= ID_LETTERS


def judge_expiry(asked: Asked, clock: Clock, must: bool, floor_ms: int = 0) -> None:
    """See whether an order may still be done.

    Args:
        asked: what it says.
        clock: judges ``exp``.
        must: whether it must have one.
        floor_ms: what expires no later has expired, whatever the clock says.

    Raises:
        EdgeagentError: it may not.
    """
    expires_ms = asked.get("exp")
    if expires_ms is None and not must:
        return
    if expires_ms is None:
        raise EdgeagentError("exp: there is none; say in unix ms until when it is worth doing")
    if isinstance(expires_ms, bool) or not isinstance(expires_ms, int):
        raise EdgeagentError(f"exp: {expires_ms!r:.64} is not unix time in ms")
    if not clock.trusted():
        raise EdgeagentError("exp cannot be judged: this device's clock is not set yet")
    now_ms = clock.wall_ms()
    if expires_ms < now_ms or expires_ms <= floor_ms:
        raise EdgeagentError("it has expired")
    if must and expires_ms > now_ms + MAX_AHEAD_MS:
        raise EdgeagentError("exp: it is more than a day ahead; name a time within a day")


def answerable(order: Order) -> Order:
    """Return ``order`` with a response topic that is one, and cannot be an order to others."""
    to = order.reply_to
    is_odd = len(to) > MAX_TOPIC or set(to) & set("+#\0$") or "cmd" in to.split("/")
    return order._replace(reply_to="") if is_odd else order
