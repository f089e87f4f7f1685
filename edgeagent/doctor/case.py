"""What the checks may read: one machine, one settings file, one agent that may be running."""

import grp
import os
import pwd
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgeagent.sysfs import whole

if TYPE_CHECKING:
    from edgeagent.config import Config

SERVICE = "edgeagent"
"""Name of the unit, of its user, and of its folders."""
ANSWER_S = 5.0


class Answer(NamedTuple):
    """What a program said."""

    status: int | None
    """None where there is no such program, or where it did not end in time."""
    out: str


Ask = Callable[[Sequence[str]], Answer]
"""Runs a program that only tells, and returns what it said."""


def ask(command: Sequence[str]) -> Answer:
    """Run ``command`` for at most `ANSWER_S`."""
    try:
        told = subprocess.run(  # noqa: S603
            [*command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ANSWER_S,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Answer(None, "")
    return Answer(told.returncode, told.stdout.decode(errors="replace").strip())


@dataclass(frozen=True, slots=True)
class Host:
    """One machine: its folders below ``root``, and how its programs are asked."""

    root: Path = Path("/")
    ask: Ask = ask

    def text(self, path: str) -> str:
        """Return the text of a file below the root, "" where it cannot be read."""
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:
            return ""

    def number(self, path: str) -> int | None:
        """Return the whole number in a file below the root; None where there is none."""
        return whole(self.text(path))

    @property
    def uptime_s(self) -> float | None:
        """Seconds since the machine began; None where it does not say."""
        told = re.match(r"[0-9]{1,12}(\.[0-9]{1,6})?", self.text("proc/uptime"))
        return float(told[0]) if told else None


@dataclass(frozen=True, slots=True)
class Who:
    """A user: the one whom systemd gives the agent, or whoever typed the command."""

    name: str
    uid: int
    gids: frozenset[int]
    exists: bool = True

    @property
    def groups(self) -> list[str]:
        """Names of its groups."""
        return sorted(group_name(gid) for gid in self.gids)

    def may(self, info: os.stat_result, wanted: int = 0o6) -> bool:
        """Return whether it has all of ``wanted``: 4 to read, 2 to write, 1 to enter."""
        if self.uid == 0:
            return True
        if info.st_uid == self.uid:
            return info.st_mode >> 6 & wanted == wanted
        if info.st_gid in self.gids:
            return info.st_mode >> 3 & wanted == wanted
        return info.st_mode & wanted == wanted


def myself() -> Who:
    """Return who runs this process."""
    uid = os.geteuid()
    gids = frozenset([os.getegid(), *os.getgroups()])
    try:
        return Who(pwd.getpwuid(uid).pw_name, uid, gids)
    except KeyError:
        return Who(str(uid), uid, gids)


def user(name: str) -> Who | None:
    """Return the user ``name`` with all groups it is put into; None where there is none."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Who(name, found.pw_uid, frozenset(os.getgrouplist(name, found.pw_gid)))


def group_name(gid: int) -> str:
    """Return the name of group ``gid``; the number itself where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


@dataclass(frozen=True, slots=True)
class Case:
    """All that the checks are given."""

    file: Path
    """The settings file."""
    config: "Config | None"
    """None where the file is wrong: then `faults` says how."""
    state: Path
    """The agent's state folder."""
    runtime: Path
    """Where its control socket is, or would be."""
    faults: Sequence[str] = ()
    agent: Mapping[str, Any] | None = None
    """The running agent's answer to ``status``; None where none runs."""
    refused: str = ""
    """Why the agent's socket could not be asked."""
    who: Who = field(default_factory=myself)
    """As whom the agent runs, or would."""
    host: Host = Host()
