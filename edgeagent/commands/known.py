"""Which orders were begun, on disk before they are done: so that none is done twice.

An order is remembered until it expires, and what has expired is refused for that alone. So the
file stays small and nothing that could be done again is ever forgotten, over restarts as well.
"""

import logging
import threading
from pathlib import Path
from typing import Annotated

import msgspec

from edgeagent.atomic import write_whole
from edgeagent.clock import Clock
from edgeagent.errors import EdgeagentError

_log = logging.getLogger(__name__)

FILE = "orders.json"
"""In the state folder."""
MAX_KNOWN = 256
"""Orders that have not expired yet; more are refused until some have."""


UnixMs = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class Begun(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order that was taken up."""

    exp: UnixMs
    """When it expires, unix milliseconds."""
    ok: bool | None = None
    """Whether it was done; None: the agent ended before it could be said."""
    why: str = ""
    """Why it was not."""


class _Kept(msgspec.Struct):
    floor: UnixMs = 0
    """The latest ``exp`` that was forgotten: a clock set back brings nothing back to life."""
    begun: dict[str, Begun] = {}


class Known:
    """All orders that have not expired yet. Any thread may call."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Read what earlier processes left.

        Args:
            folder: the state folder.
            clock: says what has expired; asked only when it can be trusted.
        """
        self._path, self._clock = folder / FILE, clock
        self._lock = threading.Lock()
        self.fault = ""
        """Why the file cannot be read: which orders were done is then not known."""
        try:
            self._kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            self._kept = _Kept()
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            self._kept = _Kept()
            _log.warning("%s: %s", self._path, error)
            self.fault = f"{self._path} cannot be read; remove it, at the device"

    @property
    def floor_ms(self) -> int:
        """What expires no later than that has expired, whatever the clock says."""
        return self._kept.floor

    def get(self, name: str, wish: str) -> Begun | None:
        """Return what became of the order ``wish`` of that name, None: it was never begun."""
        return self._kept.begun.get(_key(name, wish))

    def begin(self, name: str, wish: str, expires_ms: int) -> None:
        """Write down, synced, that the order is now done.

        Raises:
            EdgeagentError: it cannot be, and must therefore not be done.
        """
        if self.fault:
            raise EdgeagentError(f"it might have been done before: {self.fault}")
        with self._lock:
            kept = self._unexpired()
            if len(kept.begun) >= MAX_KNOWN:
                raise EdgeagentError(
                    f"{MAX_KNOWN} orders have not expired yet; ask later, with a nearer exp"
                )
            kept.begun[_key(name, wish)] = Begun(expires_ms)
            try:
                self._keep(kept)
            except OSError as error:
                raise EdgeagentError(
                    f"it cannot be written down before it is done ({error.strerror or error}); "
                    "see to the device's disk"
                ) from None

    def end(self, name: str, wish: str, ok: bool, why: str = "") -> None:
        """Write down what became of it.

        Raises:
            OSError: the disk refuses; it stands as begun.
        """
        with self._lock:
            begun = self._kept.begun.get(_key(name, wish))
            if begun is None:
                return
            ended = msgspec.structs.replace(begun, ok=ok, why=why)
            self._keep(_Kept(self._kept.floor, self._kept.begun | {_key(name, wish): ended}))

    def _unexpired(self) -> _Kept:
        now_ms, old = self._clock.wall_ms(), self._kept
        gone = [begun.exp for begun in old.begun.values() if begun.exp < now_ms]
        left = {key: begun for key, begun in old.begun.items() if begun.exp >= now_ms}
        return _Kept(max([old.floor, *gone]), left)

    def _keep(self, kept: _Kept) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, msgspec.json.encode(kept))
        self._kept = kept


def _key(name: str, wish: str) -> str:
    return f"{name} {wish}"
