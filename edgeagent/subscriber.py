"""Hears what a broker hands out: the other end of the wire, for the demo. Not in the daemon."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgeagent.errors import LinkError


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as it arrived."""

    topic: str
    payload: bytes
    packet_bytes: int
    """The whole PUBLISH packet: fixed header, topic, packet id, properties, payload."""


SESSION_S = 3600
"""How long the broker keeps a named session, and all that is published meanwhile."""


class Subscriber:
    """Subscribes to one filter and hands on every message, in paho's thread."""

    def __init__(
        self,
        host: str,
        port: int,
        topic: str,
        hear: Callable[[Heard], None],
        session: str = "",
    ) -> None:
        """Prepare; `start` connects.

        Args:
            host: the broker.
            port: of the broker, without TLS.
            topic: filter, wildcards allowed.
            hear: called with every message.
            session: client id of a session that outlives the connection, so that what is
                published while it is away arrives later; "" for none.
        """
        self._topic = topic
        self._hear = hear
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=session, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._where = f"{host}:{port}"
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        if session:
            properties.SessionExpiryInterval = SESSION_S
        self._client.connect_async(host, port, clean_start=not session, properties=properties)

    def start(self, within_s: float = 10.0) -> None:
        """Connect and subscribe.

        Raises:
            LinkError: the broker did not take the subscription in time.
        """
        self._client.loop_start()
        if not self._subscribed.wait(within_s):
            self.close()
            raise LinkError(f"{self._where}: no broker took a subscription within {within_s:g} s")

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        self._hear(Heard(message.topic, bytes(message.payload), _packet_bytes(message)))


def _packet_bytes(message: MQTTMessage) -> int:
    """Return the size of a PUBLISH of ``message`` (MQTT 5.0, section 3.3), properties empty."""
    packet_id = 2 if message.qos else 0
    rest = 2 + len(message.topic.encode()) + packet_id + 1 + len(message.payload)
    length_bytes = 1 + (rest > 127) + (rest > 16383) + (rest > 2097151)
    return 1 + length_bytes + rest
