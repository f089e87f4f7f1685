"""``edgeagent bench``: how long each stage takes on this machine."""

import argparse
from pathlib import Path

import msgspec

from edgeagent import assembly, bench, clips
from edgeagent.cli.replay import chosen_config
from edgeagent.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--runs", type=int, default=100, help="how often the model runs")
    parser.add_argument("--clip", type=Path, help="what to look at; default: the demo's clip")
    parser.add_argument("--config", type=Path, help="settings file; default: the defaults")
    parser.add_argument("--model", help="bundle, by name or folder")
    parser.add_argument("--json", action="store_true", help="the report as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the report."""
    if options.runs < 1:
        raise UsageError(f"--runs {options.runs}: must be 1 or more")
    config = chosen_config(options.config, options.model)
    engines = assembly.open_engines(config.model)
    report = bench.bench(options.clip or clips.demo(), config, engines, options.runs)
    print(msgspec.json.encode(report).decode() if options.json else bench.table(report))
    for engine in engines.all():
        engine.close()
    return 0
