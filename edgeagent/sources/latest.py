"""The newest frame wins: a thread that reads a camera into a slot for one frame."""

import logging
import threading
from collections.abc import Iterator

from edgeagent import journal
from edgeagent.errors import CameraError
from edgeagent.frame import Frame
from edgeagent.sources import Source

JOIN_S = 2.0
"""How long `Latest.close` waits for its thread before it lets it run out by itself."""

GRACE_S = 1.0
"""How much later than the source's own deadline the belt pulls."""

log = logging.getLogger(__name__)


class Latest:
    """A `Source` that reads another ahead, and hands on only the newest frame.

    The other's frames must own their memory, since it runs on while one of them is looked at:
    `Video`'s, `Images`' and `Synthetic`'s do, `PiCamera`'s do not.
    """

    def __init__(self, source: Source, name: str, stall_s: float | None = None) -> None:
        """Wrap ``source``; nothing is opened and no thread begun yet.

        Args:
            source: what the thread reads; nobody else may.
            name: the camera's, for the thread's name and for messages.
            stall_s: a belt for a source that hangs where its own deadline does not reach (name
                look-up, a driver): so long plus `GRACE_S` without a frame, twice that for the
                first, is a CameraError too. None: the source's word is enough.
        """
        self._source = source
        self._name = name
        self._patience_s = None if stall_s is None else stall_s + GRACE_S
        self._changed = threading.Condition()
        self._slot: Frame | None = None
        self._fault: Exception | None = None
        self._over = False
        self._closed = False
        self._overwritten = 0
        title = f"camera-{name}-reader"
        # A daemon, so that one stuck in a driver cannot keep the process from ending.
        self._thread = threading.Thread(target=self._read, name=title, daemon=True)

    @property
    def ends(self) -> bool:
        """See `Source.ends`."""
        return self._source.ends

    @property
    def dropped(self) -> int:
        """See `Source.dropped`: the source's own, and those a newer one took the place of."""
        return self._source.dropped + self._overwritten

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`."""
        if self._closed:
            return
        self._thread.start()
        try:
            patience_s = self._patience_s and 2 * self._patience_s
            while (frame := self._take(patience_s)) is not None:
                patience_s = self._patience_s
                yield frame
        finally:
            self.close()

    def close(self) -> None:
        """See `Source.close`. Waits at most `JOIN_S` for the thread."""
        with self._changed:
            self._closed = True
            self._slot = None
            self._changed.notify_all()
        self._source.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)
            if self._thread.is_alive():
                log.warning("camera %s: its reader hangs in the driver; left behind", self._name)

    def _take(self, patience_s: float | None) -> Frame | None:
        with self._changed:
            if not self._changed.wait_for(self._settled, patience_s):
                raise CameraError(
                    f"camera {self._name}: hangs, no frame for {patience_s:g} s; "
                    "see its cable, its power and the network to it"
                )
            if self._closed:
                return None
            frame, self._slot = self._slot, None
            if frame is None and self._fault is not None:
                raise self._fault
            return frame

    def _settled(self) -> bool:
        return self._slot is not None or self._over or self._closed

    def _read(self) -> None:
        journal.camera.set(self._name)
        try:
            for frame in self._source.frames():
                if not self._put(frame):
                    break
        except Exception as fault:  # noqa: BLE001 - whoever waits for a frame shall have it
            self._fault = fault
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        with self._changed:
            if self._closed:
                return False
            self._overwritten += self._slot is not None
            self._slot = frame
            self._changed.notify_all()
            return True
