"""``edgeagent doctor``: everything between you and a running agent, and what to type."""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeagent import control
from edgeagent.doctor.case import SERVICE, Case, Host, Who, myself, user
from edgeagent.doctor.examine import examine
from edgeagent.doctor.report import Report, table, text
from edgeagent.doctor.unit import read_unit
from edgeagent.errors import ConfigError, EdgeagentError
from edgeagent.terminal import ink_for

if TYPE_CHECKING:
    from edgeagent.config import Config

DEFAULT_FILE = Path("/etc/edgeagent/edgeagent.toml")
CREDENTIALS = Path("/etc/edgeagent/credentials")
"""What systemd hands to the unit; root may look into it by itself."""
STATE, RUNTIME = Path("/var/lib") / SERVICE, Path("/run") / SERVICE
"""The unit's folders."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="settings file")
    parser.add_argument("--state", type=Path, help="state folder of an agent that is no service")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    """Print what was found; exit 0 without a fault, else with the status of the worst."""
    if os.access(CREDENTIALS, os.R_OK | os.X_OK):
        os.environ.setdefault("CREDENTIALS_DIRECTORY", str(CREDENTIALS))
    report = Report(examine(_case(options)), time.time_ns() // 1_000_000, platform.node())
    if options.json:
        print(json.dumps(table(report)))
    else:
        print(text(report, ink_for(sys.stdout), shutil.get_terminal_size().columns))
    return report.status


def _case(options: argparse.Namespace) -> Case:
    config, faults = _settings(options.config)
    state, runtime, who = _places(options.state)
    agent, refused = _asked(runtime)
    return Case(options.config, config, state, runtime, faults, agent, refused, who)


def _settings(file: Path) -> "tuple[Config | None, Sequence[str]]":
    try:
        from edgeagent.settings import load

        return load(file), ()
    except ConfigError as error:
        return None, error.faults
    except ImportError as error:
        return None, (f"cannot be read without {error.name}; see Python",)


def _places(named: Path | None) -> tuple[Path, Path, Who]:
    """Return state folder, socket's folder and user: of the service where there is one."""
    mine = myself()
    if named is not None:
        return named, control.runtime_folder(named), mine
    # Not Path.exists, which raises where we may not look.
    if not os.access(RUNTIME / control.SOCKET, os.F_OK) and not _is_service():
        state = _own_state()
        return state, control.runtime_folder(state), mine
    return STATE, RUNTIME, user(SERVICE) or Who(SERVICE, -1, frozenset(), exists=False)


def _is_service() -> bool:
    unit = read_unit(SERVICE, Host().ask)
    return unit is not None and unit.load == "loaded"


def _own_state() -> Path:
    from edgeagent.cli.run import state_folder

    return state_folder()


def _asked(runtime: Path) -> tuple[Mapping[str, Any] | None, str]:
    try:
        with control.asked(runtime, {"do": "status"}) as answer:
            return answer, ""
    except EdgeagentError as error:
        return None, str(error)
