"""Who has said the token: known by a cookie, in memory alone, for a week."""

import hashlib
import secrets
from collections.abc import Callable

WEEK_S = 7 * 86400.0
MOST = 64
"""So many at once; the one that began first goes."""


class Sessions:
    """For one thread. Ended with the page: after a start everybody says the token once more."""

    def __init__(self, mono_s: Callable[[], float]) -> None:
        self._mono_s = mono_s
        self._ends_s: dict[bytes, float] = {}

    def begin(self) -> str:
        """Return the secret of a new session, for its cookie."""
        self._forget()
        if len(self._ends_s) >= MOST:
            self._ends_s.pop(next(iter(self._ends_s)))
        secret = secrets.token_urlsafe(32)
        self._ends_s[_digest(secret)] = self._mono_s() + WEEK_S
        return secret

    def knows(self, secret: str) -> bool:
        """Return whether ``secret`` is of a session that has not ended."""
        return self._ends_s.get(_digest(secret), 0.0) > self._mono_s()

    def end(self, secret: str) -> None:
        """End that session."""
        self._ends_s.pop(_digest(secret), None)

    def _forget(self) -> None:
        now_s = self._mono_s()
        self._ends_s = {one: ends_s for one, ends_s in self._ends_s.items() if ends_s > now_s}


def _digest(secret: str) -> bytes:
    # Looked up by its digest: how long that takes says nothing about the secret.
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
