"""What was published for Home Assistant, on the disk: settings may change while all is off."""

import logging
from pathlib import Path

import msgspec

from edgeagent.atomic import write_whole

_log = logging.getLogger(__name__)

FILE = "homeassistant.json"
"""In the state folder."""
TOPICS_MAX = 256


class Published(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the broker may keep of ours."""

    entities: dict[str, dict[str, str]] = {}
    """Topic of a discovery message to its entities, each with its platform; those that are gone,
    too, until Home Assistant has certainly let go of them."""
    states: list[str] = []
    """Topics that say how a camera stands."""

    @property
    def topics(self) -> set[str]:
        """All of them."""
        return {*self.entities, *self.states}

    def without(self, topics: set[str]) -> "Published":
        """Return it without ``topics``."""
        entities = {topic: of for topic, of in self.entities.items() if topic not in topics}
        return Published(entities, [topic for topic in self.states if topic not in topics])


class Memory:
    """The file, and what it holds. One thread's own."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self.published = read(state)

    def keep(self, published: Published) -> None:
        """Write down ``published`` before it is so; a disk that refuses is said, and no more."""
        if published == self.published:
            return
        self.published = published
        try:
            write_whole(self._path, msgspec.json.encode(published))
        except OSError as error:
            _log.warning("%s: what is told to Home Assistant is not kept: %s", self._path, error)


def read(state: Path) -> Published:
    """Return what the file in ``state`` holds; nothing, where there is none that can be read."""
    try:
        found = msgspec.json.decode((state / FILE).read_bytes(), type=Published)
    except FileNotFoundError:
        return Published()
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        _log.warning("%s cannot be read, and is begun anew: %s", state / FILE, error)
        return Published()
    some = found.topics - set(sorted(found.topics)[:TOPICS_MAX])
    return found.without(some)
