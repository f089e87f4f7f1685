"""Keeps every report of this machine, one JSON object a line: what was it like before?"""

from pathlib import Path

import msgspec

from edgeagent.atomic import write_whole
from edgeagent.bench.report import Report

NAME = "bench.jsonl"
"""In the state folder."""
MOST = 200
"""The oldest go first; a report is about 10 kB, a soak's twice that."""
WORTH = 20
"""A run of fewer measurements is a trial and is not kept;"""
WORTH_STARTS = 3
"""but nobody starts an agent twenty times."""


def is_worth(report: Report) -> bool:
    """Return whether ``report`` is one to come back to."""
    least = WORTH_STARTS if report.scenario == "cold" else WORTH
    return report.headline.figures.n >= least


def keep(report: Report, state: Path) -> Path:
    """Add ``report`` to the history in ``state``; return the file.

    Raises:
        OSError: the folder cannot be written.
    """
    state.mkdir(parents=True, exist_ok=True)
    path = state / NAME
    lines = path.read_bytes().splitlines() if path.exists() else []
    lines = [*lines[1 - MOST :], msgspec.json.encode(report)]
    write_whole(path, b"\n".join(lines) + b"\n")
    return path
