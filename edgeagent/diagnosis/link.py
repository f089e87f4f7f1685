"""Whether the broker can be reached, and takes what it is sent."""

from edgeagent.bulletin import Level, State
from edgeagent.diagnosis.readings import LinkReading

DOWN_S = 900.0
"""A quarter of an hour outlasts a broker's update or a router's restart: from then on a fault."""
CONNECTING_S = 20.0
"""So long may the first connection take, or the next one, without a word."""


def of_link(reading: LinkReading) -> State:
    """Return how the link fares: ``none connecting | denied down``."""
    if not reading.host:
        return State("ok", "none", "no broker is set: all is kept in the outbox")
    if reading.denied:
        cure = "let the device's account write to that topic: the README has the ACL"
        return State("fault", "denied", reading.denied, cure)
    if reading.is_up:
        return State()
    return _down(reading)


def _down(reading: LinkReading) -> State:
    if reading.down_s < CONNECTING_S and not reading.why:
        return State("ok", "connecting", f"no connection to {reading.host} yet")
    why = f"{reading.host}: {reading.why or 'no connection within the time it should take'}"
    cure = f"see that the network and the broker are there: ping {reading.host}; then [mqtt]"
    level: Level = "fault" if reading.down_s >= DOWN_S else "warning"
    return State(level, "down", why, cure)
