"""Whether the gates let through what is worth saying, and no more."""

from edgeagent.bulletin import State
from edgeagent.diagnosis.readings import MotionReading

RESTLESS = 0.9
"""A camera in which more than this share of all frames move has a tree or water in its view: the
gate no longer spares the model anything."""
RESTLESS_S = 300.0
"""Only over so long: a busy minute is no restless view."""


def of_motion(reading: MotionReading) -> State:
    """Return how the gates fare: ``withheld restless``."""
    if reading.withheld:
        minutes = max(reading.over_s / 60, 1 / 60)
        why = f"{reading.withheld} times in {minutes:.0f} min there was news that was not said"
        cure = "raise events.per_minute, or ignore what moves for nothing: a [[camera.zone]]"
        return State("warning", "withheld", why, cure)
    restless = {name: share for name, share in reading.shares.items() if share > RESTLESS}
    if restless and reading.over_s >= RESTLESS_S:
        told = ", ".join(f"{name} in {share:.0%} of its frames" for name, share in restless.items())
        cure = (
            "edgeagent motion shows what moves; ignore it by a [[camera.zone]] of kind ignore, or "
            "lower motion.sensitivity"
        )
        return State("warning", "restless", f"something moves all the time: {told}", cure)
    return State()
