"""Cameras paused and resumed, by somebody on the device or by an order: one deed for both."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgeagent.control import Request
from edgeagent.engines import Tell
from edgeagent.errors import UsageError
from edgeagent.findings import Notice
from edgeagent.pauses import By, lasting_s
from edgeagent.watching import Watch, Watches

NOTE_MAX = 200
"""Characters, as the wire's schema has it."""


class Pausing:
    """Pauses for privacy: a paused camera is closed, and not read until it is resumed."""

    def __init__(self, watches: Watches, tell: Tell) -> None:
        """Prepare.

        Args:
            watches: who begins and ends cameras, and whose pauses these are.
            tell: hears of each camera that is paused and resumed.
        """
        self._watches, self._pauses, self._tell = watches, watches.pauses, tell

    def pause(self, asked: Request, by: By, who: str) -> Mapping[str, Any]:
        """Let cameras go, those named or all, for ``for_s`` seconds or until they are resumed.

        What somebody on the device has paused, no order changes.

        Args:
            asked: ``camera``, a name or several; ``for_s``.
            by: whose word it is.
            who: that in words.

        Returns:
            How each of them is now, see `_told`.

        Raises:
            UsageError: there is no such camera, or no such time.
        """
        with self._watches.life:
            wanted, for_s = self._watches.wanted(asked), lasting_s(asked.get("for_s"))
            free = [watch for watch in wanted if by == "local" or not self._is_local(watch)]
            self._rest(free)
            self._pauses.begin([watch.name for watch in free], by, who, for_s)
            self._watches.settled(free)
            self.tell(free)
            return {"cams": {watch.name: self._told(watch) for watch in wanted}}

    def resume(self, asked: Request, by: By, who: str) -> Mapping[str, Any]:
        """Watch cameras again, those named or all that are paused. See `pause`.

        Raises:
            UsageError: there is no such camera, or an order would end what somebody on the device
                has begun.
        """
        with self._watches.life:
            wanted = self._watches.wanted(asked)
            kept = [watch.name for watch in wanted if by == "order" and self._is_local(watch)]
            if kept and "camera" in asked:
                raise UsageError(
                    f"camera {kept[0]!r} was paused at the device, and is resumed there alone: "
                    f"edgeagent resume {kept[0]}"
                )
            names = [watch.name for watch in wanted]
            self._wake([name for name in names if name not in kept], who)
            return {"cams": {name: self._told(self._watches.named(name)) for name in names}}

    def tick(self) -> None:
        """Watch those again whose time is over; cheap, to be called often."""
        with self._watches.life:
            if over := self._pauses.over():
                self._wake(over, "its time is over")

    def paused(self) -> dict[str, dict[str, Any]]:
        """Return for each that is paused by whose word, and until when; see `Pauses.told`."""
        with self._watches.life:
            paused = [w.name for w in self._watches.all if w.paused and w.name in self._pauses]
            return {name: self._pauses.told(name) for name in paused}

    def tell(self, watches: Sequence[Watch]) -> None:
        """Tell of those of ``watches`` that are paused."""
        for watch in watches:
            if watch.paused:
                why = self._pauses.words(watch.name)
                self._tell(Notice("camera", "paused", why, watch.name))

    def _is_local(self, watch: Watch) -> bool:
        return self._pauses.is_local(watch.name)

    def _rest(self, watches: Sequence[Watch]) -> None:
        """Close them at once, before a slow card is written: who wants it closed wants it now."""
        for watch in watches:
            watch.paused = True
            watch.close()

    def _wake(self, names: Sequence[str], why: str) -> None:
        self._pauses.end(names)
        paused = [w for w in self._watches.all if w.paused and w.name in names]
        for watch in paused if not self._watches.over.is_set() else ():
            watch.paused = False
            if not watch.lent:
                self._watches.begin_anew(watch)
            self._tell(Notice("camera", "resumed", why, watch.name))

    def _told(self, watch: Watch) -> Mapping[str, Any]:
        """Return ``s``, its state, ``until`` when in unix ms, and in a ``note`` what is amiss."""
        told: dict[str, Any] = {"s": watch.state}
        # Once all is over none is begun anew, though its pause has ended.
        if not watch.paused or watch.name not in self._pauses:
            return told
        until_ms, note = self._pauses.until_ms(watch.name), self._note(watch)
        if until_ms is not None:
            told["until"] = until_ms
        return {**told, "note": note} if note else told

    def _note(self, watch: Watch) -> str:
        if watch.lent:
            return "somebody at the device looks through it; it is paused when they have done"
        if watch.is_open:
            return "its driver has not let go of it yet"
        fault = self._pauses.fault
        return f"it will be otherwise after the next start: {fault}"[:NOTE_MAX] if fault else ""
