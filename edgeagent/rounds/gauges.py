"""Figures of the whole agent that no part tells by itself."""

import time

from edgeagent.clock import Clock
from edgeagent.rounds.gather import Parts
from edgeagent.rounds.slow import Slow

UNDER_VOLTAGE = "under-voltage"


def gauges(parts: Parts, slow: Slow, clock: Clock) -> dict[str, float]:
    """Return them; what this machine does not tell is left out."""
    weather, disk = slow.weather, slow.disk
    found: dict[str, float | None] = {
        "link_up": parts.connected(),
        "clock_set": clock.trusted(),
        "outbox_depth": parts.outbox.depth,
        "outbox_bytes": parts.outbox.bytes,
        "outbox_lost": parts.outbox.lost,
        "outbox_refused": parts.outbox.refused,
        "outbox_written_bytes": parts.outbox.written_bytes,
        "outbox_max_bytes": parts.config().outbox.max_bytes,
        "resident_bytes": slow.resident_bytes(),
        "cpu_s": round(time.process_time(), 2),
        "soc_c": weather.soc_c,
        "cpu_mhz": weather.mhz,
        "under_voltage": UNDER_VOLTAGE in weather.throttled,
        "throttled": "throttled" in weather.throttled,
        "disk_free_bytes": disk.free_bytes if disk else None,
        "disk_size_bytes": disk.size_bytes if disk else None,
        "device_written_bytes": disk.written_bytes if disk else None,
    }
    return {name: float(value) for name, value in found.items() if value is not None}
