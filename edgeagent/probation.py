"""The settings in force: the file's, and over them those from afar, tried, kept or taken back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgeagent.bulletin import Bulletin
from edgeagent.clock import Clock
from edgeagent.config import Config
from edgeagent.errors import ConfigError
from edgeagent.findings import Notice
from edgeagent.overlay import Kept, Overlay, Tried, applied, judge
from edgeagent.settings import Change, changes, load

TRIAL_S = 180.0
"""How long the agent does well with new settings before they are kept for good."""
LONG_S = 3600.0
"""How long it lives with them until what was good before is forgotten."""
WATCHED = ("camera", "motion", "engine")
"""Parts that settings from afar could harm."""


class Probation:
    """One for the whole agent. `judge`, `upcoming`, `try_` from any thread, all else from one."""

    def __init__(
        self,
        config: Config,
        path: Path | None,
        state: Path,
        tell: Callable[[Notice], None],
        clock: Clock,
    ) -> None:
        """Prepare; `begin` reads.

        Args:
            config: what the settings file says.
            path: that file, for `read`; None: there is none.
            state: the state folder.
            tell: hears what is refused, kept and taken back.
            clock: counts the trial's time.
        """
        self._file, self._path = config, path
        self._overlay, self._tell, self._clock = Overlay(state), tell, clock
        self._began_s: float | None = None
        self._before: frozenset[str] | None = None
        self.went_back = ""
        """What an earlier process did not outlive, or could not be read, in words; "" nothing."""

    def begin(self, ended: str) -> Config:
        """Take up what an earlier process left; return what is in force. See `Overlay.begin`."""
        self.went_back = self._overlay.begin(ended)
        if self.went_back:
            self._tell(Notice("config", "reverted", self.went_back))
        return self._over()

    @property
    def kept(self) -> Kept:
        """What is in force from afar, what was before, and what was tried."""
        return self._overlay.kept

    def read(self) -> tuple[Config, str]:
        """Read the settings file again; return what is in force, and the file's first fault.

        A wrong file changes nothing of what it said before.
        """
        fault = ""
        try:
            self._file = load(self._path) if self._path else self._file
        except ConfigError as error:
            self._tell(Notice("config", "refused", "; ".join(error.faults)))
            fault = error.faults[0]
        return self._over(), fault

    def upcoming(self) -> list[Change]:
        """Return what the settings file would change now.

        Raises:
            ConfigError: with every fault in it.
        """
        file = load(self._path) if self._path else self._file
        return changes(self._peek(self._file), self._peek(file))

    def _over(self) -> Config:
        kept = self._overlay.kept
        new, faults = applied(self._file, kept.now.values)
        if faults:
            self._tell(Notice("config", "ignored", f"of {kept.now.by}: {'; '.join(faults)}"))
        self._began_s = self._clock.mono_s() if kept.trial or kept.spare else None
        self._before = None
        return new

    def _peek(self, config: Config) -> Config:
        return applied(config, self._overlay.kept.now.values)[0]

    def judge(self, values: Mapping[str, Any]) -> list[Change]:
        """Return what ``values`` would change; see `overlay.judge`."""
        now = self._overlay.kept.now.values
        left = {path: value for path, value in now.items() if path not in values}
        after, _ = applied(self._file, left)
        return changes(self._peek(self._file), judge(after, values))

    def try_(self, values: Mapping[str, Any], by: str) -> None:
        """Write ``values`` down as a trial; see `Overlay.try_`."""
        self._overlay.try_(values, by)

    def judge_whole(self, values: Mapping[str, Any]) -> list[Change]:
        """Return what ``values`` would change if nothing else from afar were in force."""
        return changes(self._peek(self._file), judge(self._file, values))

    def try_whole(self, values: Mapping[str, Any], tried: Tried) -> None:
        """Write ``values`` down as a trial; see `Overlay.try_whole`."""
        self._overlay.try_whole(values, tried)

    def tick(self, bulletin: Callable[[], Bulletin]) -> bool:
        """See whether the trial is over; cheap, to be called often.

        Returns:
            Whether settings were taken back, and are to be read again.
        """
        if self._began_s is None:
            return False
        lived_s = self._clock.mono_s() - self._began_s
        if self._overlay.kept.trial is None:
            if lived_s >= LONG_S:
                self._began_s = None
                self._overlay.confirm()
            return False
        if self._before is None:
            self._before = _faulty(bulletin())
        return lived_s >= TRIAL_S and not self._is_good(bulletin(), self._before)

    def _is_good(self, bulletin: Bulletin, before: frozenset[str]) -> bool:
        """Keep what was tried, or take it back where a part is worse than ``before``."""
        by = self._overlay.kept.now.by
        worse = sorted(_faulty(bulletin) - before)
        if worse:
            told = self._overlay.go_back(f"{', '.join(worse)} did badly with them")
            self._began_s = None
            self._tell(Notice("config", "reverted", told))
            return False
        self._overlay.settle()
        self._began_s = self._clock.mono_s()
        if self._overlay.kept.trial is None:
            self._tell(Notice("config", "kept", f"settings of {by} are kept"))
        return True


def _faulty(bulletin: Bulletin) -> frozenset[str]:
    unwell = bulletin.unwell.items()
    return frozenset(p for p, s in unwell if s.level == "fault" and p.startswith(WATCHED))
