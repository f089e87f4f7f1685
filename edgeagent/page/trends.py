"""How long each stage took over the last minutes: now and then a number from each histogram."""

from collections import deque
from collections.abc import Mapping

from edgeagent.histogram import Histogram

SAMPLE_S = 5.0
KEPT = 60
"""Five minutes."""
SHARE = 0.9
STAGES = ("motion", "wait", "preprocess", "invoke", "decode", "outbox")
"""Those that a person can do something about, in the river's order; "wait" is for the engine."""

Stages = Mapping[str, Mapping[str, Histogram]]
Trend = list[float | None]


class Trends:
    """Of every camera and stage the 90th percentile, in ms, of each stretch of `SAMPLE_S`."""

    def __init__(self) -> None:
        self._before: Stages = {}
        self._kept: dict[tuple[str, str], deque[float | None]] = {}

    def sample(self, stages: Stages) -> None:
        """Take in what has been counted since the last call."""
        for camera, histograms in stages.items():
            before = self._before.get(camera, {})
            for stage in STAGES:
                if stage in histograms:
                    ms = _between_ms(before.get(stage), histograms[stage])
                    self._kept.setdefault((camera, stage), deque(maxlen=KEPT)).append(ms)
        self._before = stages

    def of(self, camera: str) -> list[tuple[str, Trend]]:
        """Return stage and milliseconds, oldest first; None where the stage was not reached."""
        return [
            (stage, list(self._kept[camera, stage]))
            for stage in STAGES
            if (camera, stage) in self._kept
        ]


def _between_ms(before: Histogram | None, now: Histogram) -> float | None:
    """Return the percentile of what ``now`` has and ``before`` has not; None of nothing."""
    new = now.since(before) if before is not None else now
    return round(new.quantile_us(SHARE) / 1000, 3) if new.count else None
