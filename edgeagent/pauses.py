"""Which cameras rest because somebody said so, by whose word and until when; kept over restarts.

Time is counted by the monotonic clock. Over a start of the machine it is the wall clock, where that
can be trusted; where it cannot, the time begins anew: too long rather than too short.
"""

import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec

from edgeagent.atomic import sync_folder, write_whole
from edgeagent.clock import Clock
from edgeagent.errors import DAMAGED, UsageError
from edgeagent.health import Health

_log = logging.getLogger(__name__)

FILE = "paused.json"
"""In the state folder; there while anything is paused, and only then."""

SHORTEST_S, LONGEST_S = 1.0, 366 * 86_400.0
"""Of a pause that ends by itself."""

By = Literal["local", "order"]
"""Whose word it was: somebody's on the device, or an order's through the broker."""


class Pause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One camera's."""

    by: By
    why: str
    """Whose word it was, for a person."""
    for_s: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_S)] | None = None
    """How long it was to last; None: until it is resumed."""
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=1 << 47)] = 0
    """When it ends, by the wall clock as it was when this was said."""
    trusted: bool = False
    """Whether that clock could be trusted then."""
    kernel: str = ""
    """Which start of the kernel ``end_s`` belongs to."""
    end_s: Annotated[float, msgspec.Meta(ge=0, le=1e10)] = 0.0
    """When it ends, by the monotonic clock."""


class Pauses:
    """All cameras'. One thread at a time: `cameras.Cameras` holds its lock."""

    def __init__(self, folder: Path, clock: Clock, kernel: str, health: Health) -> None:
        """Prepare; `read` comes first.

        Args:
            folder: the state folder.
            clock: counts the time.
            kernel: `clock.kernel_boot`; "" makes each start of the agent count as the machine's.
            health: shows in its gauges which are paused.
        """
        self._path, self._clock, self._health = folder / FILE, clock, health
        self._kernel = kernel or secrets.token_hex(4)
        self._all: dict[str, Pause] = {}
        self._read_s = clock.mono_s()
        self.fault = ""
        """Why the last change would not outlive a restart; "" where it would."""

    def read(self, cameras: Iterable[str]) -> None:
        """Take up what an earlier process left; what cannot be read pauses all ``cameras``.

        The file is there only while something is paused: which, is then not known.
        """
        try:
            self._all = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Pause])
        except FileNotFoundError:
            return
        except DAMAGED as error:
            _log.warning("%s cannot be read, so that every camera rests: %s", self._path, error)
            why = f"because {self._path.name} cannot be read"
            self._all = {camera: Pause("local", why) for camera in cameras}
        self._settle()
        self._show(list(self._all))

    def __contains__(self, camera: object) -> bool:
        return camera in self._all

    def begin(self, cameras: Sequence[str], by: By, why: str, for_s: float | None) -> None:
        """Pause ``cameras`` from now on; it replaces what was said before."""
        if not cameras:
            return
        pause = Pause(by, why)
        if for_s is not None:
            until_ms = self._clock.wall_ms() + round(for_s * 1000)
            end_s = self._clock.mono_s() + for_s
            trusted = self._clock.trusted()
            pause = Pause(by, why, for_s, until_ms, trusted, self._kernel, end_s)
        self._all |= dict.fromkeys(cameras, pause)
        self._keep()
        self._show(cameras)

    def end(self, cameras: Sequence[str]) -> None:
        """Pause ``cameras`` no longer."""
        gone = [camera for camera in cameras if self._all.pop(camera, None)]
        if gone:
            self._keep()
            self._show(gone)

    def is_local(self, camera: str) -> bool:
        """Return whether ``camera`` is paused by somebody on the device."""
        pause = self._all.get(camera)
        return pause is not None and pause.by == "local"

    def over(self) -> list[str]:
        """Return the cameras whose time is over."""
        self._settle()
        return [camera for camera in self._all if self._left_s(camera) == 0.0]

    def told(self, camera: str) -> dict[str, Any]:
        """Return ``by``, ``why`` and, where it ends by itself, ``until`` in unix milliseconds."""
        pause, until_ms = self._all[camera], self.until_ms(camera)
        told: dict[str, Any] = {"by": pause.by, "why": pause.why}
        return told if until_ms is None else {**told, "until": until_ms}

    def until_ms(self, camera: str) -> int | None:
        """Return when it ends, by the wall clock of now; None: not before it is resumed."""
        left_s = self._left_s(camera)
        return None if left_s is None else self._clock.wall_ms() + round(left_s * 1000)

    def words(self, camera: str) -> str:
        """Return by whom and for how long, for a person."""
        why, left_s, until_ms = self._all[camera].why, self._left_s(camera), self.until_ms(camera)
        if left_s is None or until_ms is None:
            return f"{why}, until it is resumed"
        told = f"{why}, for {left_s:.0f} s"
        if not self._clock.trusted():
            return told
        return f"{told}, until {datetime.fromtimestamp(until_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _left_s(self, camera: str) -> float | None:
        """Return how long it still lasts, 0 when it is over; None: until it is resumed."""
        pause = self._all[camera]
        if pause.for_s is None:
            return None
        is_settled = pause.kernel == self._kernel
        end_s = pause.end_s if is_settled else self._read_s + pause.for_s
        return max(end_s - self._clock.mono_s(), 0.0)

    def _settle(self) -> None:
        """Reckon on this kernel's clock what was said before it, as soon as that can be done."""
        settled = dict(self._settled())
        if settled:
            self._all |= settled
            self._keep()

    def _settled(self) -> Iterator[tuple[str, Pause]]:
        for camera, pause in self._all.items():
            if pause.for_s is None or pause.kernel == self._kernel:
                continue
            left_s = pause.for_s
            if pause.trusted:
                if not self._clock.trusted():
                    continue
                left_s = (pause.until_ms - self._clock.wall_ms()) / 1000
            end_s = self._clock.mono_s() + min(max(left_s, 0.0), pause.for_s)
            yield camera, msgspec.structs.replace(pause, kernel=self._kernel, end_s=end_s)

    def _keep(self) -> None:
        """Write it down, or take the file away. Does not raise."""
        self.fault = ""
        try:
            if self._all:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self._path, msgspec.json.encode(self._all))
            elif self._path.exists():
                self._path.unlink()
                sync_folder(self._path.parent)
        except OSError as error:
            self.fault = f"{self._path}: {error.strerror or error}"
            _log.warning("%s: who is paused will be another at the next start", self.fault)

    def _show(self, cameras: Sequence[str]) -> None:
        for camera in cameras:
            until_ms = self.until_ms(camera) if camera in self._all else 0
            self._health.gauge(f"paused.{camera}", camera in self._all)
            self._health.gauge(f"paused_until_s.{camera}", (until_ms or 0) / 1000)


def lasting_s(asked: object) -> float | None:
    """Return for how long a request wants cameras paused; None: until they are resumed.

    Raises:
        UsageError: that is no such time.
    """
    if asked is None:
        return None
    is_number = isinstance(asked, int | float) and not isinstance(asked, bool)
    # Judged before it becomes a float: not every whole number can.
    if is_number and SHORTEST_S <= (number := cast("float", asked)) <= LONGEST_S:
        return float(number)
    raise UsageError(f"for_s: {asked!r} is not {SHORTEST_S:g} to {LONGEST_S:g} s")
