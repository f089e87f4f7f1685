"""What a real Home Assistant shows of the agent, whatever is restarted, and how it is let go of.

scripts/proof-homeassistant [--only WORD | --picture FILE]
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.home.parties import Agent, Broker, Home
from tests.home.portrait import take
from tests.home.steps import Steps, all_steps
from tests.home.street import Street, settings

PORT = 18991


def tried(street: Street, steps: Steps) -> bool:
    """Print a row for each step; return whether all held."""
    all_held = True
    for name, step in steps:
        try:
            outcome = step(street)
        except (AssertionError, KeyError) as error:
            outcome, all_held = f"**FAILED** {error}", False
        print(f"| {name} | {outcome} |", flush=True)
    return all_held


def main() -> int:
    """Run what is asked for; 0 if all held."""
    parser = argparse.ArgumentParser("scripts/proof-homeassistant")
    parser.add_argument("root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="steps whose name has this (a pattern)")
    parser.add_argument("--picture", type=Path, help="only a picture of the device's page (PNG)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="edgeagent-home-"))
    street = Street(Broker(folder, PORT), Agent(folder, PORT), Home(folder, options.root, PORT))
    street.agent.settle(settings())
    try:
        for party in street:
            party.start()
        if options.picture:
            take(street, options.picture)
            return 0
        print(f"Home Assistant {street.home.version}\n\n| step | outcome |\n|---|---|", flush=True)
        held = tried(street, [s for s in all_steps(street) if re.search(options.only, s[0])])
    finally:
        for party in street:
            party.kill()
    if held:
        shutil.rmtree(folder)
    print("\nall held" if held else f"\nFAILED; see {folder}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
