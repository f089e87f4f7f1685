"""Runs of a sweep side by side on one page: figures by slice, plans and where each came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from edgeagent.atomic import write_whole
from edgeagent.errors import UsageError
from edgeagent.evaluation.report import Report
from edgeagent.workshop.pipeline import lineage
from edgeagent.workshop.pipeline.judging import read_report
from edgeagent.workshop.pipeline.shrinking import TFLITE

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem;max-width:75rem;color:#1b1b1b;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;text-align:right}
th{font-weight:600}tbody th,.l{text-align:left}tr+tr>*{border-top:1px solid #ddd}
.best{font-weight:700}.bar{display:block;height:.35rem;background:#2f6f9f;margin-top:.15rem}
small{color:#555}code{font-size:.85em}caption{text-align:left;font-weight:600}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}tr+tr>*{border-color:#444}
.bar{background:#7ab8e6}small{color:#aaa}}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One candidate."""

    number: int
    known: lineage.Lineage
    report: Report
    size_bytes: int

    @property
    def overall(self) -> float:
        """Share of all that was right."""
        return self.report.slices[0].metrics["top1"].value


def compare(name: str, folders: Sequence[Path], evaluations: Sequence[Path], page: Path) -> None:
    """Write one HTML page that needs no other file and no network.

    Args:
        name: of the model, for the heading.
        folders: each run's, with ``model.tflite`` and ``lineage.json``.
        evaluations: their reports, in any order: they are known by the model's digest.
        page: the file.

    Raises:
        UsageError: a lineage or a report cannot be read, or is of no run.
    """
    reports = {report.digest: report for report in map(read_report, evaluations)}
    runs = [_run(number, folder, reports) for number, folder in enumerate(folders, 1)]
    runs.sort(key=lambda run: (-run.overall, run.size_bytes, run.number))
    write_whole(page, "\n".join(_page(name, runs)).encode())


def _run(number: int, folder: Path, reports: Mapping[str, Report]) -> Run:
    known = lineage.read(folder)
    if known["model"] not in reports:
        raise UsageError(f"{folder}: no report is of a model with the sha256 {known['model']}")
    size_bytes = (folder / TFLITE).stat().st_size
    return Run(number, known, reports[known["model"]], size_bytes)


def _page(name: str, runs: Sequence[Run]) -> Iterator[str]:
    title = f"{escape(name)}: {len(runs)} runs compared"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
    yield "<p>Share of pictures for testing that were named rightly, best run first; below each, "
    yield "between what 95 of 100 draws lie. Measured on the quantised file, on the device's "
    yield "path.</p>"
    yield from _figures(runs)
    yield from _plans(runs)
    yield from _lineage(runs)
    yield "</body></html>\n"


def _head(caption: str, runs: Sequence[Run]) -> str:
    names = "".join(f'<th scope="col">run {run.number}</th>' for run in runs)
    return f"<table><caption>{caption}</caption><thead><tr><td></td>{names}</tr></thead><tbody>"


def _figures(runs: Sequence[Run]) -> Iterator[str]:
    yield _head("By slice", runs)
    for place, part in enumerate(runs[0].report.slices):
        row = [run.report.slices[place].metrics["top1"] for run in runs]
        most = max(one.value for one in row)
        cells = "".join(
            f'<td{" class=best" if one.value == most else ""}>{one.value:.3f}'
            f'<br><small>{one.low:.3f} to {one.high:.3f}</small>'
            f'<span class="bar" style="width:{max(one.value, 0) * 100:.0f}%"></span></td>'
            for one in row
        )  # fmt: skip
        label = f"{escape(part.slice)} <small>({part.examples})</small>"
        yield f'<tr><th scope="row">{label}</th>{cells}</tr>'
    yield "</tbody></table>"


def _row(label: str, cells: Sequence[object]) -> str:
    told = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(label)}</th>{told}</tr>'


def _plans(runs: Sequence[Run]) -> Iterator[str]:
    yield _head("Plans", runs)
    for key in sorted({key for run in runs for key in run.known["plan"]}):
        yield _row(key, [run.known["plan"].get(key, "") for run in runs])
    yield _row("bytes of the file", [f"{run.size_bytes:,}" for run in runs])
    yield "</tbody></table>"


def _lineage(runs: Sequence[Run]) -> Iterator[str]:
    """Show what each was made from; whoever has these has the same model again."""
    yield _head("Lineage: sha256, and versions", runs)
    for key in ("data", "features", "weights", "model"):
        yield _digests(key, [str(run.known[key]) for run in runs])
    yield _digests("code", [str(run.known["code"]["sha256"]) for run in runs])
    for package in sorted({one for run in runs for one in run.known["versions"]}):
        yield _row(package, [run.known["versions"].get(package, "") for run in runs])
    yield "</tbody></table>"


def _digests(label: str, digests: Sequence[str]) -> str:
    cells = "".join(f'<td><code title="{escape(d)}">{escape(d[:16])}</code></td>' for d in digests)
    return f'<tr><th scope="row">{label}</th>{cells}</tr>'
