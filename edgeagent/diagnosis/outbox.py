"""Whether the outbox keeps what it is given, and gets rid of it."""

from edgeagent.bulletin import State
from edgeagent.diagnosis.readings import OutboxReading

FILLING = 0.8
"""Share of its room from which on there is still time to act before anything is lost."""
BEHIND = 1000
"""Events by which it grew within the last minutes, connected all the time: it is not a burst."""


def of_outbox(reading: OutboxReading) -> State:
    """Return how the outbox fares: ``refusing disk dropping | filling behind``."""
    if reading.refused:
        why = f"the notices are full: {reading.refused} were refused in {_minutes(reading)}"
        return State("fault", "refusing", why, "bring the link back; or raise outbox.max_bytes")
    if reading.fault:
        cure = "see the part disk; journalctl -u edgeagent says since when"
        return State("fault", "disk", reading.fault, cure)
    if reading.lost:
        why = f"{reading.lost} events were given up in {_minutes(reading)}; a gap names them"
        cure = "bring the link back; or raise outbox.max_bytes and outbox.max_age_days"
        return State("fault", "dropping", why, cure)
    return _fullness(reading)


def _fullness(reading: OutboxReading) -> State:
    if reading.fullness >= FILLING:
        share = f"{reading.fullness:.0%}"
        why = f"{reading.pending} events fill {share} of its room; then the oldest go unsent"
        cure = "bring the link back; or raise outbox.max_bytes"
        return State("warning", "filling", why, cure)
    if reading.grown >= BEHIND:
        why = f"it grew by {reading.grown} events in {_minutes(reading)} though connected"
        cure = "raise mqtt.backlog_per_s, or lower events.per_minute"
        return State("warning", "behind", why, cure)
    return State()


def _minutes(reading: OutboxReading) -> str:
    return f"{max(reading.over_s / 60, 1):.0f} min"
