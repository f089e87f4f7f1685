"""Every order that the broker's side may give, and who does it."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from edgeagent.bulletin import Bulletin
from edgeagent.cameras import Cameras
from edgeagent.commands import Asked, Kind
from edgeagent.engines import shown
from edgeagent.errors import EdgeagentError, UsageError
from edgeagent.histogram import Histogram
from edgeagent.pausing import Pausing
from edgeagent.setting import Reload
from edgeagent.settings import Change

TOLD_MAX = 50
"""Settings that the answer to a reload names."""
WHY_MAX = 200
STAGES_MAX = 24


class Life(Protocol):
    """What orders ask of the supervisor; from any thread."""

    def reread(self) -> None:
        """Ask for the settings to be read again."""
        ...

    def restart(self) -> None:
        """Ask for a clean stop with a status that systemd starts anew."""
        ...


class Standing(Protocol):
    """What orders ask of the settings in force; from any thread."""

    def upcoming(self) -> list[Change]:
        """Return what the settings file would change now.

        Raises:
            ConfigError: with every fault in it.
        """
        ...

    def judge(self, values: Mapping[str, Any]) -> list[Change]:
        """Return what ``values`` would change, which lie over the settings file.

        Raises:
            ConfigError: with every fault in them; nothing is taken over then.
        """
        ...

    def try_(self, values: Mapping[str, Any], by: str) -> None:
        """Write ``values`` down as a trial; the next `reread` puts them in force.

        Raises:
            OSError: the disk refuses.
        """
        ...


def of_cameras(cameras: Cameras, pausing: Pausing) -> dict[str, Kind]:
    """Return the orders to look, and to close cameras and watch them again."""
    return {
        "look": Kind(cameras.look_now),
        "pause": Kind(lambda wish, asked: pausing.pause(asked, "order", f"by order {wish}")),
        "resume": Kind(lambda wish, asked: pausing.resume(asked, "order", f"by order {wish}")),
    }


def of_questions(
    bulletin: Callable[[], Bulletin], boot: str, pending: Callable[[], int]
) -> dict[str, Kind]:
    """Return the orders that only ask how the agent fares."""

    def ping(_wish: str, _asked: Asked) -> Mapping[str, Any]:
        told = bulletin()
        return {"agent": told.version, "boot": boot, "up": round(told.up_s, 1), "s": told.level}

    def status(wish: str, asked: Asked) -> Mapping[str, Any]:
        unwell = {part: state.why[:WHY_MAX] for part, state in bulletin().unwell.items()}
        engines = sorted({shown(name) for name in bulletin().engines.values()})
        return {**ping(wish, asked), "f": unwell, "eng": engines, "q": pending()}

    def bench(_wish: str, _asked: Asked) -> Mapping[str, Any]:
        load = round(os.getloadavg()[0], 2)
        return {
            "st": {name: _times(stages) for name, stages in bulletin().stages.items()},
            "load": load,
        }

    told = {"ping": ping, "status": status, "bench": bench}
    return {name: Kind(deed, changes=False) for name, deed in told.items()}


def of_life(life: Life, settings: Standing) -> dict[str, Kind]:
    """Return the orders that the supervisor does when they are answered."""

    def reload(_wish: str, _asked: Asked) -> Mapping[str, Any]:
        changed = settings.upcoming()
        kept = [change.path for change in changed if change.reload is Reload.START]
        taken = [change.path for change in changed if change.path not in kept]
        return {"new": taken[:TOLD_MAX], "kept": kept[:TOLD_MAX]}

    def set_(wish: str, asked: Asked) -> Mapping[str, Any]:
        values = _values(asked)
        changed = settings.judge(values)
        try:
            settings.try_(values, f"order {wish}")
        except OSError as error:
            raise EdgeagentError(
                f"they cannot be written down: {error.strerror or error}"
            ) from None
        return {"new": [change.path for change in changed][:TOLD_MAX]}

    return {
        "set": Kind(set_, then=life.reread),
        "reload": Kind(reload, then=life.reread),
        "restart": Kind(lambda _wish, _asked: {}, then=life.restart),
    }


def _values(asked: Asked) -> Mapping[str, Any]:
    """Return the ``values`` of an order.

    Raises:
        UsageError: there are none.
    """
    values = asked.get("values")
    if not isinstance(values, dict) or not values:
        raise UsageError('values: name some, as {"events.threshold": 0.5}')
    return values


def _times(stages: Mapping[str, Histogram]) -> Mapping[str, Sequence[float]]:
    named = list(stages.items())[:STAGES_MAX]
    return {stage: _quantiles(histogram.copy()) for stage, histogram in named if histogram.count}


def _quantiles(histogram: Histogram) -> Sequence[float]:
    quantiles = [round(histogram.quantile_us(share) / 1000, 3) for share in (0.5, 0.9, 0.99)]
    return [histogram.count, *quantiles]
