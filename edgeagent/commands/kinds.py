"""What one kind of order is: how it is done, if it changes anything, what follows its answer."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgeagent.errors import EdgeagentError

_log = logging.getLogger(__name__)

Asked = Mapping[str, Any]
Deed = Callable[[str, Asked], Mapping[str, Any]]
"""Does one kind of order, given its id and all that it says; returns what to answer.

Raises:
    EdgeagentError: it cannot be done; its text is the answer.
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of order."""

    deed: Deed
    changes: bool = True
    """Whether it does anything. Then it carries ``exp``, and is written down before it is done;
    what only tells may be asked twice, and wears no card."""
    then: Callable[[], None] | None = None
    """What is done when the answer is on its way, for what would cut it off."""


class Doer:
    """Does one order at a time, each in a thread of its own that is waited for so long."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._late = ""
        self._thread: threading.Thread | None = None

    def do(self, name: str, deed: Deed, asked: Asked) -> Mapping[str, Any]:
        """Return what ``deed`` answers.

        Raises:
            EdgeagentError: it cannot be done, is not done in time, or one that was not is still at
                it.
        """
        if self._thread is not None and self._thread.is_alive():
            raise EdgeagentError(f"the order before, {self._late}, is still being done; ask later")
        told: list[Mapping[str, Any] | Exception] = []
        thread = threading.Thread(
            target=_do, args=(deed, asked, told), name=f"order {name}", daemon=True
        )
        self._thread, self._late = thread, name
        thread.start()
        thread.join(self._deadline_s)
        if not told:
            raise EdgeagentError(f"not done within {self._deadline_s:g} s; it may yet be")
        (outcome,) = told
        if isinstance(outcome, EdgeagentError):
            raise outcome
        if isinstance(outcome, Exception):
            _log.error("command %s", name, exc_info=outcome)
            raise EdgeagentError(f"a fault in edgeagent itself: {outcome!r}")
        return outcome


def _do(deed: Deed, asked: Asked, told: list[Mapping[str, Any] | Exception]) -> None:
    try:
        told.append(deed(asked["id"], asked))
    except Exception as error:  # noqa: BLE001  it is raised where it is waited for
        told.append(error)
