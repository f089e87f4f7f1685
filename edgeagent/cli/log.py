"""Where log records go: to the journal with their fields, or to standard error as lines."""

import logging
import os
import sys

from edgeagent.errors import EdgeagentError
from edgeagent.flood import Flood
from edgeagent.journal import SOCKET, JournalHandler, is_journal

_log = logging.getLogger(__name__)


def begin_log(debug: bool, address: str = SOCKET) -> None:
    """Begin to log.

    Args:
        debug: everything, however much it is.
        address: journald's socket, used where standard error goes to the journal.
    """
    handler = _handler(address)
    if not debug:
        handler.addFilter(Flood(handler))
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler])


def _handler(address: str) -> logging.Handler:
    if is_journal(2, os.environ.get("JOURNAL_STREAM", "")):
        return JournalHandler(address)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(threadName)s: %(message)s"))
    return handler


def _journals() -> list[JournalHandler]:
    return [one for one in logging.getLogger().handlers if isinstance(one, JournalHandler)]


def name_device(device: str) -> None:
    """Have each record from now on say which device it is of."""
    for handler in _journals():
        handler.device = device


def complain(error: EdgeagentError) -> None:
    """Say why the command ends."""
    if _journals():
        _log.error("%s", error)
    else:
        print(f"edgeagent: {error}", file=sys.stderr)
