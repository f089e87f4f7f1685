"""Settings that came from afar: those marked `remote`, kept in the state folder, tried and kept.

They lie over the settings file and never in it. New ones are a trial: written down, synced, before
they are taken over, and kept for good only when the agent has done well with them for a while. An
agent that ends otherwise than by being asked to finds the trial at its next start and goes back.
What was good before is kept beside them for an hour more, and comes back if the agent ends so
three times within it. No value, however bad, can hold it in a loop.
"""

import logging
import threading
from pathlib import Path

import msgspec
from msgspec.structs import replace

from edgeagent.atomic import write_whole
from edgeagent.overlay.judging import applied, judge
from edgeagent.overlay.kept import FILE, UNREADABLE, Kept, Set, Tried, Values, read

__all__ = ["FILE", "UNREADABLE", "Kept", "Overlay", "Set", "Tried", "applied", "judge", "read"]

_log = logging.getLogger(__name__)

FALLS_MAX = 3
"""Unclean ends soon after settings were kept; the last takes them back."""


class Overlay:
    """That of one state folder. Any thread may call."""

    def __init__(self, folder: Path) -> None:
        """Prepare; `begin` reads."""
        self._path, self._lock, self._kept = folder / FILE, threading.Lock(), Kept()

    def begin(self, ended: str) -> str:
        """Read what an earlier process left, and go back from a trial that it did not outlive.

        Args:
            ended: how that process ended, see `identity.Boot`.

        Returns:
            What was gone back from, or could not be read, in words; "" nothing.
        """
        try:
            self._kept = read(self._path.parent)
        except UNREADABLE as error:
            return f"{self._path} cannot be read, its settings are not in force: {error}"
        if ended == "clean":
            return ""
        if self._kept.trial is not None:
            return self.go_back(f"the agent ended while they were tried ({ended})")
        return self._fall(ended) if self._kept.spare is not None else ""

    def _fall(self, ended: str) -> str:
        """Count an unclean end soon after settings were kept; go back where it is one too many."""
        falls = self._kept.falls + 1
        if falls >= FALLS_MAX:
            return self.go_back(f"the agent ended {falls} times soon after ({ended})")
        with self._lock:
            self._keep_or_warn(replace(self._kept, falls=falls), "an unclean end is not counted")
        return ""

    @property
    def kept(self) -> Kept:
        """What is in force, and what was before."""
        return self._kept

    def try_(self, values: Values, by: str) -> None:
        """Put ``values`` in force over those that are, as a trial; None takes one away.

        Raises:
            OSError: the disk refuses; nothing has changed.
        """
        with self._lock:
            now = self._kept.now
            new = {**now.values, **values}
            left = {path: value for path, value in new.items() if value is not None}
            of = {path: now.origin(path) for path in left if path not in values}
            self._keep(replace(self._kept, trial=Set(left, by, of, now.version)))

    def try_whole(self, values: Values, tried: Tried) -> None:
        """Put ``values``, and nothing else from afar, in force as a trial.

        That this version was tried is in the same file, and so on the disk as soon as they are.

        Raises:
            OSError: the disk refuses; nothing has changed.
        """
        new = Set(dict(values), f"desired {tried.version}", version=tried.version)
        with self._lock:
            self._keep(replace(self._kept, trial=new, tried=tried))

    def settle(self) -> None:
        """Keep what is tried for good. Does not raise: a disk that refuses leaves it a trial."""
        with self._lock:
            now, tried = self._kept.now, self._kept.tried
            if tried is not None and tried.version == now.version:
                tried = replace(tried, state="kept")
            spare = self._kept.spare or self._kept.good
            new = replace(self._kept, good=now, trial=None, spare=spare, tried=tried)
            self._keep_or_warn(new, f"{now.by} is still a trial")

    def confirm(self) -> None:
        """Forget what was good before: the agent has lived long with what is. Does not raise."""
        with self._lock:
            new = replace(self._kept, spare=None, falls=0)
            self._keep_or_warn(new, f"what was before {new.good.by} is still kept")

    def go_back(self, why: str) -> str:
        """Put in force what was good before; return that in words. Does not raise."""
        with self._lock:
            kept = self._kept
            told = f"settings of {kept.now.by} are taken back: {why}"
            # Here at least, if the disk refuses; it is tried again at the next start.
            if kept.trial is not None:
                self._kept = replace(kept, trial=None, tried=_reverted(kept.tried, kept.good, why))
            elif kept.spare is not None:
                self._kept = Kept(kept.spare, tried=_reverted(kept.tried, kept.spare, why))
            self._keep_or_warn(self._kept, "it is gone back from in memory alone")
            return told

    def _keep_or_warn(self, kept: Kept, otherwise: str) -> None:
        try:
            self._keep(kept)
        except OSError as error:
            _log.warning("%s: %s: %s", self._path, otherwise, error)

    def _keep(self, kept: Kept) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, msgspec.json.encode(kept))
        self._kept = kept


def _reverted(tried: Tried | None, good: Set, why: str) -> Tried | None:
    """Return what is to be said of the latest desired state when only ``good`` is left."""
    if tried is None or tried.version == good.version or tried.state == "reverted":
        return tried
    return replace(tried, state="reverted", why=why)
