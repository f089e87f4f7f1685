"""What is worth saying: the event, its record in the outbox, and what gives rise to one."""

from edgeagent.event.making import (
    AT_ONCE,
    from_embedding,
    from_episode,
    from_glance,
    from_notice,
    from_sightings,
    from_told,
)
from edgeagent.event.record import (
    WHY_MAX,
    CountPart,
    Event,
    MotionPart,
    Source,
    VectorPart,
    When,
    at,
    decode,
    encode,
    now,
    topic_of,
)

__all__ = [
    "AT_ONCE",
    "WHY_MAX",
    "CountPart",
    "Event",
    "MotionPart",
    "Source",
    "VectorPart",
    "When",
    "at",
    "decode",
    "encode",
    "from_embedding",
    "from_episode",
    "from_glance",
    "from_notice",
    "from_sightings",
    "from_told",
    "now",
    "topic_of",
]
