"""``edgeagent audit``: is the log of what was ordered still the one that was written."""

import argparse
from pathlib import Path

from edgeagent.audit import check, head_of
from edgeagent.cli.run import state_folder
from edgeagent.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--state", type=Path, help="state folder; default: $STATE_DIRECTORY")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="HEAD:LENGTH",
        help="what the device once said of it (aud of an answer or of stat); may be given again",
    )


def run(options: argparse.Namespace) -> int:
    """Say how far it goes; exit 1 where it breaks."""
    folder = options.state or state_folder()
    heads = [head_of(text) for text in options.against]
    try:
        story = check(folder)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}; name the state folder by --state") from None
    for head in heads:
        story.hold_to(head)
    if story.fault:
        print(f"broken  {story.fault}")
        return 1
    kept = f", {story.first} to {story.head.length} are kept" if story.first > 1 else ""
    print(f"whole   {story.head.length} lines{kept}; head {story.head}")
    return 0
