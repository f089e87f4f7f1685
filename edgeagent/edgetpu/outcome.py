"""What came of a request for recovery: written by root, read by the agent."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import msgspec

from edgeagent.atomic import write_whole
from edgeagent.errors import DAMAGED

REQUEST = "recover.request"
"""In the agent's runtime folder."""
OUTCOMES = Path("/run/edgeagent-recover")
"""Root's own folder: in one that the agent may write, root could be led astray by a link."""
OUTCOME = "outcome.json"

Ended = Literal["done", "failed", "late", "spent", "none"]
"""How a step ended: well; with another status than 0; killed at its time limit; there is no
further step until things have been quiet; the owner has configured none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request."""

    number: int
    """Counts up from 1 since the machine was started."""
    ended: Ended
    step: int = 0
    """Which step was taken, from 1; 0: none."""
    steps: int = 0
    """How many there are."""
    name: str = ""
    said: str = ""
    """The last line it printed, or why it could not be run."""
    took_s: float = 0.0

    def __str__(self) -> str:
        if self.ended == "none":
            return f"asked for recovery, and no step is configured: {self.said}"
        if self.ended == "spent":
            return f"all {self.steps} recovery steps were taken and did not help for long"
        how = {"done": "done", "failed": "failed", "late": "killed at its time limit"}[self.ended]
        said = f": {self.said}" if self.said else ""
        place = f"recovery step {self.step} of {self.steps}"
        return f"{place}, {self.name}, {how} in {self.took_s:.1f} s{said}"


def read_outcome(folder: Path = OUTCOMES) -> Outcome | None:
    """Return the last outcome, None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / OUTCOME).read_bytes(), type=Outcome)
    except DAMAGED:
        return None


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Note ``outcome`` where the agent can read it.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(folder / OUTCOME, json.dumps(asdict(outcome)).encode())
    (folder / OUTCOME).chmod(0o644)
