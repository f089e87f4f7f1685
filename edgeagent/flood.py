"""A log that floods is cut, and once a minute says by how much."""

import logging
import threading
import time
from collections.abc import Callable

from edgeagent.rate import Bucket

PER_S, AT_ONCE = 1.0, 200
"""What a bad hour needs is far below; a loop that logs is far above."""
SAY_S = 60.0


class Flood(logging.Filter):
    """Lets through what is within bounds, counts the rest."""

    def __init__(
        self,
        handler: logging.Handler,
        per_s: float = PER_S,
        burst: float = AT_ONCE,
        say_s: float = SAY_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; ``handler`` is to have this for a filter.

        Args:
            handler: is given the word of what was left out.
            per_s: records a second that pass for ever.
            burst: that pass at once.
            say_s: how long what was left out is counted before it is said.
            now_s: a monotonic clock.
        """
        super().__init__()
        self.left_out = 0
        """Not said yet."""
        self._handler, self._say_s, self._now_s = handler, say_s, now_s
        self._bucket = Bucket(per_s, burst)
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter.filter`."""
        with self._guard:
            # Its own word passes: in a flood it would be left out as well.
            if record.name == __name__ or self._bucket.take(self._now_s()):
                return True
            self.left_out += 1
            if self.left_out == 1:
                self._say_later()
        return False

    def say(self) -> None:
        """Say what was left out since it was last said."""
        with self._guard:
            count, self.left_out = self.left_out, 0
            if self._timer is not None:
                self._timer.cancel()
        what = f"{count} log records were left out within {self._say_s:g} s"
        told = logging.LogRecord(__name__, logging.WARNING, __file__, 0, what, None, None)
        self._handler.handle(told)

    def _say_later(self) -> None:
        self._timer = threading.Timer(self._say_s, self.say)
        self._timer.daemon, self._timer.name = True, "flood"
        self._timer.start()
