"""What a scenario found: one struct, which ``--json`` prints and a baseline is read from."""

import json
from pathlib import Path
from typing import Final, Literal

import msgspec

from edgeagent.bench.environment import Environment
from edgeagent.bench.figures import Figures
from edgeagent.bench.guard import Guard
from edgeagent.bench.verdict import Block, Verdict
from edgeagent.engines import Engine
from edgeagent.errors import UsageError
from edgeagent.histogram import Bucket
from edgeagent.machine import Weather

SCHEMA: Final = "edgeagent.bench/1"
Scenario = Literal["single", "rate", "offline", "pipeline", "swap", "soak", "cold", "live"]


class ModelFacts(msgspec.Struct, frozen=True):
    """What was run."""

    name: str
    digest: str
    """First 8 hex digits of the file's sha256, as in events."""
    size_bytes: int
    takes: str
    """``1x320x320x3 uint8``."""


class Headline(msgspec.Struct, frozen=True):
    """The one row that stands for the scenario."""

    what: str
    figures: Figures


class Slice(msgspec.Struct, frozen=True):
    """A stretch of a soak."""

    at_s: float
    """When it began, from the first look on."""
    looks: int
    p50: float
    p90: float
    weather: Weather


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run of one scenario. Durations in milliseconds unless their names say otherwise."""

    schema: Literal["edgeagent.bench/1"]
    scenario: Scenario
    at_ms: int
    """When it ended, unix milliseconds as the machine's clock had it."""
    agent: str
    """Version of edgeagent."""
    engine: str
    simulated: bool
    """The figures are a simulation's, and no Edge TPU's."""
    clip: str
    model: str
    """Name and first 8 digits of its digest, "" for motion alone."""
    models: tuple[ModelFacts, ...] = ()
    asked: dict[str, float] = {}
    """How it was asked for: ``runs``, ``rate_per_s``, ``seconds``."""
    load_ms: float
    first_ms: float
    """The first call of the model, which is never a typical one and is in no row."""
    frames: int = 0
    moved: int = 0
    headline: Headline
    net: Figures | None = None
    """The headline's looks without what the thread waited for a core."""
    waited: float = 0.0
    """Which share of the looks' time that was."""
    see: Figures | None = None
    """`Agent.see`, every frame."""
    stages: dict[str, Figures] = {}
    """Each stage, over the frames that reached it."""
    counts: dict[str, int] = {}
    """What else there is to count: ``dropped``, ``late``, ``events``, ``bytes``."""
    rates: dict[str, float] = {}
    """``frames_per_s``, ``looks_per_s``, ``cores`` (CPU seconds a second)."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how this was measured."""
    histogram: tuple[Bucket, ...] = ()
    """Of the headline: lower and upper edge in microseconds, and how many."""
    blocks: tuple[Block, ...] = ()
    """What a later run is compared with."""
    slices: tuple[Slice, ...] = ()
    guard: Guard | None = None
    environment: Environment
    verdicts: tuple[Verdict, ...] = ()


def model_facts(engine: Engine) -> ModelFacts:
    """Say what ``engine`` runs."""
    file, takes = engine.file, engine.takes
    shape = "x".join(map(str, takes.shape))
    facts = f"{shape} {takes.dtype}"
    return ModelFacts(engine.bundle.name, file.digest8, file.size_bytes, facts)


def read_report(path: Path) -> Report:
    """Read a report: what ``--json`` printed, or the last line of a history.

    Raises:
        UsageError: there is none in that file.
    """
    try:
        lines = path.read_bytes().strip().splitlines()
        return msgspec.json.decode(lines[-1] if lines else b"", type=Report)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path}: is no report of {SCHEMA} ({error}); edgeagent bench --json makes one"
        ) from None


def report_schema() -> str:
    """Return the JSON Schema of a report; ``report.schema.json`` beside this file is the same."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**dialect, **msgspec.json.schema(Report)}, indent=1)
