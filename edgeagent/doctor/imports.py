"""Imports packages in a throw-away child: what was built for another numpy can abort the process.

As a child: ``python -m edgeagent.doctor.imports [--path FOLDER] NAME...``.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from edgeagent.edgetpu.throwaway import prepare, run_child, say

LIMIT_S = 25.0
"""Longest that one child may take; picamera2 takes 3 s on a slow card."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of importing one package."""

    version: str = ""
    folder: str = ""
    why: str = ""
    """Why it cannot be imported, in Python's words; "" where it can."""


def imported(names: Sequence[str], path: Path | None = None) -> dict[str, Imported]:
    """Import ``names`` in that order in a child, and what comes after a crash in the next one.

    Args:
        names: of modules.
        path: a folder that is searched first.
    """
    found: dict[str, Imported] = {}
    places = ["--path", str(path)] if path else []
    while left := [name for name in names if name not in found]:
        end = run_child(__name__, [*places, *left], LIMIT_S)
        found.update({n: Imported(**end.learnt[n]) for n in left if n in end.learnt})
        if end.ended:
            struck = next((name for name in left if name not in found), "")
            found[struck] = Imported(why=end.why)
    return found


def main(arguments: list[str]) -> int:
    """Be the child: one JSON object a line for each package, before the next is imported."""
    prepare()
    if arguments[:1] == ["--path"]:
        sys.path.insert(0, arguments[1])
        arguments = arguments[2:]
    for name in arguments:
        say(step=f"importing {name}")
        say(**{name: _imported(name)})
    return 0


def _imported(name: str) -> Mapping[str, Any]:
    try:
        module = importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        return {"why": why, "version": _installed(name)}
    place = Path(getattr(module, "__file__", None) or "").parent
    return {"version": str(getattr(module, "__version__", "")), "folder": str(place)}


def _installed(name: str) -> str:
    """Return the version that is installed under that name, whether or not it can be imported."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
