"""The small page that the agent serves to a browser: begun, kept up, ended, beside the river.

A thread of its own with a loop of its own. What the river does for it is to bind a few names
while somebody watches (`glimpse.py`) and to append each event to a bounded list. A page that
cannot be served is said in health and tried again; it never ends the agent.
"""

import asyncio
import errno
import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from edgeagent.config import Config
from edgeagent.event import Event
from edgeagent.glimpse import Glimpse
from edgeagent.health import Health
from edgeagent.page.telling import Feed
from edgeagent.page.token_file import ensure_token

_log = logging.getLogger(__name__)

PART = "page"
RETRY_S = 10.0
STOP_S = 2.0
EXTRA = "the server library is not installed; pip install 'edgeagent[page]'"


@dataclass(slots=True)
class _Opening:
    """One stretch of the page's life, with the same settings."""

    config: Config
    over: threading.Event = field(default_factory=threading.Event)
    loop: asyncio.AbstractEventLoop | None = None
    leave: asyncio.Event | None = None


class Page:
    """One for the whole agent; opened, retuned and closed by the supervisor's thread."""

    def __init__(self, state: Path, health: Health, feed: Feed, retry_s: float = RETRY_S) -> None:
        """Prepare; nothing is opened, and no server library imported.

        Args:
            state: folder in which the token is kept.
            health: hears when the page cannot be served.
            feed: what there is to show.
            retry_s: how soon it is tried again when it cannot be served.
        """
        self._state, self._health, self._feed = state, health, feed
        self._retry_s = retry_s
        self._up = threading.Event()
        self.why = ""
        """Why it is not served; empty: it is, or is not to be."""
        self._opening: _Opening | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        """Where it is served now; 0: it is not."""

    def glimpse(self, camera: str) -> Glimpse:
        """Return the slot into which ``camera``'s looker is to write."""
        return self._feed.glimpses.setdefault(camera, Glimpse())

    def hear(self, event: Event) -> None:
        """Take note of ``event``; any thread."""
        if self._feed.config.page.enabled:
            self._feed.events.append(event)

    def open(self, config: Config) -> None:
        """Begin to serve it, where the settings say so; returns at once."""
        self._feed.config = config
        if not config.page.enabled:
            return
        self._opening = _Opening(config)
        self._thread = threading.Thread(
            target=self._live, args=(self._opening,), name="page", daemon=True
        )
        self._thread.start()

    def retune(self, config: Config, reopen: bool) -> None:
        """Take over other settings; those of the page itself only when it is opened anew."""
        if reopen:
            self.close()
            self.open(config)
        else:
            self._feed.config = config

    def wait_s(self, limit_s: float) -> bool:
        """Wait until it is served, or for ``limit_s``; return whether it is."""
        return self._up.wait(limit_s)

    def close(self) -> None:
        """Serve it no more. Twice is safe."""
        opening, self._opening = self._opening, None
        if opening is None or self._thread is None:
            return
        opening.over.set()
        if opening.loop is not None and opening.leave is not None:
            try:
                opening.loop.call_soon_threadsafe(opening.leave.set)
            except RuntimeError:
                _log.debug("the page had ended by itself")
        self._thread.join(STOP_S)
        self._health.well(PART)

    def _live(self, opening: _Opening) -> None:
        """Be the page's thread."""
        while not opening.over.is_set():
            try:
                asyncio.run(self._serve(opening))
            except Exception as error:  # noqa: BLE001  whatever it was, the river must flow on
                self._fail(error, opening.config)
            self._up.clear()
            self.port = 0
            opening.over.wait(self._retry_s)

    async def _serve(self, opening: _Opening) -> None:
        from edgeagent.page.house import furnished
        from edgeagent.page.server import serve

        token = ensure_token(opening.config.page.token_file, self._state)
        opening.loop, opening.leave = asyncio.get_running_loop(), asyncio.Event()
        if not opening.over.is_set():
            house = furnished(self._feed, token)
            await serve(house, opening.leave, self._opened)

    def _fail(self, error: Exception, config: Config) -> None:
        said = _said(error, config)
        if said != self.why:
            _log.warning("page: %s", said, exc_info=_log.isEnabledFor(logging.DEBUG))
        self.why = said
        self._health.fault(PART, said)

    def _opened(self, port: int) -> None:
        self.port, self.why = port, ""
        self._health.well(PART)
        self._up.set()
        _log.info("the page is served on port %d; edgeagent page says how to get in", port)


def _said(error: Exception, config: Config) -> str:
    """Return why the page is not served, with the cure."""
    page = config.page
    where = f"{page.address} port {page.port}"
    match error:
        case ModuleNotFoundError(name="tornado"):
            return f"not served: {EXTRA}"
        case OSError(errno=errno.EADDRINUSE | errno.EADDRNOTAVAIL | errno.EACCES as number):
            return f"not served at {where}: {os.strerror(number)}; see page.address and page.port"
    return f"not served at {where}: {error}"
