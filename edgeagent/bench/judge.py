"""Asks a report what its reader wanted to know, and writes the answers into it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from edgeagent.bench.guard import Guard
from edgeagent.bench.report import Report, read_report
from edgeagent.bench.verdict import BAD, UNSURE, Verdict, beside, within
from edgeagent.errors import UsageError


def read_baseline(path: Path, scenario: str) -> Report:
    """Read a report that one of ``scenario`` can be compared with.

    Raises:
        UsageError: there is none, or it is of something else.
    """
    then = read_report(path)
    if then.scenario != scenario:
        raise UsageError(f"--baseline {path}: is of {then.scenario}, and this is {scenario}")
    if not then.blocks:
        raise UsageError(
            f"--baseline {path}: {scenario} is measured without a yardstick; single and soak can "
            "be compared"
        )
    return then


def judged(
    report: Report, max_p90_ms: float | None, baseline: Report | None, max_regress: float
) -> Report:
    """Return ``report`` with the answers.

    Args:
        report: of this run.
        max_p90_ms: most that the headline's p90 may be; None: not asked.
        baseline: see `read_baseline`; None: not asked.
        max_regress: how much slower than that it may be, .1 for 10 %.
    """
    verdicts = [*_of_guard(report.guard)]
    if max_p90_ms is not None:
        verdicts.append(_within(report, max_p90_ms))
    if baseline is not None:
        verdicts.append(_beside(report, baseline, max_regress))
    return msgspec.structs.replace(report, verdicts=tuple(verdicts))


def _within(report: Report, limit_ms: float) -> Verdict:
    if report.counts.get("looks") == 0:
        return Verdict(UNSURE, f"no frame was looked at; at most {limit_ms:g} ms asked")
    return within(report.headline.figures, limit_ms)


def _of_guard(guard: Guard | None) -> Iterator[Verdict]:
    if guard is not None and not guard.good:
        yield Verdict(BAD, f"{guard.asked - guard.agreed} of {guard.asked} answers are not right")


def _beside(report: Report, then: Report, max_regress: float) -> Verdict:
    verdict = beside(report.blocks, then.blocks, max_regress)
    others = ", ".join(_others(report, then))
    if not others:
        return verdict
    return msgspec.structs.replace(verdict, why=f"{verdict.why} (not the same: {others})")


def _others(report: Report, then: Report) -> Iterator[str]:
    """Yield what differs that may account for any difference."""
    pairs = {
        "model": (report.model, then.model),
        "engine": (report.engine, then.engine),
        "clip": (report.clip, then.clip),
        "board": (report.environment.board, then.environment.board),
        "runtime": (report.environment.runtime, then.environment.runtime),
    }
    for name, (now, before) in pairs.items():
        if now != before:
            yield f"{name} {before}, now {now}"
