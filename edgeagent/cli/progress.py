"""How far a long command has come, on standard error, for who sits before it."""

import sys
import time
from types import TracebackType

EVERY_S = 0.2
"""How often a terminal's line is written anew."""
PLAIN_S = 60.0
"""How often a line is written where there is no terminal."""


class Shown:
    """One line that is written over and over, and taken away at the end; a `bench.river.Progress`.

    Where standard error is no terminal, a line a minute.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._is_terminal = sys.stderr.isatty()
        self._every_s = EVERY_S if self._is_terminal else PLAIN_S
        self._due_s = time.monotonic() + self._every_s

    def __enter__(self) -> "Shown":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")

    def __call__(self, done: float, whole: float) -> None:
        """Say that ``done`` of ``whole`` is done, if it is time to say something."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + self._every_s
        told = f"{self._title}: {done:.0f} of {whole:.0f}"
        sys.stderr.write(f"\r{told}\x1b[K" if self._is_terminal else f"{told}\n")
        sys.stderr.flush()
