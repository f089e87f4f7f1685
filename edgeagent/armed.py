"""When a camera looks: by local time and day, and always while the time cannot be trusted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from edgeagent.clock import Clock
from edgeagent.config import ArmedConfig

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ASK_S = 1.0
"""Asking the kernel whether its clock is right costs a system call."""


def is_armed(windows: Sequence[ArmedConfig], wall_ms: int, trusted: bool) -> bool:
    """Return whether a camera looks now.

    Args:
        windows: when it shall; none: always. One whose ends are equal lasts a day.
        wall_ms: unix milliseconds; turned into the machine's own time zone.
        trusted: whether they are right; if not, it looks.
    """
    if not (windows and trusted):
        return True
    now = datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone()
    return any(_within(window, now) for window in windows)


def _within(window: ArmedConfig, now: datetime) -> bool:
    time, yesterday = now.strftime("%H:%M"), now - timedelta(days=1)
    if window.start < window.end:
        return window.start <= time < window.end and _on(window, now)
    # It lasts past midnight: begun today, or yesterday and not over.
    return (time >= window.start and _on(window, now)) or (
        time < window.end and _on(window, yesterday)
    )


def _on(window: ArmedConfig, day: datetime) -> bool:
    return not window.days or DAYS[day.weekday()] in window.days


class Duty:
    """Remembers what `is_armed` said for `ASK_S` of the frames' own time. One thread's own."""

    def __init__(self, windows: Sequence[ArmedConfig], clock: Clock) -> None:
        self.windows = windows
        self._clock = clock
        self._armed = True
        self._asked_s = float("-inf")

    def armed(self, at_s: float, wall_ms: int) -> bool:
        """Return whether the camera looks at ``at_s`` (monotonic), ``wall_ms`` on the wall."""
        if self.windows and at_s - self._asked_s >= ASK_S:
            self._asked_s = at_s
            self._armed = is_armed(self.windows, wall_ms, self._clock.trusted())
        return self._armed
