"""What every scenario takes, and what it gives: raw durations, summed up in one place."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edgeagent import __version__
from edgeagent.bench import clip_config
from edgeagent.bench.environment import Surroundings, simulated
from edgeagent.bench.figures import figures
from edgeagent.bench.guard import Guard
from edgeagent.bench.report import SCHEMA, Headline, Report, Scenario, Slice, model_facts
from edgeagent.bench.river import Kept
from edgeagent.bench.verdict import blocks
from edgeagent.clock import Clock, ManualClock
from edgeagent.config import Config
from edgeagent.edgetpu import LIBRARY
from edgeagent.errors import UsageError
from edgeagent.frame import Frame
from edgeagent.histogram import Bucket, Histogram, merged
from edgeagent.looker import Engines
from edgeagent.sources import Source, open_source

BARS = 12
"""Most rows of a report's histogram."""


def unheard(done: float, whole: float) -> None:
    """Hear how far a scenario has come, and keep it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured, and how."""

    scenario: Scenario
    clip: Path
    config: Config
    engines: Engines
    runs: int = 100
    """How often the model is to run."""
    seconds: float = 600.0
    """How long a soak takes."""
    rate_per_s: float = 10.0
    """At which an open loop gives frames."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    library: str = LIBRARY
    """libedgetpu, for the environment."""

    @contextmanager
    def source(self, clock: Clock | None = None) -> Iterator[Source]:
        """Give the clip, flat out, over and over; it is closed at the end.

        Raises:
            CameraError: it cannot be read.
        """
        config = clip_config(self.clip)
        with closing(open_source(config, clock or ManualClock(), pace=False)) as source:
            yield source

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Give the frames of `source`."""
        with self.source() as source:
            yield source.frames()


@dataclass(slots=True)
class Found:
    """What a scenario gives."""

    what: str
    """What the headline's durations are of, in words."""
    durations_ms: Sequence[float]
    stages_ns: Mapping[str, Sequence[int]] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)
    asked: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    slices: tuple[Slice, ...] = ()


def report(plan: Plan, found: Found, guard: Guard | None = None) -> Report:
    """Sum up what was found.

    Raises:
        UsageError: nothing was looked at, so that there is nothing to sum up.
    """
    if not found.durations_ms:
        raise UsageError(
            f"{plan.clip}: nothing was measured in {found.kept.frames} frames, because nothing "
            "moves in it; give another --clip, or [motion] gate = false in --config"
        )
    look, kept = plan.engines.look, found.kept
    environment = plan.surroundings.told(plan.config.model.runtime, plan.engines, plan.library)
    engine = look.name if look else ""
    return Report(
        schema=SCHEMA,
        scenario=plan.scenario,
        at_ms=time.time_ns() // 1_000_000,
        agent=__version__,
        engine=engine,
        simulated=simulated(environment, engine),
        clip=plan.clip.name,
        model=f"{look.bundle.name} {look.file.digest8}" if look else "",
        models=tuple(model_facts(one) for one in plan.engines.all()),
        asked=found.asked,
        load_ms=look.load_ms if look else 0.0,
        first_ms=look.first_ms if look else 0.0,
        frames=kept.frames,
        moved=kept.moved,
        headline=Headline(found.what, figures(found.durations_ms)),
        net=figures(kept.net_ms) if any(kept.waited_ns) else None,
        waited=round(sum(kept.waited_ns) / sum(kept.see_ns), 4) if kept.see_ns else 0.0,
        see=figures(_ms(kept.all_ns)) if kept.all_ns else None,
        stages={name: figures(_ms(laps)) for name, laps in found.stages_ns.items() if laps},
        counts=found.counts,
        rates={name: round(rate, 3) for name, rate in found.rates.items()},
        notes=found.notes,
        histogram=tuple(bars(found.durations_ms)),
        blocks=tuple(blocks(kept.net_ms, _ms(kept.yardstick_ns))) if kept.yardstick_ns else (),
        slices=found.slices,
        guard=guard,
        environment=environment,
    )


def _ms(laps_ns: Sequence[int]) -> list[float]:
    return [lap / 1e6 for lap in laps_ns]


def bars(durations_ms: Sequence[float]) -> list[Bucket]:
    """Return at most `BARS` buckets that hold every duration."""
    histogram = Histogram()
    for duration in durations_ms:
        histogram.add(round(duration * 1e6))
    return merged(histogram.buckets(), BARS)
