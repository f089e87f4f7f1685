"""What an evaluation has to say: a table for people, JSON in TensorFlow Model Analysis's terms."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeagent.errors import DAMAGED, UsageError
from edgeagent.evaluation.interval import Measured

SCHEMA = "edgeagent.eval/1"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured in one slice."""

    slice: str
    value: str
    """Of the slice's column; empty for all there is."""
    examples: int
    """Things that were asked for."""
    metrics: Mapping[str, Measured]
    """All of them: more is better, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one evaluation has to say."""

    model: str
    version: str
    digest: str
    """sha256 of the file that ran."""
    engine: str
    """``cpu``, ``tpu``, ``sim`` or ``float``."""
    data: str
    """sha256 of what is known of the pictures."""
    pictures: int
    slices: Sequence[Figures]
    confusion: Mapping[str, Mapping[str, int]]
    """Label, what it was taken for, how often; empty where that cannot be said."""

    def lines(self) -> Iterator[str]:
        """Return the table."""
        sim = " (EDGETPU-SIM, no Edge TPU)" if self.engine == "sim" else ""
        yield (
            f"{self.model} {self.version} on {self.engine}{sim}: {self.pictures} pictures, "
            f"{self.slices[0].examples} things; in brackets, between what 95 of 100 draws lie"
        )
        names = list(self.slices[0].metrics)
        width = max(7, *(len(one.slice) for one in self.slices))
        yield f"{'':{width}} {'n':>6}" + "".join(f"  {name:24}" for name in names)
        for one in self.slices:
            cells = "".join(f"  {one.metrics[name].told():24}" for name in names)
            yield f"{one.slice:{width}} {one.examples:>6}{cells}".rstrip()
        for label, said in self.confusion.items():
            wrong = {name or "nothing": n for name, n in said.items() if name != label}
            if wrong:
                told = ", ".join(f"{name} {n}" for name, n in wrong.items())
                right = f"{said.get(label, 0)} of {sum(said.values())} right"
                yield f"{label}: {right}; taken for {told}"

    def json(self) -> str:
        """Return it as JSON, one object."""
        told = {
            "schema": SCHEMA,
            "model": {"name": self.model, "version": self.version, "sha256": self.digest},
            "engine": self.engine,
            "simulated": self.engine == "sim",
            "data": {"sha256": self.data, "pictures": self.pictures},
            "slicingMetrics": [_slice(one) for one in self.slices],
            "confusion": self.confusion,
        }
        return json.dumps(told, indent=1)


def _slice(one: Figures) -> dict[str, object]:
    metrics: dict[str, object] = {"exampleCount": {"doubleValue": float(one.examples)}}
    for name, figure in one.metrics.items():
        if np.isnan(figure.value):
            continue
        metrics[name] = {
            "boundedValue": {
                "value": figure.value,
                "lowerBound": figure.low,
                "upperBound": figure.high,
                "methodology": "POISSON_BOOTSTRAP",
            }
        }
    return {"slice": one.slice, "sliceValue": one.value, "metrics": metrics}


@dataclass(frozen=True, slots=True)
class Good:
    """The last good report, as far as a gate needs it."""

    file: Path
    data: str
    values: Mapping[tuple[str, str], float]
    """Slice and metric to its value."""


def read_good(file: Path) -> Good:
    """Read a report that `Report.json` wrote.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    try:
        told = json.loads(file.read_text())
        if told["schema"] != SCHEMA:
            raise ValueError(f"its schema is {told['schema']!r}")
        values = {key: value for one in told["slicingMetrics"] for key, value in _values(one)}
        return Good(file, str(told["data"]["sha256"]), values)
    except OSError as error:
        raise UsageError(f"--against {file}: {error.strerror}") from error
    except (*DAMAGED, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--against {file}: is no report of edgeagent models eval --report ({error!r})"
        ) from error


def _values(one: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], float]]:
    for name, figure in one["metrics"].items():
        value = float(figure["boundedValue"]["value"]) if "boundedValue" in figure else np.nan
        if np.isfinite(value):
            yield (str(one["slice"]), str(name)), value


def worse(report: Report, good: Good, at_most: float) -> list[str]:
    """Return, one a line, in which slice which figure is worse than in ``good``.

    A slice that the last good report has and this one has not is one of them: what is not
    looked at cannot be called good.

    Args:
        report: what was measured now.
        good: what was measured of the last good model.
        at_most: how much less a figure may be, 0 to 1.
    """
    now = {
        (one.slice, name): figure.value
        for one in report.slices
        for name, figure in one.metrics.items()
        if not np.isnan(figure.value)
    }
    told = [
        f"{name} of {part} is {now[part, name]:.3f}, it was {before:.3f}: "
        f"worse by {before - now[part, name]:.3f}, at most {at_most:g} is allowed"
        for (part, name), before in good.values.items()
        if (part, name) in now and before - now[part, name] > at_most
    ]
    missing = sorted({part for part, name in good.values if (part, name) not in now})
    return [*told, *(f"{part}: was measured in {good.file} and is not now" for part in missing)]
