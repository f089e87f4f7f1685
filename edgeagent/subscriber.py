"""Hears what a broker hands out: the other end of the wire, for the demo and for people.

Not in the daemon.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeagent.config import MqttConfig
from edgeagent.errors import LinkError
from edgeagent.mqtt.client import plain_client, port_of
from edgeagent.tls import explain


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


class Listener:
    """One connection with the account and the encryption of the settings, over when it is lost.

    No will and no session: it leaves nothing behind at the broker.
    """

    def __init__(
        self,
        config: MqttConfig,
        client_id: str,
        topics: Sequence[str],
        hear: Callable[[Heard], None],
    ) -> None:
        """Prepare; `start` connects.

        Args:
            config: the ``[mqtt]`` table; ``host`` is not empty.
            client_id: nobody else's at that broker.
            topics: filters, wildcards allowed.
            hear: called with every message, in paho's thread.

        Raises:
            CredentialError: a password, key or certificate will not do.
        """
        self._config, self._topics, self._hear = config, topics, hear
        self._answered = threading.Event()
        self.lost = ""
        """Why nothing is heard any more; "" while all is well."""
        self._client = plain_client(config, client_id)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = lambda *_: self._over("the broker hung up")
        self._client.on_message = lambda _client, _data, message: hear(
            Heard(message.topic, bytes(message.payload), _packet_bytes(message))
        )

    def start(self) -> None:
        """Connect and subscribe.

        Raises:
            LinkError: the broker cannot be reached, refuses, or does not answer in time.
        """
        config = self._config
        where = f"{config.host}:{port_of(config)}"
        try:
            self._client.connect(config.host, port_of(config), config.keepalive_s)
        except (OSError, ValueError) as error:
            raise LinkError(f"{where}: {explain(error)}") from error
        self._client.loop_start()
        if not self._answered.wait(config.connect_s):
            self.lost = f"no answer within {config.connect_s:g} s"
        if self.lost:
            self.close()
            raise LinkError(f"{where}: {self.lost}")

    def close(self) -> None:
        """Disconnect. Twice is safe."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, *told: object) -> None:
        answer = told[3]
        if isinstance(answer, ReasonCode) and answer.is_failure:
            self._over(f"the broker refuses {self._config.username or 'us'}: {answer}")
            return
        self._client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(self, *told: object) -> None:
        codes = told[3]
        assert isinstance(codes, list)
        if all(code.is_failure for code in codes):
            who = self._config.username or "us"
            self._over(f"the broker does not let {who} hear {' '.join(self._topics)}")
        self._answered.set()

    def _over(self, why: str) -> None:
        self.lost = self.lost or why
        self._answered.set()


def _packet_bytes(message: MQTTMessage) -> int:
    """Return the size of a PUBLISH of ``message`` (MQTT 5.0, section 3.3)."""
    packet_id = 2 if message.qos else 0
    told = message.properties
    beside = len(told.pack()) if told is not None else 1  # type: ignore[no-untyped-call]
    rest = 2 + len(message.topic.encode()) + packet_id + beside + len(message.payload)
    length_bytes = 1 + (rest > 127) + (rest > 16383) + (rest > 2097151)
    return 1 + length_bytes + rest
