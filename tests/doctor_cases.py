"""What the tests of the doctor need: a machine of files, and a case of it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeagent.config import Config
from edgeagent.doctor import Check, Line
from edgeagent.doctor.case import Answer, Case, Host, Who
from edgeagent.settings import parse

NOBODY = Who("edgeagent", 64321, frozenset([64321]))
"""A user who is in no group that owns anything here."""


def machine(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files of a machine below ``root``."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def says(told: Mapping[str, str]) -> Host:
    """Return a machine whose programs say what they are told to by their names."""

    def ask(command: Sequence[str]) -> Answer:
        known = told.get(command[0])
        return Answer(None, "") if known is None else Answer(0, known)

    return Host(ask=ask)


def configured(table: Mapping[str, Any]) -> Config:
    camera = [{"name": "door", "address": "/dev/video0"}]
    return parse({"camera": camera, **table})


def case(tmp_path: Path, **given: Any) -> Case:  # noqa: ANN401
    """Return a case on nothing at all but what is ``given``."""
    facts = {
        "file": tmp_path / "edgeagent.toml",
        "config": configured({}),
        "state": tmp_path / "state",
        "runtime": tmp_path / "state",
        "host": Host(tmp_path),
        **given,
    }
    return Case(**facts)


def looked(checks: Iterable[Check]) -> list[Line]:
    """Return what all ``checks`` say, run one after the other."""
    return [line for check in checks for line in check.look()]


def only(checks: Iterable[Check], name: str) -> list[Line]:
    """Return what the one check of that name says."""
    return looked(check for check in checks if check.name == name)


def named(lines: Iterable[Line], name: str) -> Line:
    """Return the one line of that name."""
    (line,) = [line for line in lines if line.name == name]
    return line
