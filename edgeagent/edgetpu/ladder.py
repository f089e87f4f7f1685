"""Root's end of the recovery ladder: one step of the owner's for each request, the next if soon.

It runs as root beside an agent that might be anybody's, so it takes nothing from the agent but
that a file is there: what is run, in which order and for how long stands in a file that only root
can write, and what is noted goes where only root can write.
"""

import json
import os
import signal
import stat
import subprocess
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from edgeagent.atomic import write_whole
from edgeagent.edgetpu.outcome import Ended, Outcome, write_outcome
from edgeagent.errors import DAMAGED, ConfigError

STATE = "state.json"
MAX_STEPS = 8
MAX_LIMIT_S = 120.0
LIMIT_S = 30.0
AGAIN_WITHIN_S = 600.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_MAX_SAID = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that may bring the device back."""

    name: str
    command: tuple[str, ...]
    """Program, by its whole path, and arguments; no shell reads them."""
    time_limit_s: float = LIMIT_S


@dataclass(frozen=True, slots=True)
class Ladder:
    """The owner's steps, gentlest first."""

    steps: tuple[Step, ...] = ()
    again_within_s: float = AGAIN_WITHIN_S
    """A request so soon after the last step means that it did not help: the next is taken."""


@dataclass(frozen=True, slots=True)
class _State:
    number: int = 0
    step: int = 0
    """The last step taken, from 1."""
    at_s: float = 0.0
    """When, by the clock that counts from the machine's start; so does the folder it is kept in."""


def read_ladder(path: Path) -> Ladder:
    """Return the ladder in the TOML file at ``path``; one without steps where there is no file.

    Raises:
        ConfigError: others than whoever runs this may write it, or with every fault in it.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Ladder()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read ({error})"]) from error
    faults = [*_open_to_others(path), *_open_to_others(path.parent)]
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError([*faults, f"{path}: is not TOML: {error}"]) from error
    ladder = _ladder(table, str(path), faults)
    if faults:
        raise ConfigError(faults)
    return ladder


def _open_to_others(path: Path) -> list[str]:
    found = path.stat()
    if found.st_uid != os.geteuid():
        return [f"{path}: belongs to user {found.st_uid}, not to root; chown root:root {path}"]
    if found.st_mode & 0o022:
        mode = stat.S_IMODE(found.st_mode)
        return [f"{path}: mode {mode:04o} lets others write it; chmod go-w {path}"]
    return []


def _ladder(table: Mapping[str, Any], where: str, faults: list[str]) -> Ladder:
    _unknown(table, {"step", "again_within_s"}, where, faults)
    again_s = _seconds(table, "again_within_s", AGAIN_WITHIN_S, 86400.0, where, faults)
    rows = table.get("step", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        faults.append(f"{where}: step: must be tables; write each as [[step]]")
        return Ladder()
    if len(rows) > MAX_STEPS:
        faults.append(f"{where}: there are {len(rows)} steps; at most {MAX_STEPS} are taken")
    steps = [_step(row, f"{where}: step[{n}]", faults) for n, row in enumerate(rows)]
    return Ladder(tuple(steps), again_s)


def _step(row: Mapping[str, Any], where: str, faults: list[str]) -> Step:
    _unknown(row, {"name", "command", "time_limit_s"}, where, faults)
    command = row.get("command")
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        faults.append(f"{where}: command: {command!r} is not a list of texts")
        command = []
    elif not command or not command[0].startswith("/"):
        faults.append(f"{where}: command: {command!r} must begin with a program's whole path")
    name = row.get("name", Path(command[0]).name if command else "")
    if not isinstance(name, str):
        faults.append(f"{where}: name: {name!r} is not a text")
    limit_s = _seconds(row, "time_limit_s", LIMIT_S, MAX_LIMIT_S, where, faults)
    return Step(str(name), tuple(command), limit_s)


def _unknown(table: Mapping[str, Any], known: set[str], where: str, faults: list[str]) -> None:
    there = ", ".join(sorted(known))
    faults.extend(
        f"{where}: {key}: no such setting; there are {there}"
        for key in sorted(table.keys() - known)
    )


def _seconds(
    table: Mapping[str, Any], key: str, default: float, most: float, where: str, faults: list[str]
) -> float:
    value = table.get(key, default)
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= most:
        return float(value)
    faults.append(f"{where}: {key}: {value!r} is not a number within 1 to {most:g} s")
    return default


def answer(steps: Path, request: Path, folder: Path) -> Outcome:
    """Take the request away, take one step, and note the outcome.

    Args:
        steps: see `read_ladder`.
        request: the agent's file. It is never opened.
        folder: root's own, for the outcome and for what has to be known the next time.

    Raises:
        ConfigError: the steps are wrong; noted, too.
        OSError: the request cannot be removed, or the outcome not be written.
    """
    # First, so that a request made meanwhile is one more; and whatever is wrong with the steps,
    # or systemd would start this again at once.
    request.unlink(missing_ok=True)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    before = _recall(folder)
    try:
        ladder = read_ladder(steps)
    except ConfigError as error:
        _note(Outcome(before.number + 1, "none", said=str(error)[:_MAX_SAID]), before, folder)
        raise
    outcome = _take(ladder, _next(ladder, before, time.monotonic()), before.number + 1)
    _note(outcome, before, folder)
    return outcome


def _note(outcome: Outcome, before: _State, folder: Path) -> None:
    # A request to a ladder that is spent counts, too: only quiet brings its foot back.
    state = _State(outcome.number, outcome.step or before.step, time.monotonic())
    write_whole(folder / STATE, json.dumps(asdict(state)).encode())
    write_outcome(outcome, folder)


def _recall(folder: Path) -> _State:
    try:
        return msgspec.json.decode((folder / STATE).read_bytes(), type=_State)
    except DAMAGED:
        return _State()


def _next(ladder: Ladder, before: _State, now_s: float) -> int:
    soon = before.step and now_s - before.at_s <= ladder.again_within_s
    return before.step + 1 if soon else 1


def _take(ladder: Ladder, at: int, number: int) -> Outcome:
    count = len(ladder.steps)
    if not count:
        return Outcome(number, "none", said="the file has no [[step]]")
    if at > count:
        return Outcome(number, "spent", steps=count)
    step = ladder.steps[at - 1]
    began_s = time.monotonic()
    ended, said = _run(step)
    return Outcome(number, ended, at, count, step.name, said, time.monotonic() - began_s)


def _run(step: Step) -> tuple[Ended, str]:
    try:
        child = subprocess.Popen(  # noqa: S603 - root's own file says what to run
            step.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        return "failed", str(error)[:_MAX_SAID]
    with child:
        try:
            out, _ = child.communicate(timeout=step.time_limit_s)
        except subprocess.TimeoutExpired:
            # With all it has started: a pipe held open by a grandchild would hold us, too.
            os.killpg(child.pid, signal.SIGKILL)
            return "late", ""
    return ("done" if child.returncode == 0 else "failed"), _said(out, child.returncode)


def _said(out: bytes, status: int) -> str:
    lines: Sequence[str] = out.decode(errors="replace").strip().splitlines()
    last = "".join(c for c in lines[-1] if c.isprintable())[:_MAX_SAID] if lines else ""
    return last if last or status == 0 else f"status {status}"
