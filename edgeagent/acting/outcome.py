"""What became of a deed, and what can do one: the family's contract."""

import threading
from dataclasses import dataclass
from typing import Literal, Protocol

from edgeagent.acting.occasion import Occasion

Ended = Literal["done", "failed", "late", "stopped"]
"""``late``: ended at its time limit; ``stopped``: by the agent's own end, or a reload."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    ended: Ended
    why: str = ""
    """In words; "" where it is done. Nothing that the command said: this leaves the device."""
    said: str = ""
    """The first line on its standard error. It stays on the device."""
    took_s: float = 0.0


class Deed(Protocol):
    """What an action does. One thread calls `open`, `do` and `close`."""

    def open(self) -> str:
        """Make ready, and return what stands in the way; "" nothing. Does not raise."""
        ...

    def do(self, occasion: Occasion, stop: threading.Event) -> Outcome:
        """Do it and wait for its end, or end it soon after ``stop``. Does not raise."""
        ...

    def close(self) -> None:
        """Let go of everything. Safe twice, and without `open`."""
        ...
