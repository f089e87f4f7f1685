"""What a camera saw last, for eyes beside the river: its looker writes, the page reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeagent.findings import Detection, Label, Motion
from edgeagent.frame import Frame

Numbered = tuple[int, Detection | Label]
"""A track's number and what it is of."""


@dataclass(slots=True)
class Glimpse:
    """One camera's slot. The newest wins; nothing waits and nothing is kept.

    There is no lock: each name is bound anew as a whole, and one that is a frame older than its
    neighbour does no harm to eyes.
    """

    wanted: bool = False
    """Somebody looks: set by the page, and as long as it is not, nothing else here is written."""
    seen_s: float = 0.0
    """When the last frame was taken, on the monotonic clock."""
    size_px: tuple[int, ...] = (3, 4)
    """Rows and columns of that frame."""
    armed: bool = True
    """Whether it was looked at."""
    moved_s: float = 0.0
    """When something moved last."""
    motion: Motion | None = None
    """What moved then."""
    things: Sequence[Numbered] = ()
    """What is in view."""

    def take(self, frame: Frame, motion: Motion | None, things: Sequence[Numbered]) -> None:
        """Keep what ``frame`` showed."""
        if motion is not None:
            self.motion, self.moved_s = motion, frame.mono_s
        self.things, self.armed = things, True
        self.size_px, self.seen_s = frame.luma.shape, frame.mono_s

    def rest(self, frame: Frame) -> None:
        """Keep that ``frame`` was not looked at: the camera is not armed."""
        self.things, self.motion, self.armed = (), None, False
        self.size_px, self.seen_s = frame.luma.shape, frame.mono_s

    def want(self, wanted: bool) -> None:
        """Say whether somebody looks from now on; what was kept before is forgotten."""
        self.motion, self.things = None, ()
        self.wanted = wanted
