"""``edgeagent recover``: root's side of the recovery ladder, started by edgeagent-recover.path."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from edgeagent.edgetpu.ladder import Ladder, answer, read_ladder
from edgeagent.edgetpu.outcome import OUTCOMES, REQUEST

DEFAULT_FILE = Path("/etc/edgeagent/recover.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--steps", type=Path, default=DEFAULT_FILE, help="root's file of steps")
    parser.add_argument("--request", type=Path, default=Path("/run/edgeagent") / REQUEST)
    parser.add_argument("--outcomes", type=Path, default=OUTCOMES, help="root's own folder")
    parser.add_argument("--check", action="store_true", help="say what the steps are, take none")


def run(options: argparse.Namespace) -> int:
    """Take one step for the request; exit 0 whatever came of it, 78 if the file is wrong."""
    if options.check:
        print(_shown(read_ladder(options.steps), options.steps))
        return 0
    print(answer(options.steps, options.request, options.outcomes))
    return 0


def _shown(ladder: Ladder, path: Path) -> str:
    if not ladder.steps:
        return f"{path}: no steps; nothing is done when the agent asks"
    lines = [f"{n}. {json.dumps(asdict(step))}" for n, step in enumerate(ladder.steps, 1)]
    return "\n".join([*lines, f"the next when asked again within {ladder.again_within_s:g} s"])
