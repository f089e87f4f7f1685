"""Asks the running parts for what is judged."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeagent.cameras import Cameras
from edgeagent.clock import Clock
from edgeagent.config import CameraConfig, Config
from edgeagent.diagnosis import (
    CameraReading,
    ClockReading,
    DiskReading,
    EngineReading,
    HeatReading,
    LinkReading,
    MotionReading,
    OutboxReading,
    Readings,
)
from edgeagent.engines import Engine
from edgeagent.engines.failover import Failover
from edgeagent.engines.pool import Pool
from edgeagent.health import Health, Lost, Snapshot
from edgeagent.looker import Engines
from edgeagent.outbox import Outbox
from edgeagent.rounds.slow import Slow
from edgeagent.rounds.window import Window

FEW_FRAMES = 100
"""Of fewer, the share that moved says nothing."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What rounds are made of; everything may be asked from any thread."""

    config: Callable[[], Config]
    cameras: Cameras
    engines: Engines
    outbox: Outbox
    connected: Callable[[], bool]
    clock: Clock
    folder: Path
    """Of the outbox."""


def gather(
    parts: Parts, health: Health, slow: Slow, window: Window, up_s: float, now_s: float
) -> Readings:
    """Return what is known of every part at ``now_s``, ``up_s`` after the start."""
    config, snapshot = parts.config(), health.snapshot()
    stuck = health.stuck(now_s, config.health.stuck_s)
    return Readings(
        cameras=dict(_cameras(parts, config, health, stuck, now_s)),
        motion=_motion(parts, window),
        engines=dict(_engines(parts, config, snapshot)),
        outbox=_outbox(parts, window),
        link=_link(parts, config, health, "publisher" in stuck, up_s, now_s),
        clock=ClockReading(parts.clock.trusted(), up_s),
        disk=DiskReading(str(slow.folder), slow.disk, slow.per_day, slow.waits_s(now_s)),
        heat=HeatReading(slow.weather.soc_c, slow.weather.throttled),
        others=_others(snapshot, stuck),
    )


def _cameras(
    parts: Parts, config: Config, health: Health, stuck: list[str], now_s: float
) -> Iterator[tuple[str, CameraReading]]:
    configs, begun_s = {one.name: one for one in config.camera}, parts.cameras.begun_s()
    for name, state in parts.cameras.states().items():
        one, is_stuck = configs.get(name, CameraConfig(name=name)), f"camera {name}" in stuck
        yield name, _camera(one, state, health, is_stuck, begun_s.get(name, now_s), now_s)


def _camera(
    config: CameraConfig, state: str, health: Health, is_stuck: bool, begun_s: float, now_s: float
) -> CameraReading:
    name = config.name
    seen_s = max(health.last_s(f"camera {name}") or begun_s, begun_s)
    # Begun anew since, nobody had to say that it is back.
    lost = _after(health.lost("camera", name), seen_s)
    detail = _after(health.lost("detail", name), begun_s)
    return CameraReading(
        state=state,
        silent_s=round(now_s - seen_s, 1),
        stall_s=config.stall_s,
        lost=lost.why if lost else "",
        lost_s=now_s - lost.at_s if lost else 0.0,
        detail_lost=detail.why if detail else "",
        stuck="it has been busy with one frame for too long" if is_stuck else "",
        source=config.source,
        address=config.address,
    )


def _after(lost: Lost | None, at_s: float) -> Lost | None:
    return lost if lost is not None and lost.at_s >= at_s else None


def _motion(parts: Parts, window: Window) -> MotionReading:
    names = list(parts.cameras.states())
    frames = {name: window.rise(f"frames_total.{name}") for name in names}
    shares = {
        name: window.rise(f"moved_total.{name}") / n for name, n in frames.items() if n > FEW_FRAMES
    }
    withheld = sum(int(window.rise(f"withheld_total.{name}")) for name in names)
    return MotionReading(window.over_s, withheld, shares)


def _engines(
    parts: Parts, config: Config, snapshot: Snapshot
) -> Iterator[tuple[str, EngineReading]]:
    lost, slow = _edge_tpus(snapshot.states)
    wanted = (config.model.name, parts.engines.look), (config.model.vector, parts.engines.vector)
    for name, engine in wanted:
        if name:
            runs = engine.name if engine else "none"
            refused = snapshot.states.get("engine", "")
            yield name, EngineReading(runs, _is_accelerated(engine), lost, slow, refused)


def _is_accelerated(engine: Engine | None) -> bool:
    return isinstance(engine, Failover | Pool)


def _edge_tpus(states: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return those that are away, and those that are slow, each with its why."""
    said = {part.removeprefix("tpu "): why for part, why in states.items() if _is_tpu(part)}
    slow = {name.removesuffix(" pace"): why for name, why in said.items() if name.endswith(" pace")}
    return {name: why for name, why in said.items() if not name.endswith(" pace")}, slow


def _is_tpu(part: str) -> bool:
    return part.startswith("tpu ")


def _outbox(parts: Parts, window: Window) -> OutboxReading:
    outbox = parts.outbox
    was_up = window.least("link_up") > 0
    return OutboxReading(
        pending=outbox.depth,
        fullness=outbox.fullness,
        over_s=window.over_s,
        lost=int(window.rise("outbox_lost")),
        refused=int(window.rise("outbox_refused")),
        grown=int(window.rise("outbox_depth")) if was_up else 0,
        fault=outbox.fault,
    )


def _link(
    parts: Parts, config: Config, health: Health, is_stuck: bool, up_s: float, now_s: float
) -> LinkReading:
    lost = health.lost("link", "")
    denied = "" if is_stuck else health.snapshot().states.get("publisher", "")
    return LinkReading(
        host=config.mqtt.host,
        is_up=parts.connected(),
        down_s=now_s - lost.at_s if lost else up_s,
        why=lost.why if lost else "",
        denied=denied,
    )


def _others(snapshot: Snapshot, stuck: list[str]) -> dict[str, str]:
    """Return what is wrong with parts that are judged by nothing else."""
    known = ("outbox", "engine", *({"publisher"} - set(stuck)))
    return {
        part: why
        for part, why in snapshot.states.items()
        if part not in known and not part.startswith(("tpu ", "camera "))
    }
