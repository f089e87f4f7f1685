"""One of several processes that train together: ``python -m ... FEATURES INTO PLAN``."""

import json
import sys
from pathlib import Path

from edgeagent.workshop.pipeline.training import Plan, train


def main(features: str, into: str, plan: str) -> int:
    """Train; TF_CONFIG says with whom."""
    train(Path(features), Plan(**json.loads(plan)), Path(into), print)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
