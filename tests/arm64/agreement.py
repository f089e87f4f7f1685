"""Whether two machines said the same of one clip: int8 sums differ by a few steps between them."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from edgeagent.findings import Box

APART_MS = 2000
"""A score near the threshold may cross it a look or two sooner or later."""
LEAST_IOU = 0.5
CLEAR = 0.5
"""What was seen with less than this, the other machine may just have missed (threshold .4)."""
LEAST_SHARE = 0.8
"""Where people cross, one look more or less can give one of them a new number."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that came into view, or motion that began."""

    at_ms: int
    label: str
    score: float
    box: Box | None = None

    def is_also(self, other: "Seen") -> bool:
        """Whether ``other`` says the same."""
        near = abs(self.at_ms - other.at_ms) <= APART_MS and self.label == other.label
        if self.box is None or other.box is None:
            return near
        return near and self.box.iou(other.box) >= LEAST_IOU


def read(path: Path) -> list[Seen]:
    """Return what a replay's JSON lines say came into view."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    seen = [Seen(e["ts"], "motion", 1.0) for e in events if e.get("mot", {}).get("ph") == "in"]
    for event in events:
        if event["k"] == "object":
            for (label, score), box, (_, phase) in zip(
                event["cls"], event["box"], event["trk"], strict=True
            ):
                if phase == "in":
                    seen.append(Seen(event["ts"], label, score, Box(*box)))
    return seen


def alone(seen: list[Seen], other: list[Seen]) -> list[Seen]:
    """Return what one machine clearly saw and the other did not."""
    clear = [one for one in seen if one.score >= CLEAR]
    return [one for one in clear if not any(one.is_also(its) for its in other)]


def main() -> int:
    """Compare the two files named; return 1 where too much was seen by one machine alone."""
    here, there = (read(Path(name)) for name in sys.argv[1:3])
    told = [(one, "here") for one in alone(here, there)]
    told += [(one, "there") for one in alone(there, here)]
    clear = sum(one.score >= CLEAR for one in here + there)
    print(f"{clear - len(told)} of {clear} clear sightings are on both machines")
    for one, where in told:
        print(f"{where} alone: {one.label} {one.score} at {one.at_ms} ms")
    return int(clear == 0 or len(told) > (1 - LEAST_SHARE) * clear)


if __name__ == "__main__":
    sys.exit(main())
