"""How good the quantised file is, slice by slice, and whether that is good enough to go out."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeagent.adding import Wish, add
from edgeagent.atomic import write_whole
from edgeagent.engines import open_engine
from edgeagent.errors import DAMAGED, UsageError
from edgeagent.evaluation import asking
from edgeagent.evaluation.evaluate import judge
from edgeagent.evaluation.interval import Measured
from edgeagent.evaluation.reading import from_table
from edgeagent.evaluation.report import Figures, Report, read_good, worse
from edgeagent.evaluation.slices import slices
from edgeagent.evaluation.truth import Truth, fitting
from edgeagent.model import Bundle
from edgeagent.workshop.pipeline.dataset import LABELS, TABLE, read_rows, write_rows
from edgeagent.workshop.pipeline.shrinking import TFLITE

Tell = Callable[[str], None]


def evaluate(
    shrunk: Path, dataset: Path, features: Path, by: Sequence[str], into: Path, tell: Tell
) -> Report:
    """Ask the quantised file about every picture for testing, on the device's own path.

    Args:
        shrunk: a folder with ``model.tflite``.
        dataset: as `ingest` left it.
        features: for the labels.
        by: columns to slice by, see `evaluation.slices`.
        into: the report as JSON, in TensorFlow Model Analysis's terms.
        tell: hears the table.

    Raises:
        UsageError: there is nothing to test by, or a column is not there.
        ModelError: the device would not take the file.
    """
    truth = _truth(dataset)
    with tempfile.TemporaryDirectory(prefix="edgeagent-judge-") as name:
        wish = Wish(shrunk / TFLITE, labels=features / LABELS, name="judged", task="classify")
        bundle = add(wish, Path(name), _quiet)
        report = _report(bundle, fitting(truth, bundle.labels, bundle.task, False), by)
    for line in report.lines():
        tell(line)
    write_whole(into, report.json().encode() + b"\n")
    return report


def _quiet(_: object, __: object = None) -> None:
    """Take no notice."""


def _truth(dataset: Path) -> Truth:
    tested = read_rows(dataset / TABLE, "test")
    if not tested:
        raise UsageError(f"{dataset / TABLE}: no picture is for testing; say so in `split`")
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / TABLE
        write_rows(table, tested)
        return from_table(table, dataset)


def _report(bundle: Bundle, truth: Truth, by: Sequence[str]) -> Report:
    parts = slices(truth, by)
    engine = open_engine(bundle, "cpu")
    try:
        answers = asking.ask(engine, truth, _quiet)
    finally:
        engine.close()
    return judge(bundle, engine.file, answers.engine, truth, answers, parts)


def read_report(file: Path) -> Report:
    """Return what `evaluate` wrote.

    Raises:
        UsageError: it is something else.
    """
    try:
        told = json.loads(file.read_text())
        model, parts = told["model"], [_figures(one) for one in told["slicingMetrics"]]
        return Report(
            model["name"], model["version"], model["sha256"], told["engine"],
            told["data"]["sha256"], told["data"]["pictures"], parts, told["confusion"],
        )  # fmt: skip
    except (*DAMAGED, KeyError, TypeError) as error:
        raise UsageError(f"{file}: is no report of an evaluation ({error!r})") from error


def _figures(one: Mapping[str, Any]) -> Figures:
    count = one["metrics"]["exampleCount"]["doubleValue"]
    metrics = {
        name: Measured(bound["value"], bound["lowerBound"], bound["upperBound"])
        for name, figure in one["metrics"].items()
        if (bound := figure.get("boundedValue"))
    }
    return Figures(one["slice"], one["sliceValue"], int(count), metrics)


def gate(report: Path, last_good: Path | None, at_most: float, tell: Tell) -> None:
    """Stop where a slice is worse than it was.

    Args:
        report: what `evaluate` wrote.
        last_good: the same of the model that is out; None: none is.
        at_most: how much less a figure may be, 0 to 1.
        tell: hears what was compared.

    Raises:
        UsageError: a slice is worse, or is not measured any more; all are named.
    """
    if not 0 <= at_most <= 1:
        raise UsageError(f"at_most {at_most:g}: must be 0 to 1")
    if last_good is None:
        tell("nothing was published before: there is nothing to be worse than")
        return
    now, good = read_report(report), read_good(last_good)
    if now.data != good.data:
        tell(f"{last_good}: was measured on other pictures; figures are compared all the same")
    if told := worse(now, good, at_most):
        raise UsageError("\n".join(f"gate: {line}" for line in told))
    tell(f"no slice is worse than in {last_good} by more than {at_most:g}")
