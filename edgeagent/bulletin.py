"""The whole agent at one instant, judged: what the page, metrics, stat and status are made from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from edgeagent.histogram import Histogram

Level = Literal["ok", "warning", "fault"]
LEVELS: tuple[Level, ...] = ("ok", "warning", "fault")
"""From the best to the worst. A warning: it works, and somebody should see to it. A fault: some of
what the agent is there for is not done."""


@dataclass(frozen=True, slots=True)
class State:
    """How one part fares."""

    level: Level = "ok"
    code: str = ""
    """One word for the cause, of a fixed few a part (docs/health.md); "" where all is as it was
    meant to be."""
    why: str = ""
    """The cause in a sentence, with figures; may be there while all is well, too."""
    cure: str = ""
    """What the owner does about it; there whenever it is not ok."""
    age_s: float = 0.0
    """For how long that has been the cause, by a monotonic clock; a warning that becomes a fault
    does not begin anew."""


@dataclass(frozen=True, slots=True)
class Bulletin:
    """Safe to keep and to send; nothing in it changes any more."""

    device: str = ""
    version: str = ""
    up_s: float = 0.0
    states: Mapping[str, State] = field(default_factory=dict)
    """By part: ``camera.NAME``, ``motion``, ``engine.NAME``, ``outbox``, ``link``, ``clock``,
    ``disk``, ``temperature``; others (``config``) while something is wrong with them."""
    counters: Mapping[str, int] = field(default_factory=dict)
    """Only ever rise; named ``<what>_total``, with ``.<camera>`` where there are several."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Histogram]] = field(default_factory=dict)
    """By camera and stage, since the camera was begun."""
    engines: Mapping[str, str] = field(default_factory=dict)
    """Model to what runs it now: ``cpu``, ``usb:0``; ``none``: nothing does."""

    @property
    def level(self) -> Level:
        """The worst of all parts'."""
        return worst(state.level for state in self.states.values())

    @property
    def unwell(self) -> dict[str, State]:
        """The parts that are not ok: the worst first, and of those the latest."""
        found = [(part, state) for part, state in self.states.items() if state.level != "ok"]
        found.sort(key=lambda one: (-LEVELS.index(one[1].level), one[1].age_s))
        return dict(found)


def worst(levels: Iterable[Level]) -> Level:
    """Return the worst of ``levels``; of none, ``ok``."""
    return max(levels, key=LEVELS.index, default="ok")


def healthz(bulletin: Bulletin) -> tuple[int, bytes]:
    """Return the HTTP status and the JSON body that say whether the agent does its work.

    Returns:
        200 as long as there is no fault, else 503; ``{"state": "fault", "causes": [{"part": ...,
        "state": ..., "code": ..., "why": ..., "cure": ..., "age_s": ...}]}``, the worst first.
    """
    causes = [
        {"part": part, "state": fields.pop("level"), **fields}
        for part, fields in state_fields(bulletin.unwell).items()
    ]
    told = {"state": bulletin.level, "causes": causes}
    return 503 if bulletin.level == "fault" else 200, json.dumps(told).encode()


def state_fields(states: Mapping[str, State]) -> dict[str, dict[str, Any]]:
    """Return for each part ``level code why cure age_s``, the age in whole seconds."""
    return {part: {**asdict(one), "age_s": round(one.age_s)} for part, one in states.items()}


def to_fields(bulletin: Bulletin) -> dict[str, Any]:
    """Return what `of_fields` makes it from again, in types that JSON has."""
    stages = {
        camera: {stage: [h.sum_us, h.sparse()] for stage, h in histograms.items()}
        for camera, histograms in bulletin.stages.items()
    }
    names = ("device", "version", "up_s", "counters", "gauges", "engines")
    told = {name: getattr(bulletin, name) for name in names}
    return {**told, "states": state_fields(bulletin.states), "stages": stages}


def of_fields(fields: Mapping[str, Any]) -> Bulletin:
    """Return the bulletin that `to_fields` told, perhaps by way of JSON; more is passed over."""
    stages = {
        camera: {stage: Histogram.of_sparse(n, sum_us) for stage, (sum_us, n) in told.items()}
        for camera, told in fields["stages"].items()
    }
    names = ("device", "version", "up_s", "counters", "gauges", "engines")
    states = {part: State(**one) for part, one in fields["states"].items()}
    return Bulletin(**{name: fields[name] for name in names}, states=states, stages=stages)
