"""What the settings' actions come to, in sentences, and what stands in their way, for people."""

import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from edgeagent.acting.pin import CURE
from edgeagent.config import ActionConfig


def sentence(action: ActionConfig) -> str:
    """Return when ``action`` is done, and what is done."""
    return f"{_when(action)}: {_what(action)}, at most once in {action.every_s:g} s"


def _when(action: ActionConfig) -> str:
    words = [" or ".join(action.kinds) or "no event"]
    if action.phases:
        words.append(f"({' or '.join(action.phases)})")
    if action.labels:
        words.append(f"of {' or '.join(action.labels)}")
    if action.min_score:
        words.append(f"with a score of {action.min_score:g} or more")
    for word, names in (
        ("camera", action.cameras),
        ("zone", action.zones),
        ("line", action.lines),
    ):
        if names:
            words.append(f"at {word} {' or '.join(names)}")
    return " ".join(words)


def _what(action: ActionConfig) -> str:
    if action.argv:
        return f"runs {shlex.join(action.argv)} for {action.time_limit_s:g} s at most"
    level = "3.3 V" if action.active_high else "0 V"
    played = ", only played" if action.driver == "mock" else ""
    return f"sets GPIO {action.gpio} to {level} for {action.pulse_s:g} s{played}"


def warnings(action: ActionConfig) -> Iterator[str]:
    """Yield what stands in the way of ``action`` here, or dangerous, each with its cure."""
    if action.argv:
        yield from _program_warnings(Path(action.argv[0]))
    elif action.driver == "lgpio":
        missing = [name for name in ("gpiozero", "lgpio") if find_spec(name) is None]
        if missing:
            yield f"{' and '.join(missing)} cannot be found; {CURE}"


HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - named to be warned of
"""What the service does not see: ProtectHome and PrivateTmp of its unit."""


def _program_warnings(program: Path) -> Iterator[str]:
    try:
        real = program.resolve(strict=True)
        mode = real.stat().st_mode
    except OSError as error:
        yield f"{program}: {error.strerror}; put the program there, or mend argv"
        return
    if not stat.S_ISREG(mode):
        yield f"{real} is no file; give the program's path"
    elif not mode & 0o111:
        yield f"{real} is not executable; sudo chmod +x {real}"
    if any(real.is_relative_to(folder) for folder in HIDDEN):
        yield f"the service does not see {real}; put it into /usr/local/bin"
    yield from _open_to_others([real, *real.parents, *program.parents])


def _open_to_others(paths: Sequence[Path]) -> Iterator[str]:
    """Yield those that anybody may write to: who does decides what runs."""
    for path in dict.fromkeys(paths):
        found = path.stat()
        # In a sticky folder, as /tmp is, nobody may replace what belongs to another.
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            yield f"anybody may write to {path}; sudo chmod o-w {path}"
        elif found.st_uid not in (0, os.geteuid()):
            whose = f"{path} belongs to user {found.st_uid}, who decides what runs"
            yield f"{whose}; sudo chown root {path}"
