"""Asks the running agent for its own stage times, and reports them as any other run. ``live``."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from edgeagent.bench.counted import counted
from edgeagent.bench.environment import Environment, Surroundings, simulated
from edgeagent.bench.figures import Figures
from edgeagent.bench.found import BARS
from edgeagent.bench.report import SCHEMA, Headline, ModelFacts, Report
from edgeagent.bench.river import Progress
from edgeagent.edgetpu import LIBRARY
from edgeagent.errors import RetryError, UsageError
from edgeagent.histogram import Histogram, merged
from edgeagent.looker import Engines

Ask = Callable[[], Mapping[str, Any]]
"""Returns the agent's answer to ``histograms``, see `desk.Desk`."""

LOOKED = "a frame that is looked at, from in hand to its events"
SEEN = "a frame, none of which was looked at"
THIRDS = 3
"""The time is asked for in so many parts, so that a drift is seen."""
COARSE = (
    "counted in buckets: n and mean are exact, a quantile at most a sixteenth off, min and max are "
    "the edges of theirs"
)

Rows = Mapping[str, Histogram]
"""Stage to its times; ``see`` and ``looked`` among them."""


class Reading:
    """One answer of the agent."""

    def __init__(self, answer: Mapping[str, Any], camera: str = "") -> None:
        """Read it.

        Args:
            answer: what it said.
            camera: the only one that counts; "": all together.

        Raises:
            UsageError: there is no such camera.
            RetryError: it said something else.
        """
        try:
            self.agent = str(answer["version"])
            self.pid, self.up_s = int(answer["pid"]), float(answer["up_s"])
            self.cpu_s = float(answer["cpu_s"])
            self.engines: list[Mapping[str, Any]] = list(answer["engines"])
            cameras = {name: _rows(told) for name, told in answer["cameras"].items()}
        except (KeyError, TypeError, ValueError) as error:
            raise RetryError(f"the agent's stage times cannot be read: {error!r}") from error
        if camera and camera not in cameras:
            raise UsageError(f"no camera {camera!r}; there is {', '.join(cameras) or 'none yet'}")
        self.cameras = {n: rows for n, rows in cameras.items() if camera in ("", n)}

    @property
    def rows(self) -> Rows:
        """All cameras' together."""
        return added(self.cameras.values())

    def since(self, earlier: "Reading") -> Rows:
        """Return what came after ``earlier``."""
        return added(
            {
                stage: histogram.since(earlier.cameras.get(name, {}).get(stage, Histogram()))
                for stage, histogram in rows.items()
            }
            for name, rows in self.cameras.items()
        )


def _rows(told: Mapping[str, Any]) -> dict[str, Histogram]:
    return {stage: Histogram.of_sparse(one["n"], int(one["sum_us"])) for stage, one in told.items()}


def added(some: Iterable[Rows]) -> dict[str, Histogram]:
    """Return all of ``some`` together; a stage without a duration is left out."""
    total: dict[str, Histogram] = {}
    for rows in some:
        for stage, histogram in rows.items():
            if histogram.count:
                total[stage] = total.get(stage, Histogram()).plus(histogram)
    return total


def live(
    ask: Ask,
    progress: Progress,
    seconds: float | None = None,
    camera: str = "",
    wait: Callable[[float], None] = time.sleep,
) -> Report:
    """Report the times of the running agent.

    Args:
        ask: asks it.
        progress: hears how many of the seconds have passed.
        seconds: only what comes in that time; None: all since each camera was begun.
        camera: only that one; "": all together.
        wait: waits.

    Raises:
        RetryError: it does not answer, or no frame came.
        UsageError: there is no such camera.
    """
    surroundings = Surroundings()
    readings = [Reading(ask(), camera)]
    for part in range(THIRDS if seconds else 0):
        progress(part * (seconds or 0.0) / THIRDS, seconds or 0.0)
        wait((seconds or 0.0) / THIRDS)
        readings.append(Reading(ask(), camera))
    if readings[-1].pid != readings[0].pid:
        raise RetryError("the agent was started anew meanwhile; ask again")
    thirds = [later.since(earlier) for earlier, later in pairwise(readings)]
    rows = readings[-1].since(readings[0]) if seconds else readings[0].rows
    if "see" not in rows:
        cause = f"within {seconds:g} s" if seconds else "yet"
        raise RetryError(f"no frame came {cause}; edgeagent status says how the cameras are")
    return _report(readings, rows, thirds, surroundings.told("auto", Engines(), LIBRARY))


def _report(
    readings: Sequence[Reading], rows: Rows, thirds: Sequence[Rows], environment: Environment
) -> Report:
    last = readings[-1]
    models = tuple(_facts(engine) for engine in last.engines)
    nothing: Mapping[str, Any] = {"name": "", "load_ms": 0.0, "first_ms": 0.0}
    look = last.engines[0] if last.engines else nothing
    figures = {
        stage: counted(histogram, [third[stage] for third in thirds if stage in third])
        for stage, histogram in rows.items()
    }
    see, looked = figures.pop("see"), figures.pop("looked", None)
    return Report(
        schema=SCHEMA,
        scenario="live",
        at_ms=time.time_ns() // 1_000_000,
        agent=last.agent,
        engine=look["name"],
        simulated=simulated(environment, look["name"]),
        clip=", ".join(last.cameras),
        model=f"{models[0].name} {models[0].digest}" if models else "",
        models=models,
        asked={"seconds": _passed_s(readings)} if thirds else {},
        load_ms=look["load_ms"],
        first_ms=look["first_ms"],
        headline=Headline(LOOKED, looked) if looked else Headline(SEEN, see),
        see=see,
        stages=_ordered(figures),
        counts={"frames": see.n, "looks": looked.n if looked else 0},
        rates=_rates(readings, rows) if thirds else {},
        notes=_notes(readings),
        histogram=tuple(merged(rows["looked" if looked else "see"].buckets(), BARS)),
        environment=_of_process(environment, last.pid),
    )


def _facts(engine: Mapping[str, Any]) -> ModelFacts:
    return ModelFacts(engine["model"], engine["digest8"], engine["size_bytes"], engine["takes"])


_ORDER = (
    *("source", "motion", "detail", "aim", "wait", "preprocess"),
    *("invoke", "decode", "track", "event", "outbox"),
)


def _ordered(figures: Mapping[str, Figures]) -> dict[str, Figures]:
    """Return them as a frame passes through them; another camera may have reached one first."""
    known = [stage for stage in _ORDER if stage in figures]
    return {stage: figures[stage] for stage in [*known, *(s for s in figures if s not in known)]}


def _passed_s(readings: Sequence[Reading]) -> float:
    return round(readings[-1].up_s - readings[0].up_s, 1)


def _rates(readings: Sequence[Reading], rows: Rows) -> dict[str, float]:
    passed_s = max(readings[-1].up_s - readings[0].up_s, 1e-3)
    totals = {
        "frames_per_s": rows["see"].count,
        "looks_per_s": rows["looked"].count if "looked" in rows else 0,
        "cores": readings[-1].cpu_s - readings[0].cpu_s,
    }
    return {name: round(total / passed_s, 3) for name, total in totals.items()}


def _notes(readings: Sequence[Reading]) -> tuple[str, ...]:
    last = readings[-1]
    stretch = (
        f"of {_passed_s(readings):g} s" if len(readings) > 1 else "since its cameras were begun"
    )
    cameras = f", {len(last.cameras)} cameras together" if len(last.cameras) > 1 else ""
    return f"what the running agent (process {last.pid}) took {stretch}{cameras}", COARSE


def _of_process(environment: Environment, pid: int, proc: Path = Path("/proc")) -> Environment:
    """Return ``environment`` with the agent's own memory, not that of who asks."""
    try:
        lines = (proc / str(pid) / "status").read_text().splitlines()
    except OSError:
        lines = []
    kb = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    now_mb, most_mb = (int(kb.get(name, 0)) // 1024 for name in ("VmRSS", "VmHWM"))
    return msgspec.structs.replace(environment, resident_mb=now_mb, peak_mb=most_mb)
