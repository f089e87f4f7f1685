"""``edgeagent action``: what events set going on this device, and one of them tried by hand."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeagent import settings
from edgeagent.cli.asking import told as told_by_agent
from edgeagent.cli.check import DEFAULT_FILE
from edgeagent.clock import SystemClock
from edgeagent.errors import RetryError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    ways = parser.add_subparsers(dest="way", metavar="WAY", required=True)
    text = "print when each is done, and what is done"
    listing = ways.add_parser("list", help=text, description=text)
    listing.add_argument("--config", type=Path, default=DEFAULT_FILE, help="settings file")
    text = "do it once, now, with a made-up event, and say how it went"
    trying = ways.add_parser("try", help=text, description=text)
    trying.add_argument("name", help="the action's")
    trying.add_argument("--state", type=Path, help="state folder of the agent that is to do it")
    trying.add_argument(
        "--here",
        type=Path,
        metavar="FILE",
        help="not by the running agent, but here, as you, by this settings file",
    )


def run(options: argparse.Namespace) -> int:
    """List the actions, or try one; return 69 where it failed, or no agent runs."""
    if options.way == "list":
        return _list(options.config)
    outcome = _here(options.here, options.name) if options.here else _asked(options)
    how = outcome["why"] or f"done in {outcome['took_s']:g} s"
    print(f"{options.name}: {how}")
    if said := outcome.get("said"):
        print(f"it says: {said}")
    return RetryError.exit_status if outcome["ended"] in ("failed", "late", "stopped") else 0


def _list(file: Path) -> int:
    from edgeagent.acting.telling import sentence, warnings

    for action in settings.load(file).action:
        print(f"{action.name}: {sentence(action)}")
        for warning in warnings(action):
            print(f"  warning: {warning}")
    return 0


def _asked(options: argparse.Namespace) -> Mapping[str, Any]:
    return told_by_agent(options.state, {"do": "act", "action": options.name})


def _here(file: Path, name: str) -> Mapping[str, Any]:
    from edgeagent.acting import try_here

    config = settings.load(file)
    return try_here(config, name, SystemClock(config.clock.flag))
