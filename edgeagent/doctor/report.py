"""What was found, for people (``text``) and for programs (``table``), and what it comes to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgeagent import __version__
from edgeagent.doctor import Level, Line
from edgeagent.terminal import Ink, Style, clean, wrapped

SCHEMA: Final = "edgeagent.doctor/1"

_WORST: Sequence[int] = (78, 65, 70, 69, 64)
"""Exit statuses, the one that trying again helps least first."""
_STYLES: Mapping[Level, Style] = {"ok": "green", "warning": "yellow", "fault": "red"}
_LEVEL, _NAME = 9, 13
"""Columns of the level and of the name."""
_MOST = 100
"""Lines are no longer, however wide the terminal."""

Groups = Mapping[str, Sequence[Line]]


@dataclass(frozen=True, slots=True)
class Report:
    """All lines, by group."""

    groups: Groups
    at_ms: int
    """Unix milliseconds, by the machine's clock, right or wrong."""
    host: str = ""

    @property
    def status(self) -> int:
        """The exit status: 0, or that of the worst fault, by errors.py's tree."""
        found = {line.status for line in self._lines() if line.level == "fault"}
        return next((status for status in _WORST if status in found), max(found, default=0))

    def count(self, level: Level) -> int:
        """Return how many lines are ``level``."""
        return sum(line.level == level for line in self._lines())

    def _lines(self) -> Iterator[Line]:
        for lines in self.groups.values():
            yield from lines


def table(report: Report) -> dict[str, Any]:
    """Return what ``--json`` prints; ``report.schema.json`` beside this file describes it."""
    return {
        "schema": SCHEMA,
        "at_ms": report.at_ms,
        "agent": __version__,
        "host": report.host,
        "status": report.status,
        "faults": report.count("fault"),
        "warnings": report.count("warning"),
        "groups": {title: [_row(line) for line in lines] for title, lines in report.groups.items()},
    }


def _row(line: Line) -> dict[str, Any]:
    row = {"name": line.name, "level": line.level, "what": line.what, "cures": list(line.cures)}
    return {**row, "status": line.status} if line.level == "fault" else row


def text(report: Report, ink: Ink, width: int) -> str:
    """Return the report for people, ``width`` columns wide at most."""
    blocks = [
        "\n".join([ink("bold", title), *_block(lines, ink, min(width, _MOST))])
        for title, lines in report.groups.items()
        if lines
    ]
    return "\n\n".join([*blocks, _verdict(report, ink)])


def _block(lines: Sequence[Line], ink: Ink, width: int) -> Iterator[str]:
    for line in lines:
        # Messages of libraries and of the broker come through here.
        name, margin = clean(line.name), " " * (2 + _LEVEL + _NAME)
        first, *more = wrapped(clean(line.what), width - len(margin)) or [""]
        level = ink(_STYLES[line.level], f"{line.level:<{_LEVEL}}")
        yield f"  {level}{name:<{_NAME - 1}} {first}".rstrip()
        yield from (margin + later for later in more)
        for cure in line.cures:
            for told in wrapped(clean(cure), width - len(margin), "> ", "  "):
                yield margin + ink("cyan", told)


def _verdict(report: Report, ink: Ink) -> str:
    faults, warnings, good = (report.count(level) for level in ("fault", "warning", "ok"))
    told = f"{_many(faults, 'fault')}, {_many(warnings, 'warning')}, {good} ok"
    style: Style = "red" if faults else "yellow" if warnings else "green"
    return ink(style, told)


def _many(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
