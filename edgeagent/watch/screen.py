"""A terminal, taken over for a while and given back as it was, however we end."""

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Self, TextIO

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Another buffer, no cursor, no wrapping at the edge."""
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_CLEAR = "\x1b[2J"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Between them a terminal that knows how shows nothing half drawn."""


class Screen:
    """Draws whole frames; only lines that have changed are written."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._drawn: list[str] = []
        self._is_stale = True

    def __enter__(self) -> Self:
        self._take()
        signal.signal(signal.SIGWINCH, self._resized)
        signal.signal(signal.SIGTSTP, self._suspended)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._write(_LEAVE)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, now."""
        return tuple(shutil.get_terminal_size())  # type: ignore[return-value]

    def draw(self, lines: Sequence[str]) -> None:
        """Show ``lines``, the first at the top."""
        out = _CLEAR if self._is_stale else ""
        known = [] if self._is_stale else self._drawn
        self._is_stale = False
        for row, line in enumerate(lines):
            if row >= len(known) or known[row] != line:
                out += f"\x1b[{row + 1};1H{line}\x1b[K"
        self._drawn = list(lines)
        if out:
            self._write(f"{_BEGIN}{out}{_END}")

    def _take(self) -> None:
        self._is_stale = True
        self._write(_ENTER)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _resized(self, number: int, at: FrameType | None) -> None:
        self._is_stale = True

    def _suspended(self, number: int, at: FrameType | None) -> None:
        """Give the terminal back for as long as we are stopped (Ctrl-Z)."""
        self._write(_LEAVE)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
