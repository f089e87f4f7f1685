"""The fleet's proof: real installations, real rollouts, real faults, as a table with times.

scripts/proof-fleet [--quick] [--only STEP]...
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fleet import ledger, releases
from tests.fleet.host import LabError, until
from tests.fleet.lab import Lab, Machine
from tests.fleet.plays import READER, Plays

PIS, HUB = ("pi1", "pi2", "pi3"), "hub"
PORT = "8883"


class NotSoError(Exception):
    """What was to be proved is not so."""


def hold(is_so: object, otherwise: str) -> None:
    """Say what is not so.

    Raises:
        NotSoError: with those words.
    """
    if not is_so:
        raise NotSoError(otherwise)


@dataclass
class Proof:
    """Machines, plays, releases and consumer, for the steps to use."""

    lab: Lab
    plays: Plays
    house: Path
    """Where wheelhouses are made; the first is ``first``."""
    said: Path
    """What the consumer hears."""
    good: str = "0.1.0"
    """The release that all are to have by now."""
    consumer: subprocess.Popen[bytes] | None = None
    _number: int = 1
    _untouched: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def pis(self) -> list[Machine]:
        """The devices, the canary first."""
        return [machine for name, machine in self.lab.machines.items() if name != HUB]

    def release(self, fault: str) -> tuple[str, Path]:
        """Make a release of a version of its own; return that and its wheelhouse."""
        self._number += 1
        version = f"0.{self._number}.0"
        made = releases.copy(
            self.house / "first", self.house / version, version, releases.FAULTS[fault]
        )
        return version, made

    def listen(self) -> None:
        """Start the consumer, which must be there before anything is published."""
        address = self.lab.machines[HUB].address
        pki = str(self.plays.variables["pki_folder"])
        command = [*self.lab.inside, sys.executable, "-m", "tests.fleet.counting"]
        self.consumer = subprocess.Popen(
            [*command, address, PORT, pki, READER, str(self.said)], cwd=releases.CHECKOUT
        )

    def ledger(self) -> ledger.Ledger:
        """Return what the consumer has heard so far."""
        return ledger.read(self.said)

    def hold_complete(self, within_s: float = 90.0) -> None:
        """Wait until no event is missing.

        Raises:
            NotSoError: one is.
        """
        until(lambda: not self.ledger().missing, within_s, 0.5)
        missing = self.ledger().missing
        hold(not missing, f"{len(missing)} events are missing: {missing[:5]}")

    def note(self, machines: Sequence[Machine]) -> None:
        """Remember how these are, for `hold_untouched`."""
        self._untouched = {machine.name: _marks(machine) for machine in machines}

    def hold_untouched(self) -> None:
        """See that the machines noted are as they were, down to the process.

        Raises:
            NotSoError: one is not.
        """
        for name, marks in self._untouched.items():
            now = _marks(self.lab.machines[name])
            hold(now == marks, f"{name} was touched: {marks} became {now}")

    def hold_on_all(self, release: str) -> None:
        """See that every device has this release, and runs.

        Raises:
            NotSoError: one does not.
        """
        self.hold_releases(*[release for _ in self.pis])

    def hold_releases(self, *wanted: str) -> None:
        """See that each device has its release, and runs.

        Raises:
            NotSoError: one does not.
        """
        found = tuple(machine.release() for machine in self.pis)
        hold(found == wanted, f"releases are {found}, not {wanted}")
        for machine in self.pis:
            hold(
                until(lambda m=machine: m.unit("ActiveState") == "active", 60, 1.0),  # type: ignore[misc]
                f"{machine.name} does not run",
            )


def _marks(machine: Machine) -> tuple[str, ...]:
    names = ("MainPID", "NRestarts", "ActiveState")
    return (machine.release(), *(machine.unit(name) for name in names))


Step = Callable[[Proof], str]
"""Proves one thing and says what was seen; raises `NotSoError` or `LabError`."""


def furnish(lab: Lab) -> None:
    """Give each device something to watch, and the boot files of a Pi."""
    for machine in lab.machines.values():
        root = machine.root
        shutil.copy(releases.CHECKOUT / "edgeagent/clips/cockatoo.mp4", root / "srv/clip.mp4")
        boot = root / "boot/firmware"
        boot.mkdir(parents=True)
        (boot / "config.txt").write_text("camera_auto_detect=1\n")
        (boot / "cmdline.txt").write_text("console=serial0,115200 rootwait\n")


def row(word: str, name: str, began_s: float, said: str) -> str:
    """Return one row of the table."""
    return f"{word:<5}{name:<28}{time.monotonic() - began_s:>7.1f} s  {said}"


def take(proof: Proof, steps: dict[str, Step], only: Sequence[str]) -> bool:
    """Take the steps, a row of the table each; return whether all held."""
    held = True
    for name, step in steps.items():
        if only and name not in only and name != "install":
            continue
        began_s = time.monotonic()
        try:
            said, word = step(proof), "ok"
        except (NotSoError, LabError, subprocess.TimeoutExpired) as error:
            said, word, held = str(error), "FAIL", False
        print(row(word, name, began_s, said), flush=True)
        if name == "install" and not held:
            break
    return held


def prove(cache: Path, steps: dict[str, Step], options: argparse.Namespace) -> int:
    """Boot the machines, take the steps, and leave nothing behind but the logs of a failure."""
    house = cache / "fleet-releases"
    began_s = time.monotonic()
    with Lab(cache, [*(PIS[:2] if options.quick else PIS), HUB]) as lab:
        # Not before the lab is ours: another proof may be using them.
        shutil.rmtree(house, ignore_errors=True)
        house.mkdir()
        furnish(lab)
        print(row("ok", "boot", began_s, f"{len(lab.machines)} machines"), flush=True)
        plays = Plays(lab, releases.first(house / "first"))
        if options.quick:
            # No step of these is about speed, and who runs them may share the machine.
            plays.variables |= {"edgeagent_watch_s": 2, "edgeagent_slower": 3.0}
        proof = Proof(lab, plays, house, lab.folder / "heard")
        try:
            held = take(proof, steps, options.only)
        finally:
            if proof.consumer is not None:
                proof.consumer.kill()
                proof.consumer.wait()
        if not held:
            shutil.copy(lab.folder / "plays.log", cache / "fleet-plays.log")
            print(f"what ansible said: {cache}/fleet-plays.log", file=sys.stderr)
        shutil.rmtree(house, ignore_errors=True)
    print(f"scripts/proof-fleet: {'all held' if held else 'FAILED'}", flush=True)
    return 0 if held else 1
