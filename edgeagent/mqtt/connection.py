"""One connection to the broker, from its beginning to its end.

A fresh paho client each time: paho's own reconnect has no jitter and sends again by itself what
the outbox will send again, and its thread dies for good when a callback raises. The outbox is the
session; a client that is lost is dropped with all it held.
"""

import logging
import sys
import threading
from collections.abc import Callable

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import LogLevel, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeagent.config import MqttConfig
from edgeagent.kept import Kept
from edgeagent.link import TOO_LARGE, Ack, Order
from edgeagent.mqtt.beside import beside
from edgeagent.mqtt.client import Words, begin, make_client
from edgeagent.mqtt.flight import Flight
from edgeagent.mqtt.orders import Ears
from edgeagent.mqtt.reasons import explained
from edgeagent.mqtt.terms import terms_of
from edgeagent.mqtt.voice import Voice
from edgeagent.tls import cure_of, explain

_log = logging.getLogger(__name__)

UNHEARD = " before the broker said a word; see mqtt.alpn, mqtt.client_id, and the account's policy"
STOP_S = 1.0
"""Longest wait for the last words' acknowledgement, and for paho's thread to end."""


class Connection:
    """One paho client, from its CONNECT to its end. Callbacks come in paho's thread."""

    def __init__(
        self,
        config: MqttConfig,
        words: Words,
        happened: Callable[[], None],
        ears: Ears | None = None,
        kept: Kept | None = None,
    ) -> None:
        """Begin to connect.

        Args:
            config: the ``[mqtt]`` table.
            words: what is said for the device itself.
            happened: told that there is news, in paho's thread.
            ears: what is listened to, in paho's thread; None: nothing is.
            kept: what is said at each connect, besides birth; None: nothing.

        Raises:
            CredentialError: a password, key or certificate will not do.
        """
        self._happened = happened
        self._ears = ears
        self._is_v5 = config.protocol == "5"
        self._trouble = ""
        self._is_heard = False
        self._birth = 0
        self._flight = Flight()
        self.settled = threading.Event()
        """Set when the broker has said yes or no, or the connection has ended."""
        self.is_up = False
        self.code = 0
        """Reason code with which it ended."""
        self.why = ""
        """Why it ended or was refused, in words."""
        self.was_cut = False
        """Whether the broker, having let us in, gave no reason for its end."""
        self._client = make_client(config, words)
        self._voice = Voice(self._client, words, terms_of(config), self._is_v5, kept or Kept())
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
        self._is_heard = True
        if reason.is_failure:
            self._end(reason.value, f"the broker refused us: {explained(reason)}")
            return
        self._voice.terms = self._voice.terms.narrowed(properties)
        self._voice.add_birth()
        if self._ears is not None:
            # Before the birth: whoever hears that it is here may order at once.
            self._ears.open(self._client, self._is_v5)
        self._say_birth()

    def listen(self, ears: Ears) -> None:
        """Have ``ears`` take in what comes from now on."""
        self._ears = ears
        ears.open(self._client, self._is_v5)

    @property
    def too_large_bytes(self) -> int:
        """Size of the message for which it ended, because it is none that is meant for us; or 0."""
        return self._client.too_large_bytes

    def _say_birth(self) -> None:
        """Say what is due, one after the other, as a window of one asks; then it is up."""
        try:
            self._birth = self._voice.say_due()
        except Exception:  # noqa: BLE001  what got out of a callback would end paho's thread
            _log.exception("the birth message could not be made")
            self._birth = 0
        if not self._birth:
            self.is_up = True
            self.settled.set()
            self._happened()

    def _on_subscribe(
        self,
        client: Client,
        data: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        if self._ears is not None:
            self._ears.answered(mid, reasons)

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        if self._ears is not None:
            self._ears.take(message)

    def reply(self, order: Order, payload: bytes) -> bool:
        """See `Link.reply`; it goes out when the window has room."""
        if not self.is_up:
            return False
        self._voice.add_answer(order, payload)
        self._happened()
        return True

    def say_info(self) -> None:
        """Have ``info``, and how the settings stand, published again; any thread may ask."""
        if self._is_heard:
            # Not up yet, too: what the birth has said may be old before it ends.
            self._voice.add_info()
            self._happened()

    def say_kept(self, topic: str) -> None:
        """Have what is kept under ``topic`` published; any thread may ask."""
        self._voice.add_kept(topic)
        self._happened()

    def greet(self) -> None:
        """Have all that a connect says published again; any thread may ask."""
        self._voice.add_birth()
        self._happened()

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
        is_theirs = not is_told and not self.too_large_bytes
        self.was_cut = self._is_heard and is_theirs and not self.why
        cut = f"the connection was cut{self._trouble or ('' if self._is_heard else UNHEARD)}"
        self._end(reason.value, f"the connection ended: {explained(reason)}" if is_told else cut)

    def _on_log(self, client: Client, data: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            # In TLS 1.3 a client certificate is judged when the handshake is over for us.
            cure = cure_of(text)
            self._trouble = f" ({text})" + (f"; {cure}" if cure else "")

    def _on_publish(
        self,
        client: Client,
        data: object,
        mid: int,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        # No lock: paho holds one of its own here, which publish() takes, too.
        self._flight.heard()
        if mid == self._birth:
            self._voice.then(reason.value)
            self._say_birth()
            return
        self._flight.answered(mid, reason.value)
        self._happened()

    def _end(self, code: int, why: str) -> None:
        if not self.why:
            self.code, self.why = code, why
        self.is_up = False
        self.settled.set()
        self._happened()

    def publish(self, topic: str, payload: bytes, token: int | None) -> bool:
        """See `Link.publish`."""
        qos, terms = 0 if token is None else 1, self._voice.terms
        if not self.is_up or (qos and len(self._flight) >= terms.window):
            return False
        whole_topic = self._voice.topic(topic)
        told = beside(payload, self._is_v5)
        if terms.is_too_large(whole_topic, told.payload, told.properties):
            # The broker would hang up, whatever the quality of service.
            if token is not None:
                self._flight.stays(token, TOO_LARGE)
            return True
        sent = self._client.publish(whole_topic, told.payload, qos, properties=told.properties)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            # paho may have queued it all the same; this client will not live to send it.
            return False
        if token is not None:
            self._flight.leaves(sent.mid, token)
        return True

    def take_acks(self) -> list[Ack]:
        """Return what the broker said since the last call, and speak where there is room now."""
        acks = self._flight.landed()
        self._speak()
        return acks

    def _speak(self) -> None:
        """Say what is due now that it is up; it counts in the window, and its answer is no news."""
        if self.is_up and self._voice.is_due and len(self._flight) < self._voice.terms.window:
            packet_id = self._voice.say_due()
            if packet_id:
                self._flight.leaves(packet_id, None, self._voice.then)

    def alive(self) -> bool:
        """Return whether it is up, its thread lives, and the broker answers what it was sent."""
        if not self.is_up:
            return False
        if self._thread is not None and not self._thread.is_alive():
            self._end(0, "the client library's thread died")
        elif why := self._flight.failure:
            self._end(0, why)
        return self.is_up

    def say_stopped(self) -> None:
        """Say what is due, and that the agent stops; wait a little until the broker knows."""
        while self._voice.is_due:
            # An answer must not go with the restart that it is about; after it nothing follows.
            self._voice.say_due()
        said = self._voice.say_status("stopped")
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
        self._let_go()

    def _let_go(self) -> None:
        """Have the client end with us: in a circle, its sockets are open until one is collected."""
        client = self._client
        client.on_connect = client.on_connect_fail = client.on_disconnect = None
        client.on_publish = client.on_log = client.on_message = client.on_subscribe = None
