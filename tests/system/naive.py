"""A device as one writes it in an afternoon: it hears its topics and does what it reads.

No straw man: it parses with care, does no id twice in one life, and takes a bad value back when it
comes to life again. What it lacks is what the tests beside it are about.
"""

import json
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PREFIX = "edge/v1/home/pi"


class Naive:
    """It comes to life again and again; what it was told may end it."""

    def __init__(self, port: int, session: str = "") -> None:
        """Prepare.

        Args:
            port: of the broker.
            session: client id of a session that outlives it; empty: a new one each time.
        """
        self._port, self._session = port, session
        self.done: list[str] = []
        """What it did, over all lives: the order's name, or the version of a state."""
        self.bytes_read = 0
        """The longest message it took in."""
        self.dies = threading.Event()
        self._ids: set[str] = set()
        self._client: Client

    def begin(self) -> None:
        """Come to life, and listen."""
        self._ids.clear()
        self.dies.clear()
        there = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._session,
            clean_session=not self._session,
        )
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: there.set()
        self._client.connect("127.0.0.1", self._port)
        self._client.subscribe([(f"{PREFIX}/cmd/#", 1), (f"{PREFIX}/cfg/desired", 1)])
        self._client.loop_start()
        assert there.wait(30)

    def end(self) -> None:
        """End."""
        self._client.disconnect()
        self._client.loop_stop()

    def deaths(self, most: int) -> int:
        """Return how often in a row it came to life and ended of what it was told."""
        for number in range(most):
            self.begin()
            died = self.dies.wait(10)
            self.end()
            if not died:
                return number
        return most

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.bytes_read = max(self.bytes_read, len(message.payload))
        try:
            asked = json.loads(message.payload)
        except ValueError:
            return
        if isinstance(asked, dict) and asked.get("id") not in self._ids:
            self._ids.add(asked["id"])
            self._do(message.topic.rpartition("/")[2], asked)

    def _do(self, name: str, asked: dict[str, Any]) -> None:
        is_state = name == "desired"
        self.done.append(str(asked["version"]) if is_state else name)
        if name == "restart" or (is_state and asked["values"].get("events.top") == 7):
            self.dies.set()
