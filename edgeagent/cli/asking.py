"""Which running agent a command asks, and the asking."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeagent import control
from edgeagent.cli.run import state_folder
from edgeagent.control import Request
from edgeagent.errors import RetryError

UNIT_FOLDER = Path("/run/edgeagent")
"""Where systemd's edgeagent.service has its socket."""


def agent_folder(given: Path | None, unit: Path = UNIT_FOLDER) -> Path:
    """Return where the socket of the agent is that ``--state`` means.

    Args:
        given: a state folder; None: the unit's agent, where it runs, else the user's own.
        unit: stands for `UNIT_FOLDER`.
    """
    folders = list(_folders(given, unit))
    return next((folder for folder in folders if _may_be_in(folder)), folders[-1])


def _folders(given: Path | None, unit: Path) -> Iterator[Path]:
    """Yield where it may be, the likeliest first."""
    if given:
        yield given
    if runtime := os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]:
        yield Path(runtime)
    if not given:
        yield unit
        yield state_folder()


def _may_be_in(folder: Path) -> bool:
    try:
        return (folder / control.SOCKET).exists()
    except PermissionError:
        # It is there, and not for us: to be told so is better than to ask another.
        return True


def told(given: Path | None, request: Request) -> Mapping[str, Any]:
    """Return the agent's answer.

    Raises:
        RetryError: no agent runs here, or it does not answer.
        UsageError: it says no.
    """
    folder = agent_folder(given)
    with control.asked(folder, request) as answer:
        if answer is None:
            raise RetryError(f"{folder}: no agent runs here; start it, or name its --state")
        return {name: value for name, value in answer.items() if name != "ok"}
