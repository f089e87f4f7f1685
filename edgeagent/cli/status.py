"""``edgeagent status``: how the agent that runs on this device fares, on one screen."""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeagent import control
from edgeagent.cli.run import state_folder
from edgeagent.errors import RetryError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--state", type=Path, help="state folder of the agent")
    parser.add_argument("--json", action="store_true", help="with all counters, for programs")


def run(options: argparse.Namespace) -> int:
    """Print it; return 69 where no agent runs, 0 also where something is wrong with it."""
    folder = control.runtime_folder(options.state or state_folder())
    with control.asked(folder, {"do": "status"}) as answer:
        if answer is None:
            raise RetryError(f"{folder}: no agent runs here; start it, or name its --state")
        said = {name: value for name, value in answer.items() if name != "ok"}
    print(json.dumps(said) if options.json else "\n".join(_lines(said)))
    return 0


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    minutes = int(said["up_s"] // 60)
    yield f"edgeagent    {said['version']}, up {minutes // 60} h {minutes % 60:02} min"
    counters = said["counters"]
    for name, state in said["cameras"].items():
        seen = [f"{counters.get(f'{what}_total.{name}', 0):,} {what}" for what in _OF_A_CAMERA]
        yield f"camera       {name}: {state}; {', '.join(seen)}"
    for name, stages in said["stages"].items():
        times = [f"{s} {stages[s]['p90_ms']:g}" for s in _TIMED if s in stages]
        if times:
            yield f"p90, ms      {name}: {', '.join(times)}"
    yield f"models run   {', '.join(said['engines']) or 'none'}"
    yield f"broker       {'connected' if said['link'] else 'not connected'}"
    yield f"outbox       {said['outbox']['pending']:,} to send, {said['outbox']['bytes']:,} bytes"
    for part, why in said["faults"].items():
        yield f"fault        {part}: {why}"


_TIMED = ("motion", "preprocess", "invoke", "decode")
_OF_A_CAMERA = ("frames", "moved", "looks", "events")
