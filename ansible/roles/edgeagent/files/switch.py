#!/usr/bin/python3
"""Change what this device runs, judge it by the device's own past, and go back if it is worse.

    switch.py [--wheelhouse DIR] [--settings FILE] [--model FOLDER]

Runs on the device and needs nobody: one that loses its network in the middle still goes back from
what will not do. Prints one JSON object, and exits 0 only if the device has what it should.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from device import (
    CREDENTIALS,
    HOME,
    MODELS,
    SETTINGS,
    UNIT,
    UNJUDGED,
    complaint,
    growth,
    live,
    point,
    probe,
    put,
    release,
    run,
    show,
    version_of,
)
from judgement import ENOUGH, Times, WorseError, is_worth_waiting
from speed import judge_speed, looks
from turns import compare, run_model

BUILD_S = 1800.0
"""Longest that installing may take; a Pi Zero 2 with a slow card unpacks for ten minutes."""


MOST = 4
"""How many times as long as wanted a release is watched, for the sake of enough looks."""


class NotTakenError(Exception):
    """What was to be had will not do; nothing has been switched yet."""


def restart(ready_s: float) -> None:
    """Start the unit anew, also one that has crashed too often to be asked."""
    run("systemctl", "reset-failed", UNIT)
    told = run("systemctl", "restart", UNIT, within_s=ready_s)
    if told.returncode:
        raise WorseError(f"did not get ready within {ready_s:g} s: {complaint(told)}")


class Change:
    """What is to become of the device, and the way back."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.before = probe()
        self._old_program = HOME / "releases" / self.before.release
        self._kept = SETTINGS.with_name(".edgeagent.toml.before")
        self._new_settings: Path | None = options.settings
        if self._new_settings and SETTINGS.exists():
            same = self._new_settings.read_bytes() == SETTINGS.read_bytes()
            self._new_settings = None if same else self._new_settings
        self._link, self._old_model = MODELS / "none", Path()
        self._is_new_model = False
        if options.model:
            self._meet_model(options.model)

    def _meet_model(self, folder: Path) -> None:
        self._link = MODELS / folder.name.partition("@")[0]
        if self._link.is_symlink():
            self._old_model = self._link.readlink()
        self._is_new_model = self._old_model.name != folder.name

    @property
    def is_due(self) -> bool:
        """Whether there is anything to do."""
        is_new = self._is_other_release or self._new_settings or self._is_new_model
        return bool(is_new or self.before.unjudged)

    @property
    def _is_other_release(self) -> bool:
        wheels = self._options.wheelhouse
        return wheels is not None and version_of(wheels) != self.before.release

    def prepare(self) -> None:
        """Make all that is new, and let it prove itself, beside what runs.

        Raises:
            NotTakenError: it will not do here.
        """
        program = HOME / "current"
        if wheels := self._options.wheelhouse:
            told = run(wheels / "install", "--build", within_s=BUILD_S)
            if told.returncode:
                raise NotTakenError(complaint(told))
            program = HOME / "releases" / version_of(wheels)
        self._fits(program, self._new_settings or SETTINGS)
        if self._is_new_model:
            told = run_model(program, self._options.model, 1)
            if told.returncode:
                raise NotTakenError(complaint(told))

    def _fits(self, program: Path, settings: Path) -> None:
        told = run(
            program / "bin/edgeagent", "check", settings, CREDENTIALS_DIRECTORY=str(CREDENTIALS)
        )
        if told.returncode:
            raise NotTakenError(complaint(told))

    def switch(self) -> None:
        """Run the new.

        Raises:
            WorseError: it does not even get ready.
        """
        UNJUDGED.touch()
        if self._new_settings:
            shutil.copy2(SETTINGS, self._kept)
            put(self._new_settings, SETTINGS)
        if self._is_new_model:
            point(self._link, self._options.model)
        if self._options.wheelhouse:
            told = run(self._options.wheelhouse / "install", within_s=BUILD_S,
                       EDGEAGENT_READY_S=str(self._options.ready_s))  # fmt: skip
            if told.returncode:
                raise WorseError(complaint(told))
        if not self._is_other_release:
            restart(self._options.ready_s)

    def judge(self) -> dict[str, Any]:
        """Watch the new for a while.

        Returns:
            p90 of the model's run in ms, before and after, and how that was found out.

        Raises:
            WorseError: than what there was.
        """
        watched_s = self._watch()
        after = probe()
        new = sorted(set(after.faults) - set(self.before.faults))
        if new:
            raise WorseError("; ".join(f"{part}: {after.faults[part]}" for part in new))
        if too_much := growth(self.before, after, self._options.growth):
            raise WorseError(f"the outbox grew by {too_much}")
        if not self._can_be_slower:
            return {}
        return judge_speed(
            self.before, after, self._options.slower, lambda: live(watched_s), self._time_in_turns
        )

    def _watch(self) -> float:
        """See that it stays up, until it has looked often enough if it looks often at all."""
        began_s, least_s = time.monotonic(), self._options.watch_s
        most_s = MOST * least_s if self._can_be_slower else least_s
        restarts = int(show("NRestarts") or 0)
        self._stay_up(least_s, restarts)
        while True:
            spent_s = time.monotonic() - began_s
            was, now = looks(self.before, probe())
            if was.n < ENOUGH or not is_worth_waiting(now.n, spent_s, most_s):
                return spent_s
            self._stay_up(min(most_s - spent_s, least_s), restarts)

    def _stay_up(self, for_s: float, restarts: int) -> None:
        end_s = time.monotonic() + for_s
        while time.monotonic() < end_s:
            if show("ActiveState") != "active" or int(show("NRestarts") or 0) != restarts:
                raise WorseError(f"did not stay up for {self._options.watch_s:g} s")
            time.sleep(1.0)

    @property
    def _can_be_slower(self) -> bool:
        """Program or model is another; what other settings cost is the owner's choice."""
        return self._is_new_model or release("current") != self.before.release

    def _time_in_turns(self) -> tuple[Times, Times]:
        new = (HOME / "current", self._options.model if self._is_new_model else "")
        old = (self._old_program, self._old_model if self._is_new_model else "")
        if self._is_new_model and not self._old_model.name:
            old = (self._old_program, self._link.name)
        return compare(old, new, self._options.slower)

    def back(self) -> None:
        """Undo what was switched.

        Raises:
            WorseError: what there was does not run any more, either.
        """
        if self._new_settings and self._kept.exists():
            put(self._kept, SETTINGS)
        if self._is_new_model:
            self._unlink()
        if release("current") != self.before.release and self.before.release:
            told = run(HOME / "current/share/install", "--rollback", within_s=BUILD_S)
            if told.returncode:
                raise WorseError(complaint(told))
        elif self._new_settings or self._is_new_model or show("ActiveState") != "active":
            restart(self._options.ready_s)

    def _unlink(self) -> None:
        if self._old_model.name:
            point(self._link, self._old_model)
        else:
            self._link.unlink(missing_ok=True)


def apply(options: argparse.Namespace) -> dict[str, Any]:
    """Do it, judge it, and go back from it if need be; return what came of it."""
    change = Change(options)
    said: dict[str, Any] = {"from": change.before.release}
    if not change.is_due:
        return {**said, "outcome": "unchanged"}
    try:
        change.prepare()
        change.switch()
        said |= {"outcome": "switched", **change.judge()}
    except NotTakenError as error:
        said |= {"outcome": "refused", "why": str(error)}
    except WorseError as error:
        said |= {"outcome": "rolled back", "why": str(error)}
        try:
            change.back()
        except WorseError as worse:
            said |= {"outcome": "stuck", "why": f"{error}; and back: {worse}"}
    UNJUDGED.unlink(missing_ok=True)
    return said


def main() -> int:
    """Print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wheelhouse", type=Path)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--ready-s", type=float, default=120.0)
    parser.add_argument("--watch-s", type=float, default=30.0)
    parser.add_argument("--growth", type=int, default=500)
    parser.add_argument("--slower", type=float, default=1.3)
    options = parser.parse_args()
    began_s = time.monotonic()
    said = apply(options)
    said |= {"now": release("current"), "seconds": round(time.monotonic() - began_s, 1)}
    print(json.dumps(said))
    return 0 if said["outcome"] in ("switched", "unchanged") else 1


if __name__ == "__main__":
    sys.exit(main())
