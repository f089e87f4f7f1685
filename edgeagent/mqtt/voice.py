"""What a connection says for the device itself: birth, news of it, answers to orders, farewell."""

import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode

from edgeagent.kept import Kept
from edgeagent.link import Order
from edgeagent.mqtt.beside import beside
from edgeagent.mqtt.client import Words
from edgeagent.mqtt.orders import answer_properties
from edgeagent.mqtt.terms import Terms

_log = logging.getLogger(__name__)

Then = Callable[[int], None]
"""Hears the reason code of an answer."""


def _nothing(_code: int) -> None:
    """Hear it, and let it be."""


class Voice:
    """Speaks through one paho client, one word at a time, when its connection lets it."""

    def __init__(self, client: Client, words: Words, terms: Terms, is_v5: bool, kept: Kept) -> None:
        self.terms = terms
        """What the broker takes; the connection knows when it has said so."""
        self.then: Then = _nothing
        """Is to hear what the broker says to the word said last."""
        self._client, self._words, self._is_v5 = client, words, is_v5
        self._kept, self._is_born = kept, False
        self._due: deque[Callable[[], int]] = deque()

    @property
    def is_due(self) -> bool:
        """Whether there is something to say."""
        return bool(self._due)

    def topic(self, name: str) -> str:
        """Return the whole topic of ``name``."""
        return f"{self._words.prefix}/{name}"

    def add_birth(self) -> None:
        """Have ``info``, how the settings stand, what is kept, then ``status`` said."""
        # Who hears that it is here must not find what it was before it went.
        self._is_born = True
        self.add_info()
        self._due += [partial(self._say_kept, topic) for topic in self._kept.all()]
        self._due.append(self._say_online)

    def add_kept(self, topic: str) -> None:
        """Have what is kept under ``topic`` said; any thread may ask."""
        if self._is_born:
            # Before that, the birth will say it, in its order.
            self._due.append(partial(self._say_kept, topic))

    def add_info(self) -> None:
        """Have ``info`` said again, for what it says has changed; any thread may ask."""
        self._due.append(self._say_info)
        if self._words.reported is not None:
            self._due.append(self._say_reported)

    def add_answer(self, order: Order, payload: bytes) -> None:
        """Have ``order`` answered; any thread may ask."""
        self._due.append(partial(self._answer, order, payload))

    def say_due(self) -> int:
        """Say the next word that the broker would take; return its packet id, 0 for none."""
        while self._due:
            self.then = _nothing
            packet_id = self._due.popleft()()
            if packet_id:
                return packet_id
        return 0

    def say_status(self, state: str) -> MQTTMessageInfo | None:
        """Say ``online`` or ``stopped``; None where the broker would not take it."""
        return self._say("status", self._words.status(state))

    def _say_online(self) -> int:
        said = self.say_status("online")
        return said.mid if said is not None else 0

    def _say_info(self) -> int:
        said = self._say("info", self._words.info())
        return said.mid if said is not None else 0

    def _say_reported(self) -> int:
        assert self._words.reported is not None
        said = self._say("cfg/reported", self._words.reported())
        return said.mid if said is not None else 0

    def _say_kept(self, topic: str) -> int:
        payload = self._kept.get(topic)
        if payload is None:
            return 0
        said = self._say_whole(topic, payload)
        self.then = partial(self._kept.answered, topic, payload)
        return said.mid if said is not None else 0

    def _say(self, name: str, payload: bytes) -> MQTTMessageInfo | None:
        return self._say_whole(self.topic(name), payload)

    def _say_whole(self, topic: str, payload: bytes) -> MQTTMessageInfo | None:
        told = beside(payload, self._is_v5)
        if self.terms.is_too_large(topic, told.payload, told.properties):
            takes = f"the broker takes {self.terms.max_packet_bytes} bytes"
            _log.warning("%s is not said: %s", topic, takes)
            return None
        return self._client.publish(topic, told.payload, 1, self.terms.retains, told.properties)

    def _answer(self, order: Order, payload: bytes) -> int:
        told = beside(payload, self._is_v5)
        properties = answer_properties(order, told.properties)
        topic = order.reply_to or self.topic(f"res/{order.name}")
        if self.terms.is_too_large(topic, told.payload, properties):
            _log.warning("an answer of %d bytes is more than the broker takes", len(payload))
            return 0
        sent = self._client.publish(topic, told.payload, qos=1, properties=properties)
        return sent.mid if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else 0
