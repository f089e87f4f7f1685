"""``edgeagent glance``: have the running agent look now, and print what it says is in view."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeagent.cli.asking import told
from edgeagent.errors import RetryError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("camera", nargs="?", help="its name; default: all of them")
    parser.add_argument("--state", type=Path, help="state folder of the agent that looks")


def run(options: argparse.Namespace) -> int:
    """Print a line for each thing in view; return 69 where a camera did not look."""
    wanted = {"camera": options.camera} if options.camera else {}
    saw: Mapping[str, Mapping[str, Any]] = told(options.state, {"do": "glance", **wanted})["saw"]
    for camera, seen in saw.items():
        for line in _lines(seen):
            print(f"{camera:<12} {line}")
    return RetryError.exit_status if any("why" in seen for seen in saw.values()) else 0


def _lines(seen: Mapping[str, Any]) -> Iterator[str]:
    if "why" in seen:
        yield f"did not look: {seen['why']}"
    elif not seen["cls"]:
        yield "nothing"
    else:
        boxes = seen.get("box") or [()] * len(seen["cls"])
        for (name, score), box in zip(seen["cls"], boxes, strict=True):
            yield f"{name:<16} {score:.2f}  {' '.join(f'{edge:.2f}' for edge in box)}".rstrip()
