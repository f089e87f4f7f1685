"""What time it was: how far the wall clock is before the monotonic one, for each kernel boot.

That number changes only when the clock is set. Known once, it tells every instant of its kernel
boot: those before the clock was set, and those after somebody set it wrong.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from edgeagent.atomic import write_whole
from edgeagent.clock import Clock, ahead_ms
from edgeagent.errors import DAMAGED
from edgeagent.findings import Notice
from edgeagent.rate import Bucket

_log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the clock is looked at, at most."""
STEP_MS = 1000
"""A clock that moved so far was set; less is not worth a word, nor a write."""
KEPT = 16
"""Kernel boots that are remembered: events older than so many outages of power stay unmended."""
MOST_MS = 1 << 47
"""Nothing that is kept is believed beyond: it is of the year 6429, and dates end with 9999."""
_FILE = "clock.json"
_PER_S, _AT_ONCE = 1 / 60, 10
"""Notices, and writes, of a clock that is stepped again and again."""


class Reckoning:
    """Looked after by one thread; ``ahead_ms`` may be read by any."""

    def __init__(
        self, clock: Clock, kernel: str, folder: Path, tell: Callable[[Notice], None]
    ) -> None:
        """Begin with what earlier processes learnt.

        Args:
            clock: what is looked at.
            kernel: `clock.kernel_boot`; "" learns nothing.
            folder: the state folder; keeps what is learnt, for events of a kernel boot that could
                not be sent within it.
            tell: is told ``clock set``, ``clock lost`` and ``clock stepped``.
        """
        self._clock, self._kernel, self._tell = clock, kernel, tell
        self._path = folder / _FILE
        self.ahead_ms = _read(self._path)
        """Kernel boot to milliseconds that its wall clock is before its monotonic one, once that
        was known; the newest last."""
        self._kept = self.ahead_ms.get(kernel)
        self._was: tuple[bool, int] | None = None
        self._looked_s = float("-inf")
        self._speech = Bucket(_PER_S, burst=_AT_ONCE)
        self._writes = Bucket(_PER_S, burst=_AT_ONCE)

    def look(self) -> None:
        """Learn from the clock as it is now, and tell what became of it; at most once a second."""
        now_s = self._clock.mono_s()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        trusted = self._clock.trusted()
        ahead = ahead_ms(self._clock)
        trusted = trusted and self._clock.trusted()
        if trusted and self._kernel:
            self._learn(ahead, now_s)
        was, self._was = self._was, (trusted, ahead)
        if was is not None:
            self._hear(was[0], trusted, ahead - was[1], now_s)

    def _learn(self, ahead: int, now_s: float) -> None:
        self.ahead_ms[self._kernel] = ahead
        is_kept = self._kept is not None and abs(ahead - self._kept) < STEP_MS
        if is_kept or not self._writes.take(now_s):
            return
        known = list(self.ahead_ms.items())[-KEPT:]
        try:
            write_whole(self._path, msgspec.json.encode(dict(known)))
        except OSError as error:
            _log.debug("%s cannot be written: %s", self._path, error)
        else:
            self._kept = ahead

    def _hear(self, was_trusted: bool, is_trusted: bool, step_ms: int, now_s: float) -> None:
        is_stepped = abs(step_ms) >= STEP_MS
        if (was_trusted == is_trusted and not is_stepped) or not self._speech.take(now_s):
            return
        what = "stepped" if was_trusted == is_trusted else "set" if is_trusted else "lost"
        why = "a time server has set it" if is_trusted else "no time server vouches for it"
        if is_stepped:
            why += f"; it was stepped by {step_ms / 1000:+.1f} s"
        self._tell(Notice("clock", what, why))


_Ahead = Annotated[int, msgspec.Meta(ge=-MOST_MS, le=MOST_MS)]


def _read(path: Path) -> dict[str, int]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Ahead])
    except FileNotFoundError:
        return {}
    except DAMAGED as error:
        _log.warning("%s cannot be read: %s", path, error)
        return {}
