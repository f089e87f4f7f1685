"""One connection to the broker: the only place in the daemon that knows paho.

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
from dataclasses import dataclass

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeagent.config import MqttConfig
from edgeagent.credentials import read_secret
from edgeagent.link import TOO_LARGE, Ack
from edgeagent.tls import explain, tls_context

_log = logging.getLogger(__name__)

ACK_S = 30.0
"""Messages on their way and no word from the broker for so long: the connection is dead."""
STOP_S = 1.0
"""Longest wait for the last words' acknowledgement, and for paho's thread to end."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the link says for the device itself: retained, at QoS 1, outside the outbox."""

    prefix: str
    """All topics begin with it: ``edge/v1/home/door``."""
    client_id: str
    status: Callable[[str], bytes]
    """Payload of ``status`` for ``online``, ``stopped`` or ``offline`` (the will)."""
    info: Callable[[], bytes]


class Connection:
    """One paho client, from its CONNECT to its end. Callbacks come in paho's thread."""

    def __init__(self, config: MqttConfig, words: Words, happened: Callable[[], None]) -> None:
        """Begin to connect.

        Raises:
            CredentialError: a password, key or certificate will not do.
        """
        self._words = words
        self._happened = happened
        self._tokens: dict[int, int | None] = {}
        self._due: deque[str] = deque()
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
        self._client = self._make(config)
        self._thread = self._begin(config)

    def _make(self, config: MqttConfig) -> Client:
        is_v5 = config.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._words.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
            clean_session=None if is_v5 else True,
            reconnect_on_failure=False,
            transport="websockets" if config.websocket else "tcp",
        )
        if config.websocket:
            client.ws_set_options(config.websocket)
        if config.username:
            client.username_pw_set(config.username, read_secret(config.password_file).reveal())
        if config.tls:
            client.tls_set_context(tls_context(config))
        will = self._words.status("offline")
        client.will_set(f"{self._words.prefix}/status", will, qos=1, retain=True)
        client.max_inflight_messages_set(config.inflight + 2)
        client.connect_timeout = config.connect_s
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_log = self._on_log
        return client

    def _begin(self, config: MqttConfig) -> threading.Thread | None:
        port = config.port or (8883 if config.tls else 1883)
        before = set(threading.enumerate())
        if config.protocol == "5":
            self._client.connect_async(config.host, port, config.keepalive_s, clean_start=True)
        else:
            self._client.connect_async(config.host, port, config.keepalive_s)
        self._client.loop_start()
        name = f"paho-mqtt-client-{self._words.client_id}"
        begun = (t for t in threading.enumerate() if t not in before and t.name == name)
        return next(begun, None)

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
        self._due += ["info", "status"]
        self._say_birth()

    def _say_birth(self) -> None:
        """Say what is due, one after the other, as a window of one asks; then it is up."""
        try:
            self._birth = self._say_due()
        except Exception:  # noqa: BLE001  what got out of a callback would end paho's thread
            _log.exception("the birth message could not be made")
            self._birth = 0
        if not self._birth:
            self.is_up = True
            self.settled.set()
            self._happened()

    def _say_due(self) -> int:
        """Say the next word that the broker would take; return its packet id, 0 for none."""
        while self._due:
            name = self._due.popleft()
            payload = self._words.info() if name == "info" else self._words.status("online")
            said = self._say(name, payload)
            if said is not None:
                return said.mid
        return 0

    def say_info(self) -> None:
        """Have ``info`` published again, for what it says has changed; any thread may ask."""
        self._due.append("info")
        self._happened()

    def _say(self, name: str, payload: bytes) -> MQTTMessageInfo | None:
        if self._is_too_large(name, payload):
            _log.warning("%s is not said: the broker takes %d bytes", name, self._max_packet_bytes)
            return None
        return self._client.publish(f"{self._words.prefix}/{name}", payload, qos=1, retain=True)

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
        if self._is_too_large(topic, payload):
            # The broker would hang up, whatever the quality of service.
            if token is not None:
                self._acks.append(Ack(token, TOO_LARGE))
            return True
        if not self._tokens:
            self._heard_s = time.monotonic()
        sent = self._client.publish(f"{self._words.prefix}/{topic}", payload, qos, retain)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            # paho may have queued it all the same; this client will not live to send it.
            return False
        if token is not None:
            self._tokens[sent.mid] = token
        return True

    def _is_too_large(self, topic: str, payload: bytes) -> bool:
        # 16 bytes: fixed header, topic length, packet id, empty properties, and room to spare.
        whole = len(self._words.prefix) + len(topic) + len(payload) + 16
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
