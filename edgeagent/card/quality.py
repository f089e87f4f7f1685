"""How good a bundle's model was found to be: `evaluation.json`, as `models eval` writes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeagent.errors import BundleError
from edgeagent.model import Bundle

EVALUATION = "evaluation.json"

SCHEMA = "edgeagent.eval/1"

Figure = tuple[float, float, float]
"""A value, and between what it lies in 95 of 100 draws."""


@dataclass(frozen=True, slots=True)
class Part:
    """What was measured in one slice."""

    name: str
    examples: int
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Quality:
    """What one evaluation found."""

    sha256: str
    """Of the file that ran."""
    engine: str
    data: str
    """sha256 of what was known of the pictures."""
    pictures: int
    parts: tuple[Part, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names of all figures, in the order in which they come."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.figures))


def quality_of(bundle: Bundle) -> Quality | None:
    """Return what is known of ``bundle``; None: nobody has measured it.

    Raises:
        BundleError: the report is none, or is of another model.
    """
    path = bundle.folder / EVALUATION
    return check_quality(path, bundle) if path.is_file() else None


def check_quality(path: Path, bundle: Bundle) -> Quality:
    """Return what the report in ``path`` says of ``bundle``.

    Raises:
        BundleError: it is none, or is of another model.
    """
    found = read_quality(path)
    if found.sha256 not in {file.sha256 for file in bundle.files.values()}:
        raise BundleError(
            f"{path}: is of a model with the sha256 {found.sha256}, which {bundle.name} does not "
            f"have; measure this one: edgeagent models eval {bundle.name} DATA --report FILE"
        )
    return found


def read_quality(path: Path) -> Quality:
    """Return what a report says.

    Raises:
        BundleError: it is none.
    """
    try:
        told = json.loads(path.read_text())
        if told["schema"] != SCHEMA:
            raise ValueError(f"its schema is {told['schema']!r}")
        parts = tuple(map(_part, told["slicingMetrics"]))
        data = told["data"]
        return Quality(
            str(told["model"]["sha256"]), str(told["engine"]), str(data["sha256"]),
            int(data["pictures"]), parts,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(
            f"{path}: is no report of edgeagent models eval --report ({error!r})"
        ) from error


def _part(one: Mapping[str, Any]) -> Part:
    figures = {
        str(name): (float(f["value"]), float(f["lowerBound"]), float(f["upperBound"]))
        for name, figure in one["metrics"].items()
        if (f := figure.get("boundedValue"))
    }
    count = one["metrics"]["exampleCount"]["doubleValue"]
    return Part(str(one["slice"]), int(count), figures)
