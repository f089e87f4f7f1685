"""What a build did: a table for people, and the same as JSON beside the bundle."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgeagent.workshop.shrink import Row

SCHEMA = "edgeagent.build/1"

LEAST_AGREEMENT = 0.9
"""Below it the report says so: chosen, not measured. Of the two models that ship, whose boxes and
vectors are as float's, the detector has .90 and the vector model .92."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one build has to say."""

    name: str
    kind: str
    """What the model was born as."""
    digest: str
    """sha256 of the quantised file."""
    rows: Sequence[Row]
    repairs: Sequence[str]
    """What was done so that eight bits suffice; exact in float, but for the segments of a stem."""
    pictures: int
    """How many it was calibrated by."""
    versions: str
    """Of TensorFlow and numpy."""

    def lines(self) -> Iterator[str]:
        """Return the table."""
        head = ("nodes", "operators", "bytes", "less", "ms", "like float", "least")
        yield f"{self.name}, born as {self.kind}, calibrated by {self.pictures} pictures"
        yield f"{'':44}" + "".join(f"{word:>12}" for word in head)
        largest = max(row.bytes for row in self.rows)
        for row in self.rows:
            cells = (
                f"{row.nodes or '':>12,}" if row.nodes else f"{'':>12}",
                f"{row.operators:>12,}" if row.operators else f"{'':>12}",
                f"{row.bytes:>12,}",
                f"{1 - row.bytes / largest:>12.1%}",
                f"{row.ms:>12.2f}" if not math.isnan(row.ms) else f"{'':>12}",
                f"{row.agreement:>12.4f}",
                f"{row.least:>12.4f}",
            )
            yield f"{row.step:44}" + "".join(cells)
        for repair in self.repairs:
            yield f"repair: {repair}"
        if self.rows[-1].agreement < LEAST_AGREEMENT:
            yield (
                f"the quantised model is only {self.rows[-1].agreement:.3f} like float: calibrate "
                "by more pictures of what it will see, and try it on others"
            )

    def write(self, path: Path) -> None:
        """Write it as JSON; what was not timed is null."""
        path.write_bytes(_json(self))

    def timeless(self) -> bytes:
        """Return the same without what each step's model took, which differs each time."""
        return _json(replace(self, rows=[replace(row, ms=float("nan")) for row in self.rows]))


def _json(report: Report) -> bytes:
    rows = [asdict(row) | ({"ms": None} if math.isnan(row.ms) else {}) for row in report.rows]
    told = {"schema": SCHEMA, **asdict(report), "rows": rows}
    return json.dumps(told, indent=1, sort_keys=True).encode() + b"\n"
