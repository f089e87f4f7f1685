"""One connection to the broker, and all that is said and heard on it.

A fresh paho client each time: paho's own reconnect has no jitter and sends again by itself what
the outbox will send again, and its thread dies for good when a callback raises. The outbox is the
session; a client that is lost is dropped with all it held.
"""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import LogLevel, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeagent.config import MqttConfig
from edgeagent.link import TOO_LARGE, Ack, Hear, Order
from edgeagent.mqtt.client import Words, begin, make_client
from edgeagent.mqtt.orders import answer_properties, order_of, subscribe
from edgeagent.tls import explain

_log = logging.getLogger(__name__)

ACK_S = 30.0
"""Messages on their way and no word from the broker for so long: the connection is dead."""
STOP_S = 1.0
"""Longest wait for the last words' acknowledgement, and for paho's thread to end."""


class Connection:
    """One paho client, from its CONNECT to its end. Callbacks come in paho's thread."""

    def __init__(
        self,
        config: MqttConfig,
        words: Words,
        happened: Callable[[], None],
        hear: Hear | None = None,
    ) -> None:
        """Begin to connect.

        Args:
            config: the ``[mqtt]`` table.
            words: what is said for the device itself.
            happened: told that there is news, in paho's thread.
            hear: takes in orders, in paho's thread; None: nothing is subscribed to.

        Raises:
            CredentialError: a password, key or certificate will not do.
        """
        self._words = words
        self._happened = happened
        self._hear = hear
        self._is_v5 = config.protocol == "5"
        self._tokens: dict[int, int | None] = {}
        self._due: deque[Callable[[], int]] = deque()
        self._trouble = ""
        self._birth = 0
        self._acks: list[Ack] = []
        self._answers: deque[tuple[int, int]] = deque()
        self._heard_s = time.monotonic()
        self._window = config.inflight
        self._max_packet_bytes = 0
        self.settled = threading.Event()
        """Set when the broker has said yes or no, or the connection has ended."""
        self.is_up = False
        self.code = 0
        """Reason code with which it ended."""
        self.why = ""
        """Why it ended or was refused, in words."""
        self._client = make_client(config, words)
        self._listen()
        self._thread = begin(self._client, config, words.client_id)

    def _listen(self) -> None:
        client = self._client
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_log = self._on_log
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe

    def _on_connect(
        self,
        client: Client,
        data: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._end(reason.value, f"the broker refused us: {reason}")
            return
        limit = getattr(properties, "ReceiveMaximum", self._window)
        self._window = max(1, min(self._window, limit))
        self._max_packet_bytes = getattr(properties, "MaximumPacketSize", 0)
        self._due += [self._say_info, self._say_online]
        self._say_birth()

    def _say_birth(self) -> None:
        """Say what is due, one after the other, as a window of one asks; then it is up."""
        try:
            self._birth = self._say_due()
        except Exception:  # noqa: BLE001  what got out of a callback would end paho's thread
            _log.exception("the birth message could not be made")
            self._birth = 0
        if not self._birth:
            if self._hear is not None:
                subscribe(self._client, self._topic("cmd/+"), self._is_v5)
            self.is_up = True
            self.settled.set()
            self._happened()

    def _say_due(self) -> int:
        """Say the next word that the broker would take; return its packet id, 0 for none."""
        while self._due:
            packet_id = self._due.popleft()()
            if packet_id:
                return packet_id
        return 0

    def _say_info(self) -> int:
        said = self._say("info", self._words.info())
        return said.mid if said is not None else 0

    def _say_online(self) -> int:
        said = self._say("status", self._words.status("online"))
        return said.mid if said is not None else 0

    def _on_subscribe(
        self,
        client: Client,
        data: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            topic = self._topic("cmd/+")
            _log.warning("the broker does not let us read %s; mend its ACL", topic)

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        try:
            if self._hear is not None:
                self._hear(order_of(message))
        except Exception:  # noqa: BLE001  what got out of a callback would end paho's thread
            _log.exception("an order could not be taken in")

    def reply(self, order: Order, payload: bytes) -> bool:
        """See `Link.reply`; it goes out when the window has room."""
        if not self.is_up:
            return False
        self._due.append(partial(self._answer, order, payload))
        self._happened()
        return True

    def _answer(self, order: Order, payload: bytes) -> int:
        properties = answer_properties(order, self._is_v5)
        topic = order.reply_to or self._topic(f"res/{order.name}")
        if self._is_too_large(topic, order.correlation + payload):
            _log.warning("an answer of %d bytes is more than the broker takes", len(payload))
            return 0
        sent = self._client.publish(topic, payload, qos=1, properties=properties)
        return sent.mid if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else 0

    def say_info(self) -> None:
        """Have ``info`` published again, for what it says has changed; any thread may ask."""
        self._due.append(self._say_info)
        self._happened()

    def _say(self, name: str, payload: bytes) -> MQTTMessageInfo | None:
        topic = self._topic(name)
        if self._is_too_large(topic, payload):
            _log.warning("%s is not said: the broker takes %d bytes", name, self._max_packet_bytes)
            return None
        return self._client.publish(topic, payload, qos=1, retain=True)

    def _topic(self, name: str) -> str:
        return f"{self._words.prefix}/{name}"

    def _on_connect_fail(self, client: Client, data: object) -> None:
        # paho calls this while it handles the error that it does not hand on.
        self._end(0, f"no connection: {explain(sys.exception())}")

    def _on_disconnect(
        self,
        client: Client,
        data: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        is_told = flags.is_disconnect_packet_from_server or reason.getName() != "Unspecified error"
        cut = f"the connection was cut{self._trouble}"
        self._end(reason.value, f"the connection ended: {reason}" if is_told else cut)

    def _on_log(self, client: Client, data: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._trouble = f" ({text})"

    def _on_publish(
        self,
        client: Client,
        data: object,
        mid: int,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        # No lock: paho holds one of its own here, which publish() takes, too.
        self._heard_s = time.monotonic()
        if mid == self._birth:
            self._say_birth()
            return
        self._answers.append((mid, reason.value))
        self._happened()

    def _end(self, code: int, why: str) -> None:
        if not self.why:
            self.code, self.why = code, why
        self.is_up = False
        self.settled.set()
        self._happened()

    def publish(self, topic: str, payload: bytes, token: int | None, retain: bool = False) -> bool:
        """See `Link.publish`."""
        qos = 0 if token is None else 1
        if not self.is_up or (qos and len(self._tokens) >= self._window):
            return False
        whole_topic = self._topic(topic)
        if self._is_too_large(whole_topic, payload):
            # The broker would hang up, whatever the quality of service.
            if token is not None:
                self._acks.append(Ack(token, TOO_LARGE))
            return True
        if not self._tokens:
            self._heard_s = time.monotonic()
        sent = self._client.publish(whole_topic, payload, qos, retain)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            # paho may have queued it all the same; this client will not live to send it.
            return False
        if token is not None:
            self._tokens[sent.mid] = token
        return True

    def _is_too_large(self, topic: str, payload: bytes) -> bool:
        # 16 bytes: fixed header, topic length, packet id, empty properties, and room to spare.
        whole = len(topic) + len(payload) + 16
        return bool(self._max_packet_bytes) and whole > self._max_packet_bytes

    def take_acks(self) -> list[Ack]:
        """Return what the broker said since the last call."""
        acks, self._acks = self._acks, []
        while self._answers:
            mid, code = self._answers.popleft()
            token = self._tokens.pop(mid, None)
            if token is not None:
                acks.append(Ack(token, code))
        self._speak()
        return acks

    def _speak(self) -> None:
        """Say what is due now that it is up; it counts in the window, and its answer is no news."""
        if self.is_up and self._due and len(self._tokens) < self._window:
            mid = self._say_due()
            if mid:
                self._tokens[mid] = None

    def alive(self) -> bool:
        """Return whether it is up, its thread lives, and the broker answers what it was sent."""
        if not self.is_up:
            return False
        if self._thread is not None and not self._thread.is_alive():
            self._end(0, "the client library's thread died")
        elif self._tokens and time.monotonic() - self._heard_s > ACK_S:
            self._end(0, f"no acknowledgement for {ACK_S:g} s")
        return self.is_up

    def say_stopped(self) -> None:
        """Say that the agent stops, and wait a little until the broker knows."""
        said = self._say("status", self._words.status("stopped"))
        if said is None:
            return
        try:
            said.wait_for_publish(STOP_S)
        except (RuntimeError, ValueError):
            _log.info("the broker was not told that the agent stops")

    def drop(self) -> None:
        """Let it go. paho's thread is given a little time; one stuck in a look-up ends later."""
        self.is_up = False
        self._client.disconnect()
        if self._thread is not None:
            self._thread.join(STOP_S)
