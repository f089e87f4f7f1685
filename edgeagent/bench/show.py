"""A report for people: a head, a table, a small histogram, and what is to be said of it."""

from collections.abc import Iterator, Sequence

from edgeagent.bench.environment import Environment
from edgeagent.bench.figures import Between, Figures
from edgeagent.bench.report import Report
from edgeagent.bench.verdict import BAD, GOOD, UNSURE, beside
from edgeagent.histogram import Bucket
from edgeagent.machine import Weather

SIMULATED = "EDGETPU-SIM: a simulated library; these figures are no Edge TPU's"

_COLUMNS = ("n", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")
_BAR = 40
"""Characters of the longest bar."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_STATUS = {GOOD: "good", BAD: "BAD", UNSURE: "too noisy to say"}
_WARMER = 1.05
"""Slower by this at the end than at the beginning is worth a word,"""
_ENOUGH = 30
"""and of fewer measurements it would be chance."""
_BUSY = 0.1
"""So is more than this share of the time without a core."""


def table(report: Report) -> str:
    """Return all that a person wants to know of ``report``."""
    parts = (
        _head(report),
        _rows(report),
        _headline(report),
        _histogram(report.histogram),
        _slices(report),
        _notes(report),
        _where(report.environment),
        _judged(report),
    )
    return "\n\n".join(filter(None, ("\n".join(part) for part in parts)))


def _head(report: Report) -> Iterator[str]:
    frames = f", {report.frames} frames, {report.moved} moved" if report.frames else ""
    yield (
        f"{report.model or 'motion alone'} on {report.engine or 'no engine'}, {report.clip}: "
        f"{report.scenario}{frames}"
    )
    yield f"load {report.load_ms:.1f} ms, first call {report.first_ms:.1f} ms"
    if report.simulated:
        yield SIMULATED


def _rows(report: Report) -> Iterator[str]:
    rows = {**report.stages, **({"see()": report.see} if report.see else {})}
    wide = max([12, *(len(name) + 2 for name in rows)])
    if rows:
        yield f"{'ms':<{wide}}" + "".join(f"{name:>9}" for name in _COLUMNS)
    for name, row in rows.items():
        yield f"{name:<{wide}}{row.n:>9}" + "".join(f"{value:>9.3f}" for value in _values(row))


def _values(row: Figures) -> tuple[float, ...]:
    return row.mean, row.p50, row.p90, row.p95, row.p99, row.p99_9, row.max


def _headline(report: Report) -> Iterator[str]:
    row = report.headline.figures
    yield f"{report.headline.what}:"
    yield f"  p90 {row.p90:.2f} ms{_between(row.p90_between)}"
    yield f"  p50 {row.p50:.2f} ms{_between(row.p50_between)}, {row.n} measured"
    yield f"  sd {row.sd:.2f} ms, min {row.min:.2f}, jitter p99/p50 {row.jitter:.2f}"
    if report.net is not None:
        yield (
            f"  less the waits for a core: p50 {report.net.p50:.2f} ms, p90 {report.net.p90:.2f} ms"
        )
    own = report.net or row
    if own.n >= _ENOUGH and own.last_third > _WARMER * own.first_third:
        yield (
            f"  slower towards the end: median of the first third {own.first_third:.2f} ms, "
            f"of the last {own.last_third:.2f} ms"
        )


def _between(ends: Between | None) -> str:
    return f" (95 %: {ends[0]:.2f} to {ends[1]:.2f})" if ends else ""


def _histogram(buckets: Sequence[Bucket]) -> Iterator[str]:
    most = max((bucket.n for bucket in buckets), default=0)
    for bucket in buckets:
        edge = f"{bucket.low_us / 1000:.4g}"
        yield f"{edge:>10} ms {_bar(bucket.n / most):<{_BAR}} {bucket.n}"


def _bar(share: float) -> str:
    eighths = round(share * _BAR * 8)
    # What is there at all is seen.
    eighths = max(eighths, 1) if share else 0
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _slices(report: Report) -> Iterator[str]:
    """Tell a soak's course in at most a dozen lines."""
    step = -(-len(report.slices) // 12) or 1
    if report.slices:
        yield f"{'at s':>8}{'looks':>8}{'p50 ms':>9}{'p90 ms':>9}"
    for one in report.slices[::step]:
        told = _weather(one.weather)
        yield f"{one.at_s:>8.0f}{one.looks:>8}{one.p50:>9.2f}{one.p90:>9.2f}  {told}".rstrip()


def _weather(weather: Weather) -> str:
    told = (
        f"{weather.soc_c:.1f} C" if weather.soc_c is not None else "",
        f"{weather.mhz} MHz" if weather.mhz is not None else "",
        *weather.throttled,
    )
    return ", ".join(filter(None, told))


def _notes(report: Report) -> Iterator[str]:
    counted = {**report.rates, **report.counts}
    if counted:
        yield ", ".join(f"{name} {value:g}" for name, value in counted.items())
    yield from report.notes
    if report.waited > _BUSY:
        yield f"busy machine: {100 * report.waited:.0f} % of the time no core was free"
    if (guard := report.guard) is not None:
        yield f"answers: {guard.agreed} of {guard.asked} goldens agree with the CPU's"
        yield from (f"  {told}" for told in guard.differences)


def _where(environment: Environment) -> Iterator[str]:
    e = environment
    yield (
        f"{e.board}, {e.cpus} cores, {e.memory_mb} MB, kernel {e.kernel}, "
        f"{e.page_bytes // 1024} kB pages"
    )
    yield f"Python {e.python}, numpy {e.numpy}, {e.runtime}" + (
        f", libedgetpu {e.libedgetpu}" if e.libedgetpu else ""
    )
    for tpu in e.tpus:
        speed = f", {tpu.speed_mbps} Mbit/s" if tpu.speed_mbps else ""
        warm = f", {tpu.temp_c:.1f} C" if tpu.temp_c is not None else ""
        yield f"{tpu.name} {tpu.ids} at {tpu.port}{speed}{warm}"
    told = ", ".join(filter(None, (_weather(e.begin), e.governor and f"governor {e.governor}")))
    yield f"{told + ', ' if told else ''}load {e.begin.load:.1f}, {e.peak_mb} MB at most"
    if e.throttled:
        yield f"the firmware says: {', '.join(e.throttled)}"


def _judged(report: Report) -> Iterator[str]:
    for verdict in report.verdicts:
        yield f"{_STATUS[verdict.status]}: {verdict.why}"


def compared(a: Report, b: Report, names: tuple[str, str]) -> str:
    """Return two reports side by side, the second by the first.

    Args:
        a: the one to compare with.
        b: the other.
        names: what to call them.
    """
    lines = [*_heads(a, b, names), ""]
    lines += [f"{'p50 ms':<24}{names[0][-12:]:>13}{names[1][-12:]:>13}{'ratio':>9}"]
    rows = [("headline", a.headline.figures, b.headline.figures)]
    rows += [(name, a.stages[name], b.stages[name]) for name in a.stages if name in b.stages]
    lines += [_pair(*row) for row in rows]
    if a.blocks and b.blocks:
        lines += ["", beside(b.blocks, a.blocks, 0.0).why.partition(";")[0]]
    return "\n".join(lines)


def _heads(a: Report, b: Report, names: tuple[str, str]) -> Iterator[str]:
    for name, one in zip(names, (a, b), strict=True):
        sim = f" {SIMULATED}" if one.simulated else ""
        yield f"{name}: {one.scenario}, {one.model} on {one.engine}, {one.environment.board}{sim}"
    if a.scenario != b.scenario:
        yield "these are two scenarios: their headlines are of different things"


def _pair(name: str, a: Figures, b: Figures) -> str:
    ratio = f"{b.p50 / a.p50:>9.3f}" if a.p50 else ""
    return f"{name:<24}{a.p50:>13.3f}{b.p50:>13.3f}{ratio}"
