"""``edgeagent status``: how the agent that runs on this device fares, on one screen."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeagent.bulletin import of_fields
from edgeagent.cli.asking import told
from edgeagent.cli.status_screen import lines
from edgeagent.terminal import ink_for

FAULT = 1
"""Exit status where some part has a fault."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--state", type=Path, help="state folder of the agent")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="with all counters, for programs")
    form.add_argument("--prometheus", action="store_true", help="all metrics, as Prometheus reads")


def run(options: argparse.Namespace) -> int:
    """Print it.

    Returns:
        69 where no agent runs. The screen: 1 where some part has a fault, else 0; for programs 0,
        since what they read says it.
    """
    if options.prometheus:
        _print_metrics(told(options.state, {"do": "bulletin"}))
        return 0
    said = told(options.state, {"do": "status"})
    if options.json:
        print(json.dumps(said))
        return 0
    print("\n".join(lines(said, ink_for(sys.stdout))))
    return FAULT if said.get("state") == "fault" else 0


def _print_metrics(fields: Mapping[str, Any]) -> None:
    # A library that only who asks for metrics loads.
    from edgeagent.metrics import exposition

    sys.stdout.write(exposition(of_fields(fields)).decode())
