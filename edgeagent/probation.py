"""The settings in force: the file's, and over them those from afar, tried, kept or taken back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgeagent.bulletin import Bulletin
from edgeagent.clock import Clock
from edgeagent.config import Config
from edgeagent.errors import ConfigError
from edgeagent.findings import Notice
from edgeagent.overlay import Overlay, applied, judge
from edgeagent.settings import Change, changes, load

TRIAL_S = 180.0
"""How long the agent does well with new settings before they are kept for good."""
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

    def begin(self, ended: str) -> Config:
        """Take up what an earlier process left; return what is in force. See `Overlay.begin`."""
        if told := self._overlay.begin(ended):
            self._tell(Notice("config", "reverted", told))
        return self._over()

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
        self._began_s = self._clock.mono_s() if kept.trial else None
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

    def tick(self, bulletin: Callable[[], Bulletin]) -> bool:
        """See whether the trial is over; cheap, to be called often.

        Returns:
            Whether settings were taken back, and are to be read again.
        """
        if self._began_s is None:
            return False
        if self._before is None:
            self._before = _faulty(bulletin())
        if self._clock.mono_s() < self._began_s + TRIAL_S:
            return False
        self._began_s, by = None, self._overlay.kept.now.by
        worse = sorted(_faulty(bulletin()) - self._before)
        if worse:
            told = self._overlay.go_back(f"{', '.join(worse)} did badly with them")
            self._tell(Notice("config", "reverted", told))
            return True
        self._overlay.settle()
        self._tell(Notice("config", "kept", f"settings of {by} are kept"))
        return False


def _faulty(bulletin: Bulletin) -> frozenset[str]:
    unwell = bulletin.unwell.items()
    return frozenset(p for p, s in unwell if s.level == "fault" and p.startswith(WATCHED))
