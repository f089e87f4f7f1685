"""Runs what may crash or hang in a process of its own, and keeps what it said before its end."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Ended = Literal["", "refused", "crashed", "hung"]
"""How a child ended; "": well."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a child that is gone."""

    learnt: Mapping[str, Any]
    """All that it said with `say`; ``step`` is what it was doing last."""
    ended: Ended
    why: str
    """In words; "" where it ended well."""
    errors: str
    """All that it, or a library in it, wrote on standard error."""


def run_child(module: str, arguments: list[str], time_limit_s: float) -> Ending:
    """Run ``module`` as a command and wait for its end.

    Args:
        module: its ``main`` begins with `prepare`.
        arguments: for it.
        time_limit_s: it is killed if not done by then.
    """
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        child = subprocess.run(  # noqa: S603
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=time_limit_s,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        learnt = _learnt(late.stdout or b"")
        why = f"not done after {time_limit_s:g} s, while {_step(learnt)}"
        return Ending(learnt, "hung", why, (late.stderr or b"").decode(errors="replace"))
    errors = child.stderr.decode(errors="replace").strip()
    learnt = _learnt(child.stdout)
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        return Ending(
            learnt, "crashed", f"ended its process ({name}) while {_step(learnt)}", errors
        )
    if child.returncode:
        return Ending(learnt, "refused", errors.rpartition("\n")[2], errors)
    return Ending(learnt, "", "", errors)


def _step(learnt: Mapping[str, Any]) -> str:
    return str(learnt.get("step", "starting"))


def _learnt(out: bytes) -> Mapping[str, Any]:
    """Return all that was said before the end; a last line may be cut short."""
    learnt: dict[str, Any] = {}
    for line in out.splitlines():
        try:
            learnt.update(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return learnt


def prepare() -> None:
    """In the child: leave no memory of a crash, which is expected, on the SD card."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def say(**learnt: Any) -> None:  # noqa: ANN401
    """In the child: hand on what was learnt, before the next risk is taken."""
    sys.stdout.write(json.dumps(learnt) + "\n")
    sys.stdout.flush()
