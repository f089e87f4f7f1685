"""What there is, as the broker is to keep it: written down first, so that it can be taken back."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from edgeagent.config import CameraConfig, Config
from edgeagent.health import Health
from edgeagent.homeassistant.discovery import (
    components,
    config_topic,
    discovery,
    encoded,
    platforms,
    state_topic,
    stubs,
)
from edgeagent.homeassistant.memory import Memory, Published
from edgeagent.link import Link

PART = "homeassistant"
"""Its name in health."""
SETTLE_S = 5.0
"""Home Assistant has certainly done by then what it was told."""


class Telling:
    """One link's. Any thread may call; each call may wait for the disk."""

    def __init__(self, link: Link, memory: Memory, board: str, health: Health) -> None:
        """Prepare.

        Args:
            link: to the broker.
            memory: what was published before.
            board: what the device is.
            health: hears when there is more to tell than fits.
        """
        self._link, self._memory, self._board, self._health = link, memory, board, health
        self._lock = threading.RLock()
        self._stale: list[str] = []
        """Topics of states that nobody is to hear of any more, when that is known."""
        self._stale_s = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the broker has let go of everything."""
        return not self._memory.published.topics

    def announce(self, config: Config, cameras: Sequence[CameraConfig], now_s: float) -> None:
        """Say what there is now, and take back what is no more; all of it, where it is off.

        Args:
            config: the settings.
            cameras: those that there are.
            now_s: monotonic seconds.
        """
        with self._lock:
            self._config, self._cameras = config, list(cameras)
            before, is_on = self._memory.published, config.homeassistant.enabled
            now = self._published(before) if is_on else Published()
            stale = before.topics - now.topics
            old = before.without(before.topics - stale)
            self._memory.keep(Published({**old.entities, **now.entities}, old.states + now.states))
            for topic in old.entities:
                self._link.keep(topic, b"")
            self._stale, self._stale_s = old.states, now_s + SETTLE_S
            if is_on:
                self._say()

    def _published(self, before: Published) -> Published:
        """Return what is to be at the broker: the entities that are, and those that went."""
        topic = config_topic(self._config)
        told = platforms(components(self._config, self._cameras))
        states = [state_topic(self._config, camera.name) for camera in self._cameras]
        return Published({topic: {**before.entities.get(topic, {}), **told}}, states)

    def _say(self, more: Mapping[str, Any] | None = None) -> None:
        topic = config_topic(self._config)
        message = discovery(self._config, self._cameras, self._board, self._gone())
        message["cmps"] |= more or {}
        try:
            self._link.keep(topic, encoded(message))
            self._health.well(PART)
        except ValueError as error:
            self._health.fault(PART, f"it is not told what there is: {error}")

    def _gone(self) -> dict[str, str]:
        """Return the entities that went, and that Home Assistant may still remember."""
        told = components(self._config, self._cameras)
        known = self._memory.published.entities.get(config_topic(self._config), {})
        return {name: platform for name, platform in known.items() if name not in told}

    def show_gone(self) -> bool:
        """Show what went once more, if anything did; `let_go` of it soon after."""
        with self._lock:
            if gone := self._gone():
                self._say(stubs(self._config, gone))
            return bool(gone)

    def let_go(self) -> None:
        """Say what went, and then remember it no more."""
        with self._lock:
            self._say()
            topic, published = config_topic(self._config), self._memory.published
            told = components(self._config, self._cameras)
            known = published.entities.get(topic, {})
            left = {name: platform for name, platform in known.items() if name in told}
            self._memory.keep(Published({**published.entities, topic: left}, published.states))

    def tidy(self, now_s: float) -> None:
        """Take back the states of what is gone; remember no more what the broker let go of."""
        with self._lock:
            self._take_back_states(now_s)
            published = self._memory.published
            gone = published.topics - self._link.kept().keys() - set(self._stale)
            self._memory.keep(published.without(gone))

    def _take_back_states(self, now_s: float) -> None:
        """Do it when the entities are gone: one that is there would stumble over nothing."""
        if any(not payload for payload in self._link.kept().values()):
            self._stale_s = now_s + SETTLE_S
        elif now_s >= self._stale_s:
            stale, self._stale = self._stale, []
            for topic in stale:
                self._link.keep(topic, b"")
