"""What is wrong with each part, why, and what its owner does about it: readings in, states out.

Pure: nothing here reads a clock, a file or a counter. One file a kind of part; every threshold
stands beside the judgement that uses it, and docs/health.md tells them all.
"""

from collections.abc import Mapping

from edgeagent.bulletin import State
from edgeagent.diagnosis.camera import of_camera
from edgeagent.diagnosis.engine import of_engine
from edgeagent.diagnosis.link import of_link
from edgeagent.diagnosis.machine import of_clock, of_disk, of_temperature
from edgeagent.diagnosis.motion import of_motion
from edgeagent.diagnosis.outbox import of_outbox
from edgeagent.diagnosis.readings import (
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

__all__ = [
    "CameraReading",
    "ClockReading",
    "DiskReading",
    "EngineReading",
    "HeatReading",
    "LinkReading",
    "MotionReading",
    "OutboxReading",
    "Readings",
    "judge",
    "of_camera",
    "of_clock",
    "of_disk",
    "of_engine",
    "of_link",
    "of_motion",
    "of_outbox",
    "of_temperature",
]


def judge(readings: Readings) -> dict[str, State]:
    """Return the state of every part, in the order of the river; ages are not known here."""
    return {
        **{f"camera.{name}": of_camera(one) for name, one in readings.cameras.items()},
        "motion": of_motion(readings.motion),
        **{f"engine.{name}": of_engine(one) for name, one in readings.engines.items()},
        "outbox": of_outbox(readings.outbox),
        "link": of_link(readings.link),
        "clock": of_clock(readings.clock),
        "disk": of_disk(readings.disk),
        "temperature": of_temperature(readings.heat),
        **_of_others(readings.others),
    }


def _of_others(others: Mapping[str, str]) -> dict[str, State]:
    """Return states of parts that have a fault in words, and no judgement of their own."""
    return {part: _of_other(part, why) for part, why in others.items()}


def _of_other(part: str, why: str) -> State:
    if part == "config":
        cure = "edgeagent check FILE says where to mend it; then systemctl reload edgeagent"
        return State("warning", "refused", f"the settings before it are in force: {why}", cure)
    if part == "orders":
        why, _, cure = why.partition("; ")
        return State("warning", "unread", why, cure or "edgeagent audit says where it breaks")
    if part == "page":
        why, _, cure = why.partition("; ")
        return State("warning", "away", why, cure or "see [page]; it is tried again by itself")
    if part.startswith("action."):
        cure = f"edgeagent action try {part.removeprefix('action.')} shows what it says"
        return State("warning", "failed", why, cure)
    cure = "journalctl -u edgeagent -n 100 says more; systemctl restart edgeagent begins anew"
    return State("fault", "stuck", why, cure)
