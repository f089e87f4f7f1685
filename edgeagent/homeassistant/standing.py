"""How a camera stands now, as far as its events have told: folded from them, forgotten with it."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from edgeagent.event import Event

OPENING, WATCHED, UNARMED = "opening", "watched", "unarmed"
STATES = (OPENING, WATCHED, UNARMED, "paused", "lent", "lost", "silent", "stuck", "ended")
"""All that ``s`` can be; the last six are the codes of `diagnosis.camera`."""
ABOUT_THINGS = ("object", "label")
NAME_MAX = 64
LABELS_MAX, ZONES_MAX = 100, 16


class Standing:
    """One camera's. Its methods are called under its owner's lock."""

    def __init__(self) -> None:
        self.state = OPENING
        self._moves = False
        self._counts: dict[str, int] = {}
        self._last: tuple[str, float] | None = None
        self._inside: dict[str, dict[int, str]] = {}
        """Zone to the tracks in it, each with its label."""

    def begin(self) -> None:
        """Forget what was in view: another agent looks through the camera from now on."""
        self._moves, self._counts, self._inside = False, {}, {}

    def take(self, event: Event) -> bool:
        """Take in what an event of the camera says; return whether it was of any account."""
        if event.motion is not None:
            self._moves = event.motion.phase != "out"
        elif event.kind in ABOUT_THINGS:
            self._take_things(event)
        elif event.kind == "zone":
            self._take_visits(event)
        else:
            return False
        return True

    def _take_things(self, event: Event) -> None:
        self._counts = dict(event.counts)
        for name, (_, phase) in zip(event.names, event.tracks, strict=False):
            if phase == "in":
                self._last = name

    def _take_visits(self, event: Event) -> None:
        inside = self._inside.setdefault(event.zone, {})
        for (name, _), (track, phase) in zip(event.names, event.tracks, strict=False):
            if phase == "in":
                inside[track] = name
            else:
                inside.pop(track, None)

    def fields(self, zones: Collection[str]) -> Mapping[str, Any]:
        """Return it as the wire says it.

        Args:
            zones: those that there are now; who was in another has left it unsaid.
        """
        self._inside = {zone: of for zone, of in self._inside.items() if zone in zones}
        told: dict[str, Any] = {"s": self.state, "mov": self._moves, "n": _bounded(self._counts)}
        if zones:
            within = {zone: self._inside.get(zone, {}) for zone in list(zones)[:ZONES_MAX]}
            told["zn"] = {zone: _bounded(Counter(of.values())) for zone, of in within.items()}
        if self._last is not None:
            told["last"] = (self._last[0][:NAME_MAX], round(self._last[1], 3))
        return told


def _bounded(counts: Mapping[str, int]) -> dict[str, int]:
    some = list(counts.items())[:LABELS_MAX]
    return {name[:NAME_MAX]: count for name, count in some if count}
