"""The fleet's proof: real installations, real rollouts, real faults, as a table with times.

scripts/proof-fleet [--quick] [--only STEP]...
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from tests.fleet import proof, steps
from tests.fleet.host import LabError


def main() -> int:
    """Return 0 if all held, 75 where the machines cannot be had for now."""
    parser = argparse.ArgumentParser("scripts/proof-fleet", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a good and two bad releases")
    parser.add_argument("--only", action="append", default=[], help="install, and this step")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cache = Path(os.environ.get("EDGEAGENT_CACHE", ".bench")).absolute()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        return proof.prove(cache, steps.QUICK if options.quick else steps.FULL, options)
    except LabError as error:
        print(f"scripts/proof-fleet: {error}", file=sys.stderr)
        return 75
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
