"""What is asked of the cameras at work: how they are, a look now, a loan, other settings."""

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from edgeagent.config import Config
from edgeagent.control import Request
from edgeagent.engines import Tell
from edgeagent.errors import UsageError
from edgeagent.findings import Notice
from edgeagent.glance import Glance, look_now
from edgeagent.histogram import Histogram, StageHistograms
from edgeagent.watching import Watch, Watches
from edgeagent.wire.device import seen_fields

Times = Mapping[str, float]
"""``n``, ``p50_ms`` and ``p90_ms`` of one stage."""

AWAY = ("lent", "paused")
"""States in which no frame comes to the agent, and none should."""


class Cameras:
    """All cameras of the settings. Any thread may call."""

    def __init__(self, watches: Watches, tell: Tell) -> None:
        """Prepare.

        Args:
            watches: who begins and ends them.
            tell: hears of a camera that is lent.
        """
        self._watches, self._tell = watches, tell

    @property
    def ended(self) -> bool:
        """Whether there were cameras, and all of them have come to an end."""
        watches = self._watches.all
        return bool(watches) and all(watch.state == "ended" for watch in watches)

    def states(self) -> dict[str, str]:
        """Return for each camera ``watched``, ``paused``, ``lent`` or ``ended``."""
        return {watch.name: watch.state for watch in self._watches.all}

    def stages(self) -> dict[str, dict[str, Times]]:
        """Return for each camera and stage how long it took since the camera was begun."""
        return {
            name: {stage: _times(h) for stage, h in kept.stages.items()}
            for name, kept in self.kept().items()
        }

    def begun_s(self) -> dict[str, float]:
        """Return for each camera when it was begun, or begun anew (monotonic seconds)."""
        return {watch.name: watch.begun_s for watch in self._watches.all}

    def dropped(self) -> dict[str, int]:
        """Return for each camera `Source.dropped`, which begins anew with the camera."""
        return {watch.name: watch.dropped for watch in self._watches.all}

    def histograms(self) -> dict[str, dict[str, Histogram]]:
        """Return copies of what `stages` is reckoned from."""
        return {
            name: {stage: h.copy() for stage, h in kept.stages.items()}
            for name, kept in self.kept().items()
        }

    def kept(self) -> dict[str, StageHistograms]:
        """Return each camera's stage times since it was begun."""
        return {watch.name: watch.stages for watch in self._watches.all}

    def addresses(self) -> dict[str, str]:
        """Return what each camera's device is, of those that are held now."""
        return {w.name: w.config.address for w in self._watches.all if w.is_open}

    def retune(self, config: Config, anew: Container[int]) -> None:
        """Take over the live settings; begin those anew whose numbers are in ``anew``."""
        with self._watches.life:
            for number, watch in enumerate(list(self._watches.all)):
                watch.agent.retune(config)
                named = (one for one in config.camera if one.name == watch.name)
                watch.config = next(named, watch.config)
                if number in anew and watch.state not in AWAY:
                    self._watches.begin_anew(watch)

    def look_now(self, wish: str, asked: Request) -> Mapping[str, Any]:
        """Have one camera's next frame looked at, or that of each; tell what is in view.

        Raises:
            UsageError: there is no such camera, or none yet.
        """
        wanted = self._watches.wanted(asked)
        watched = [watch for watch in wanted if watch.state not in AWAY]
        looked = look_now({watch.name: watch.agent.look_soon for watch in watched}, wish)
        return {"saw": {w.name: _told(looked.get(w.name) or _away(w, wish)) for w in wanted}}

    @contextmanager
    def lent(self, asked: Request) -> Iterator[Mapping[str, Any]]:
        """Leave a camera to a person on the device, for as long as they stay.

        Raises:
            UsageError: there is no such camera, somebody else has it, or it is paused.
        """
        watch = self._watches.named(asked.get("camera"))
        self._lend(watch)
        try:
            yield {"camera": watch.name}
        finally:
            self._take_back(watch)

    def close(self) -> bool:
        """Stop them all; return whether they did in time."""
        return self._watches.end(self._watches.all)

    def _lend(self, watch: Watch) -> None:
        with self._watches.life:
            if watch.lent:
                raise UsageError(f"camera {watch.name!r} is lent already; try again later")
            if watch.paused:
                until = self._watches.pauses.words(watch.name)
                cure = f"edgeagent resume {watch.name}"
                raise UsageError(f"camera {watch.name!r} is paused {until}; to end that: {cure}")
            watch.lent = True
            self._watches.end([watch])
        self._tell(Notice("camera", "lent", "somebody at the device looks", watch.name))

    def _take_back(self, watch: Watch) -> None:
        with self._watches.life:
            if self._watches.over.is_set():
                return
            anew = self._watches.begin_anew(watch)
        why = "it is paused" if anew.paused else "it is watched again"
        self._tell(Notice("camera", "returned", why, watch.name))


def _away(watch: Watch, wish: str) -> Glance:
    glance = Glance(wish)
    glance.refuse(f"it is {watch.state}" if watch.state in AWAY else "it is not open yet")
    return glance


def _told(glance: Glance) -> Mapping[str, Any]:
    return {"why": glance.why} if glance.why else seen_fields(glance.seen)


def _times(histogram: Histogram) -> Times:
    copy = histogram.copy()
    p50_ms, p90_ms = (round(copy.quantile_us(share) / 1000, 3) for share in (0.5, 0.9))
    return {"n": copy.count, "p50_ms": p50_ms, "p90_ms": p90_ms}
