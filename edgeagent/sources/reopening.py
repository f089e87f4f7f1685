"""A camera that was lost is opened again, with patience and without a flood of words."""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from edgeagent.clock import Clock
from edgeagent.errors import CameraError, CameraSpentError
from edgeagent.findings import Notice
from edgeagent.frame import Frame
from edgeagent.sources import Source

FIRST_S = 1.0
"""Bound of the first wait; each further one is twice as long."""

LONGEST_S = 60.0
"""Bound of the longest wait; a camera that gave frames for so long is taken for sound again."""

LOOK_S = 0.2
"""How often a wait looks whether it should end."""

log = logging.getLogger(__name__)


class Reopening:
    """A `Source` that outlives the sources it opens; its ``seq`` and ``dropped`` go on rising.

    Waits are drawn evenly between 0 and the bound (full jitter), so that cameras lost together
    do not come back together. One notice says ``lost``, one says ``back`` at the next frame; what
    goes wrong between is only counted. A camera that comes and goes waits ever longer, until it
    has given frames for `LONGEST_S`.
    """

    def __init__(
        self,
        open: Callable[[], Source],
        tell: Callable[[Notice], None],
        clock: Clock,
        stop: threading.Event,
        *,
        name: str = "",
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Remember how to open the camera; nothing is opened yet.

        Args:
            open: opens it anew, each time; a CameraError from it counts as one from the frames.
            tell: hears of ``lost`` and ``back``, in the thread that iterates.
            clock: times how long the camera has been sound.
            stop: ends a wait, and the frames at the next one; only looked at, never set.
            name: the camera's, for the notices.
            draw: picks a number between its two arguments.
        """
        self._open = open
        self._tell = tell
        self._clock = clock
        self._stop = stop
        self._name = name
        self._draw = draw
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._inner: Source | None = None
        self._gone_dropped = 0
        self._next_seq = 0
        self._waits = 0
        self._lost = False

    @property
    def ends(self) -> bool:
        """See `Source.ends`; False before the first opening."""
        inner = self._inner
        return inner is not None and inner.ends

    @property
    def dropped(self) -> int:
        """See `Source.dropped`: over all openings."""
        with self._lock:
            return self._gone_dropped + (self._inner.dropped if self._inner else 0)

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`.

        Raises:
            CameraSpentError: the camera says that this process may not open it again.
        """
        while not self._ending():
            try:
                yield from self._once()
                return
            except CameraError as fault:
                self._fail(fault)
            finally:
                self._let_go()
            self._wait()

    def close(self) -> None:
        """See `Source.close`."""
        self._closed.set()
        with self._lock:
            inner = self._inner
        if inner is not None:
            inner.close()

    def _ending(self) -> bool:
        return self._closed.is_set() or self._stop.is_set()

    def _once(self) -> Iterator[Frame]:
        inner = self._open()
        with self._lock:
            self._inner = inner
        if self._ending():
            return
        base = self._next_seq
        since_s = self._clock.mono_s()
        for frame in inner.frames():
            if self._ending():
                return
            self._welcome(since_s)
            self._next_seq = base + frame.seq + 1
            yield replace(frame, seq=base + frame.seq) if base else frame

    def _welcome(self, since_s: float) -> None:
        if self._waits and self._clock.mono_s() - since_s >= LONGEST_S:
            self._waits = 0
        if self._lost:
            self._lost = False
            self._tell(Notice("camera", "back", "frames again", self._name))

    def _fail(self, fault: CameraError) -> None:
        if self._ending():
            return
        if self._lost:
            log.debug("camera %s: still lost: %s", self._name, fault)
        else:
            self._lost = True
            self._tell(Notice("camera", "lost", str(fault), self._name))
        if isinstance(fault, CameraSpentError):
            raise fault

    def _let_go(self) -> None:
        inner = self._inner
        if inner is None:
            return
        inner.close()
        with self._lock:
            self._gone_dropped += inner.dropped
            self._inner = None

    def _wait(self) -> None:
        bound_s = min(LONGEST_S, FIRST_S * 2**self._waits)
        # Above this power the bound has long been reached.
        self._waits = min(self._waits + 1, 16)
        left_s = self._draw(0.0, bound_s)
        while left_s > 0 and not self._ending():
            self._closed.wait(min(left_s, LOOK_S))
            left_s -= LOOK_S
