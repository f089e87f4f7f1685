"""How long each stage takes, on the agent's own path: `Agent.see` and nothing beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns

import msgspec

from edgeagent.agent import Agent, Engines
from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config
from edgeagent.engines import shown
from edgeagent.errors import UsageError
from edgeagent.laps import StopWatch
from edgeagent.sources import open_source

SCHEMA = "edgeagent.bench/1"


class Times(msgspec.Struct, frozen=True):
    """What is said of one row of laps, in milliseconds."""

    n: int
    mean: float
    p50: float
    p90: float
    p99: float
    max: float


class Report(msgspec.Struct, frozen=True):
    """One run of the benchmark; ``--json`` prints it as it is."""

    schema: str
    model: str
    engine: str
    clip: str
    load_ms: float
    first_ms: float
    """The first call of the model, which is never a typical one and is in no row."""
    frames: int
    moved: int
    see: Times
    """`Agent.see`, every frame."""
    stages: dict[str, Times]
    """Each stage, over the frames that reached it."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of ``ordered`` do not exceed.

    The nearest-rank definition: always a value that was measured.
    """
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def times(laps_ns: Sequence[int]) -> Times:
    """Sum up laps given in nanoseconds; at least one."""
    ms = sorted(lap / 1e6 for lap in laps_ns)
    p50, p90, p99 = (percentile(ms, share) for share in (0.5, 0.9, 0.99))
    return Times(len(ms), sum(ms) / len(ms), p50, p90, p99, ms[-1])


def clip_config(clip: Path) -> CameraConfig:
    """Return the camera that plays ``clip``: a film, a folder of stills, or one still.

    Raises:
        UsageError: there is no such file or folder.
    """
    if not clip.exists():
        raise UsageError(f"{clip}: no such file or folder; give the path of a clip")
    return CameraConfig(
        name="clip", source="images" if _is_still(clip) else "video", address=str(clip), loop=True
    )


def _is_still(clip: Path) -> bool:
    return clip.is_dir() or clip.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp")


@dataclass(slots=True)
class _Run:
    """A benchmark under way."""

    watch: StopWatch
    see_ns: list[int]
    frames: int = 0


def bench(clip: Path, config: Config, engines: Engines, runs: int) -> Report:
    """See frames of ``clip``, over and over, until the model ran ``runs`` times.

    Args:
        clip: what to look at; a clip in which nothing moves ends after 20 frames a run.
        config: ``looks_per_s`` is not applied: each frame that moved is looked at.
        engines: opened and warm.
        runs: how often the model is to run.

    Raises:
        CameraError: the clip cannot be read.
    """
    agent = _agent(config, engines)
    run = _Run(StopWatch(), [])
    source = open_source(clip_config(clip), ManualClock(), pace=False)
    for frame in source.frames():
        run.watch.start()
        began_ns = perf_counter_ns()
        agent.see(frame, run.watch)
        run.see_ns.append(perf_counter_ns() - began_ns)
        run.frames += 1
        if len(run.watch.laps_ns.get("invoke", ())) >= runs or run.frames >= 20 * runs:
            break
    source.close()
    return _report(clip, engines, agent, run)


def _agent(config: Config, engines: Engines) -> Agent:
    every = msgspec.structs.replace(config.model, looks_per_s=60.0)
    config = msgspec.structs.replace(config, model=every)
    return Agent(CameraConfig(name="clip"), config, engines, ManualClock())


def _report(clip: Path, engines: Engines, agent: Agent, run: _Run) -> Report:
    look = engines.look
    return Report(
        SCHEMA,
        model=f"{look.bundle.name} {look.file.digest8}" if look else "",
        engine=shown(look.name) if look else "",
        clip=clip.name,
        load_ms=look.load_ms if look else 0.0,
        first_ms=look.first_ms if look else 0.0,
        frames=run.frames,
        moved=agent.health.counted("moved_total.clip"),
        see=times(run.see_ns),
        stages={stage: times(laps) for stage, laps in run.watch.laps_ns.items()},
    )


def table(report: Report) -> str:
    """Return ``report`` for a person."""
    head = (
        f"{report.model or 'motion alone'} on {report.engine or 'no engine'}, {report.clip}: "
        f"{report.frames} frames, {report.moved} moved\n"
        f"load {report.load_ms:.1f} ms, first call {report.first_ms:.1f} ms\n"
    )
    columns = f"{'ms':<12}{'n':>7}{'mean':>9}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}"
    rows: Mapping[str, Times] = {**report.stages, "see()": report.see}
    return "\n".join([head + columns, *(_row(name, t) for name, t in rows.items())])


def _row(name: str, t: Times) -> str:
    figures = "".join(f"{value:>9.3f}" for value in (t.mean, t.p50, t.p90, t.p99, t.max))
    return f"{name:<12}{t.n:>7}{figures}"
