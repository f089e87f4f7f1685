"""``edgeagent pause``: close cameras, so that nobody looks until they are resumed."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgeagent.cli.amounts import lasting_s
from edgeagent.cli.asking import told as told_by_agent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("camera", nargs="*", help="its name; default: all of them")
    parser.add_argument(
        "--for", dest="for_s", type=lasting_s, metavar="10m", help="resume by itself after so long"
    )
    parser.add_argument("--state", type=Path, help="state folder of the agent")


def run(options: argparse.Namespace) -> int:
    """Print how each camera is now; return 69 where no agent runs."""
    lasting = {} if options.for_s is None else {"for_s": options.for_s}
    ask("pause", options, lasting)
    return 0


def ask(what: str, options: argparse.Namespace, more: Mapping[str, Any]) -> None:
    """Ask the agent to pause or resume cameras, and print how they are then.

    Raises:
        RetryError: no agent runs here.
        UsageError: it says no.
    """
    named = {"camera": options.camera} if options.camera else {}
    answer = told_by_agent(options.state, {"do": what, **named, **more})
    for name, told in answer["cams"].items():
        print(f"{name}: {shown(told)}")


def shown(told: Mapping[str, Any]) -> str:
    """Return how a camera is, for a person."""
    words = f"paused {until(told)}" if told["s"] == "paused" else str(told["s"])
    return f"{words} ({told['note']})" if "note" in told else words


def until(told: Mapping[str, Any]) -> str:
    """Return when a pause ends, in local time."""
    if "until" not in told:
        return "until it is resumed"
    ends = datetime.fromtimestamp(told["until"] / 1000, UTC).astimezone()
    return f"until {ends:%Y-%m-%d %H:%M:%S}"
