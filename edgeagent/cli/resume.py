"""``edgeagent resume``: watch cameras again that are paused."""

import argparse
from pathlib import Path

from edgeagent.cli.pause import ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("camera", nargs="*", help="its name; default: all of them")
    parser.add_argument("--state", type=Path, help="state folder of the agent")


def run(options: argparse.Namespace) -> int:
    """Print how each camera is now; return 69 where no agent runs."""
    ask("resume", options, {})
    return 0
