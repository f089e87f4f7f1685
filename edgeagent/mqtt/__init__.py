"""The link to the broker: one connection after another, with back-off and jitter, for ever."""

import logging
import random
import threading
import time
from collections.abc import Callable

import msgspec

from edgeagent.config import MqttConfig
from edgeagent.errors import CredentialError
from edgeagent.findings import Notice
from edgeagent.kept import Kept
from edgeagent.link import Ack, Follow, Hear, Order
from edgeagent.mqtt.backoff import Backoff
from edgeagent.mqtt.client import Words
from edgeagent.mqtt.connection import STOP_S, Connection
from edgeagent.mqtt.orders import DESIRED, ORDERS, Ears
from edgeagent.mqtt.reasons import RETAIN_NOT_SUPPORTED, UNSUPPORTED_VERSION
from edgeagent.mqtt.rival import Rival

_log = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often the link's thread looks whether its connection is still alive."""
DEAF_S = 3600.0
"""How long nothing is listened to after a message that was far too large: the broker, which keeps
it, would hand it out at each connect."""

__all__ = ["MqttLink", "Words"]


class MqttLink:
    """See `Link`. One thread of its own, ``link``, makes the connection again and again."""

    def __init__(
        self,
        config: MqttConfig,
        words: Words,
        tell: Callable[[Notice], None],
        draw: Callable[[float, float], float] = random.uniform,
        deaf_s: float = DEAF_S,
    ) -> None:
        """Remember all that a connection takes; `start` begins.

        Args:
            config: the ``[mqtt]`` table; ``host`` is not empty.
            words: what is said for the device itself.
            tell: hears of ``lost`` and ``back``, once each way, in the link's thread.
            draw: picks each wait between its bounds.
            deaf_s: see `DEAF_S`.
        """
        self._config, self._words, self._tell = config, words, tell
        self._rival = Rival(words.client_id)
        self._stop = threading.Event()
        self._changed = threading.Event()
        self._connection: Connection | None = None
        self._hears: dict[str, Hear] = {}
        self._follows: dict[str, Follow] = {}
        self._kept = Kept()
        self._number = 0
        self._backoff = Backoff(config.backoff_max_s, draw)
        self._is_lost = False
        self._deaf_s, self._deaf_until_s = deaf_s, float("-inf")
        self._thread = threading.Thread(target=self._live, name="link", daemon=True)

    @property
    def up(self) -> int:
        """See `Link.up`."""
        connection = self._connection
        return self._number if connection is not None and connection.is_up else 0

    def listen(self, orders: Hear | None, desired: Hear | None = None) -> None:
        """See `Link.listen`."""
        hears = {ORDERS: orders, DESIRED: desired}
        self._hears = {topic: hear for topic, hear in hears.items() if hear is not None}

    def follow(self, topic: str, hear: Follow) -> None:
        """See `Link.follow`."""
        self._follows[topic] = hear

    def keep(self, topic: str, payload: bytes) -> None:
        """See `Link.keep`."""
        self._kept.put(topic, payload)
        connection = self._connection
        if connection is not None:
            connection.say_kept(topic)

    def kept(self) -> dict[str, bytes]:
        """See `Link.kept`."""
        return self._kept.all()

    def greet(self) -> None:
        """See `Link.greet`."""
        connection = self._connection
        if connection is not None and connection.is_up:
            connection.greet()

    def reply(self, order: Order, payload: bytes) -> bool:
        """See `Link.reply`."""
        connection = self._connection
        return connection is not None and connection.reply(order, payload)

    def start(self) -> None:
        """See `Link.start`."""
        self._thread.start()

    def publish(self, topic: str, payload: bytes, token: int | None) -> bool:
        """See `Link.publish`."""
        connection = self._connection
        return connection is not None and connection.publish(topic, payload, token)

    def acknowledged(self) -> list[Ack]:
        """See `Link.acknowledged`."""
        connection = self._connection
        return connection.take_acks() if connection is not None else []

    def announce(self) -> None:
        """See `Link.announce`."""
        connection = self._connection
        if connection is not None:
            connection.say_info()

    def wait(self, timeout_s: float) -> None:
        """See `Link.wait`."""
        self._changed.wait(timeout_s)
        self._changed.clear()

    def wake(self) -> None:
        """See `Link.wake`."""
        self._changed.set()

    def stop(self) -> None:
        """See `Link.stop`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * STOP_S)

    def _live(self) -> None:
        while not self._stop.is_set():
            began_s = time.monotonic()
            why, code, was_cut = self._connect_and_stay()
            if self._stop.is_set():
                return
            lasted_s = time.monotonic() - began_s
            self._say_lost(why + self._rival.suspected(was_cut, lasted_s) + self._fall_back(code))
            self._stop.wait(self._backoff.wait_s(lasted_s, code))

    def _connect_and_stay(self) -> tuple[str, int, bool]:
        """Hold one connection until it ends; return why, the reason code, and `was_cut`."""
        is_deaf = time.monotonic() < self._deaf_until_s
        try:
            connection = self._connect(is_deaf)
        except (CredentialError, ValueError, OSError) as error:
            return str(error), 0, False
        self._connection, self._number = connection, self._number + 1
        connection.settled.wait(self._config.connect_s)
        if connection.is_up:
            self._say_back()
        elif not connection.why:
            connection.why = f"no answer within {self._config.connect_s:g} s"
        while connection.alive() and not self._stop.wait(LOOK_S):
            if is_deaf and time.monotonic() >= self._deaf_until_s:
                is_deaf = False
                connection.listen(self._ears())
        if self._stop.is_set() and connection.is_up:
            connection.say_stopped()
        connection.drop()
        self.wake()
        why = connection.why + self._deafen(connection.too_large_bytes)
        return why, connection.code, connection.was_cut

    def _deafen(self, too_large_bytes: int) -> str:
        """Listen to nothing for a while, where a message would end each connection."""
        if not too_large_bytes:
            return ""
        self._deaf_until_s = time.monotonic() + self._deaf_s
        return f"; nothing is listened to for {self._deaf_s:.0f} s: clear what is retained for us"

    def _connect(self, is_deaf: bool) -> Connection:
        ears = None if is_deaf else self._ears()
        return Connection(self._config, self._words, self._changed.set, ears, self._kept)

    def _ears(self) -> Ears:
        return Ears(self._words.prefix, self._hears, self._follows)

    def _fall_back(self, code: int) -> str:
        """Go on with what the broker knows where it refused more; return what to say of it."""
        if code == UNSUPPORTED_VERSION and self._config.protocol == "5":
            self._config = msgspec.structs.replace(self._config, protocol="3.1.1")
            return "; MQTT 3.1.1 is tried"
        if code == RETAIN_NOT_SUPPORTED and self._config.retain:
            self._config = msgspec.structs.replace(self._config, retain=False)
            return "; nothing is retained from now on"
        return ""

    def _say_lost(self, why: str) -> None:
        _log.info("link: %s", why)
        if not self._is_lost:
            self._is_lost = True
            self._tell(Notice("link", "lost", why))

    def _say_back(self) -> None:
        if self._is_lost:
            self._is_lost = False
            self._tell(Notice("link", "back", f"connected to {self._config.host}"))
