"""Where promtool is: Prometheus's own checker of rules, queries and metrics."""

import functools
import shutil
import sys
from pathlib import Path

import pytest


@functools.cache
def _found() -> str:
    # scripts/test takes it out of Debian's package and lays it beside the interpreter.
    beside = Path(sys.executable).parent / "promtool"
    return str(beside) if beside.exists() else shutil.which("promtool") or ""


def promtool() -> str:
    """Return its path; skip where there is none."""
    if not _found():
        pytest.skip("needs promtool")
    return _found()
