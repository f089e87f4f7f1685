"""Settings that came from afar: those marked `remote`, kept in the state folder, tried and kept.

They lie over the settings file and never in it. New ones are a trial: written down, synced, before
they are taken over, and kept for good only when the agent has done well with them for a while. An
agent that ends otherwise than by being asked to finds the trial at its next start and goes back:
no value, however bad, can hold it in a loop.
"""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edgeagent.atomic import write_whole
from edgeagent.config import Config
from edgeagent.conflicts import conflicts
from edgeagent.errors import ConfigError
from edgeagent.manifest import did_you_mean
from edgeagent.settings import every_setting, hints_of, value_fault

_log = logging.getLogger(__name__)

FILE = "overlay.json"
"""In the state folder."""

UNREADABLE = (OSError, ValueError, RecursionError, msgspec.MsgspecError)
"""What `read` raises of a disk, or a file, that is broken: msgspec leaves bytes that are not UTF-8,
and a thousand brackets, to Python's own errors."""

Values = Mapping[str, Any]
"""``events.threshold`` to 0.5; paths as ``edgeagent check`` prints them."""


class Set(msgspec.Struct, frozen=True):
    """Values that hold together, and whose word they are."""

    values: dict[str, Any]
    by: str
    """``order a1``."""


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the file holds."""

    good: Set = Set({}, "")
    """What the agent has done well with."""
    trial: Set | None = None
    """What it has not yet; it replaces ``good`` as a whole."""

    @property
    def now(self) -> Set:
        """What is in force."""
        return self.trial or self.good


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
        if self._kept.trial is None or ended == "clean":
            return ""
        return self.go_back(f"the agent ended while they were tried ({ended})")

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
            new = {**self._kept.now.values, **values}
            left = {path: value for path, value in new.items() if value is not None}
            self._keep(Kept(self._kept.good, Set(left, by)))

    def settle(self) -> None:
        """Keep what is tried for good. Does not raise: a disk that refuses leaves it a trial."""
        with self._lock:
            try:
                self._keep(Kept(self._kept.now))
            except OSError as error:
                _log.warning("%s: %s is still a trial: %s", self._path, self._kept.now.by, error)

    def go_back(self, why: str) -> str:
        """Put in force what was before the trial; return that in words. Does not raise."""
        with self._lock:
            told = f"settings of {self._kept.now.by} are taken back: {why}"
            # Here at least, if the disk refuses; it is tried again at the next start.
            self._kept = Kept(self._kept.good)
            try:
                self._keep(self._kept)
            except OSError as error:
                _log.warning("%s: %s", self._path, error)
            return told

    def _keep(self, kept: Kept) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, msgspec.json.encode(kept))
        self._kept = kept


def read(folder: Path) -> Kept:
    """Return what the overlay in ``folder`` holds; nothing, where there is none.

    Raises:
        UNREADABLE: it cannot be read, or is none.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept()


def judge(config: Config, values: Values) -> Config:
    """Return ``config`` with ``values`` in force.

    Args:
        config: of the settings file.
        values: None for those that the settings file is to say again.

    Raises:
        ConfigError: with every fault; nothing is taken over then.
    """
    faults = [f"{p}: {what}" for p, value in values.items() if (what := _fault(config, p, value))]
    if faults:
        raise ConfigError(faults)
    new = _with(config, values)
    known = set(conflicts(config))
    faults = [f"{path}: {what}" for path, what in conflicts(new) if (path, what) not in known]
    if faults:
        raise ConfigError(faults)
    return new


def applied(config: Config, values: Values) -> tuple[Config, list[str]]:
    """Return ``config`` with those of ``values`` that it takes, and what is wrong with others.

    A release that knows other bounds, or another settings file, is no reason not to start.
    """
    faults: list[str] = []
    for path, value in values.items():
        try:
            config = judge(config, {path: value})
        except ConfigError as error:
            faults += error.faults
    return config, faults


def _fault(config: Config, path: str, value: object) -> str:
    known = [setting.path for setting in every_setting() if setting.remote]
    if path not in known:
        return f"is no setting that may be set from afar{did_you_mean(path, known)}"
    return "" if value is None else value_fault(_hint(config, path), value)


def _hint(config: Config, path: str) -> Any:  # noqa: ANN401
    section, _, key = path.partition(".")
    return hints_of(type(getattr(config, section)))[key]


def _with(config: Config, values: Values) -> Config:
    for path, value in values.items():
        if value is not None:
            section, _, key = path.partition(".")
            right = {key: msgspec.convert(value, _hint(config, path))}
            table = msgspec.structs.replace(getattr(config, section), **right)
            config = msgspec.structs.replace(config, **{section: table})
    return config
