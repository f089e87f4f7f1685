"""A look that somebody asked for, whatever moves: who asks waits, who looks tells.

Between two threads. A wish that nobody waits for any longer is forgotten, not done late.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from edgeagent.findings import Detection, Label

Thing = Detection | Label

LIMIT_S = 8.0
"""Longest that a look is waited for: a camera may be slow, and the engine busy with others."""


class Glance:
    """One wish to have one camera's next frame looked at, and what came of it."""

    def __init__(self, wish: str) -> None:
        self.id = wish
        """The asker's own name for it; it stands in the event."""
        self.seen: tuple[Thing, ...] = ()
        """What is in view, once it is settled and there is no `why`."""
        self.why = ""
        """Why nobody looked, in words; empty: somebody did."""
        self._lock = threading.Lock()
        self._settled = threading.Event()

    @property
    def is_settled(self) -> bool:
        """Whether there is an answer, or nobody waits for one."""
        return self._settled.is_set()

    def settle(self, seen: Sequence[Thing]) -> None:
        """Answer with what was seen; the first answer counts."""
        self._end(tuple(seen), "")

    def refuse(self, why: str) -> None:
        """Answer that nobody looks, and why; the first answer counts."""
        self._end((), why)

    def wait(self, limit_s: float) -> None:
        """Return when it is settled; after ``limit_s`` it is, by there being no answer."""
        if not self._settled.wait(max(limit_s, 0.0)):
            self.refuse("no frame was looked at in time")

    def _end(self, seen: tuple[Thing, ...], why: str) -> None:
        with self._lock:
            if not self._settled.is_set():
                self.seen, self.why = seen, why
                self._settled.set()


class Glances:
    """The wishes for one camera: any thread asks, the camera's looker takes."""

    def __init__(self) -> None:
        self._waiting: deque[Glance] = deque()

    def __bool__(self) -> bool:
        """Return whether somebody waits for a look."""
        # Asked at every frame, and nearly always in vain: no list is made for that.
        return bool(self._waiting) and any(not g.is_settled for g in list(self._waiting))

    def ask(self, wish: str) -> Glance:
        """Wish for a look at the next frame."""
        glance = Glance(wish)
        self._waiting.append(glance)
        return glance

    def take(self) -> list[Glance]:
        """Return, and keep no longer, the wishes somebody still waits for."""
        taken = []
        while self._waiting:
            glance = self._waiting.popleft()
            if not glance.is_settled:
                taken.append(glance)
        return taken


Ask = Callable[[str], Glance]
"""Wishes for a look through one camera."""


def look_now(cameras: Mapping[str, Ask], wish: str, limit_s: float = LIMIT_S) -> dict[str, Glance]:
    """Ask for a look through all of ``cameras`` at once; return when each is settled."""
    asked = {name: ask(wish) for name, ask in cameras.items()}
    end_s = time.monotonic() + limit_s
    for glance in asked.values():
        glance.wait(end_s - time.monotonic())
    return asked
