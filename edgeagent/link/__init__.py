"""What the publisher asks of a way to the broker, and what stands there where there is none."""

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol, Self

from edgeagent.kept import Kept

NOT_AUTHORISED = 135
"""PUBACK reason code 0x87 (MQTT 5.0, section 3.4.2.1): the account's fault, not the message's."""
TOO_LARGE = 149
"""Reason code 0x95, Packet too large; ours, too, for what the broker said it will not take."""


class Payload(bytes):
    """Wire bytes that know what they are: MQTT 5 says so beside them, 3.1.1 says nothing.

    To whoever only stores or carries them they are bytes like any others.
    """

    content_type: str
    """Of RFC 6838, such as ``application/json``."""
    attributes: tuple[tuple[str, str], ...]
    """Goes as user properties."""

    def __new__(
        cls, data: bytes, content_type: str, attributes: tuple[tuple[str, str], ...] = ()
    ) -> Self:
        """Take over ``data``."""
        payload = super().__new__(cls, data)
        payload.content_type, payload.attributes = content_type, attributes
        return payload


class Ack(NamedTuple):
    """What the broker said to one message."""

    token: int
    code: int
    """Reason code of the PUBACK; below 128 the broker has taken the message."""

    @property
    def taken(self) -> bool:
        """Whether the broker has it."""
        return self.code < 128


class Order(NamedTuple):
    """What came on one of the device's own topics ``cmd/NAME``, or on ``cfg/desired``."""

    name: str
    """Last part of the topic: ``look`` of ``cmd/look``."""
    payload: bytes
    retained: bool = False
    """Kept by the broker, perhaps for years, and sent again at each connect."""
    reply_to: str = ""
    """MQTT 5's response topic, whole; empty: below the device's own ``res/``."""
    correlation: bytes = b""
    """MQTT 5's correlation data, given back with the answer."""


Hear = Callable[[Order], None]
"""Takes in an order, in the link's thread: it neither waits nor raises."""
Follow = Callable[[bytes, bool], None]
"""Takes in a payload, and whether it was retained; as `Hear` does."""


class Link(Protocol):
    """One connection at a time to one broker, made again whenever it is lost.

    `publish`, `acknowledged` and `wait` are called by one thread, the publisher's; `wake` and
    `reply` by any.
    """

    @property
    def up(self) -> int:
        """Number of the connection: 0 while there is none, else another one after each connect.

        What was on its way under another number will not be acknowledged: publish it again.
        """
        ...

    def listen(self, orders: Hear | None, desired: Hear | None = None) -> None:
        """Let ``orders`` take in what comes on ``cmd/NAME``, ``desired`` ``cfg/desired``.

        Before `start`. What nobody takes in is not listened to.
        """
        ...

    def follow(self, topic: str, hear: Follow) -> None:
        """Let ``hear`` take in what comes on ``topic``, the whole of it; before `start`."""
        ...

    def keep(self, topic: str, payload: bytes) -> None:
        """Have the broker keep ``payload`` as the latest on ``topic``; any thread, and any time.

        It goes out at QoS 1, retained, as `reply` does, and again at each connect before
        ``online``; the newest wins. Empty: the broker lets go of what it kept.

        Args:
            topic: the whole of it, for it need not be below the device's prefix.
            payload: wire bytes.
        """
        ...

    def kept(self) -> dict[str, bytes]:
        """Return what `keep` was given, by topic; what the broker has let go of is gone."""
        ...

    def greet(self) -> None:
        """Say anew all that is said at a connect; any thread may ask. It goes as `reply` does."""
        ...

    def reply(self, order: Order, payload: bytes) -> bool:
        """Answer ``order``, at QoS 1 and not retained; not kept, and not sent again.

        It takes its place in the window: it goes out when `acknowledged` is next called and there
        is room; whoever waits is woken for that.

        Returns:
            False: there is no connection; who asks again will be answered again.
        """
        ...

    def start(self) -> None:
        """Begin to connect, and go on for ever; returns at once and raises nothing."""
        ...

    def publish(self, topic: str, payload: bytes, token: int | None) -> bool:
        """Send at QoS 1 where there is a ``token`` to acknowledge, else at QoS 0.

        Args:
            topic: below the device's prefix, such as ``evt/door``.
            payload: wire bytes.
            token: comes back in an `Ack`, once, unless the connection is lost before.

        Returns:
            False: not now; there is no connection, or its window is full.
        """
        ...

    def acknowledged(self) -> list[Ack]:
        """Return what the broker said since the last call."""
        ...

    def announce(self) -> None:
        """Say anew what this device is; every connect does so by itself. Any thread may ask.

        It goes out as `reply` does.
        """
        ...

    def wait(self, timeout_s: float) -> None:
        """Return when there is news, `wake` was called, or ``timeout_s`` have passed.

        News: the broker said something, or the connection came or went.
        """
        ...

    def wake(self) -> None:
        """End a `wait`, now or the next one."""
        ...

    def stop(self) -> None:
        """Say ``stopped``, disconnect, end all threads; within 2 s. Twice is safe."""
        ...


class NoLink:
    """The `Link` of an agent without a broker: never up, everything stays in the outbox."""

    def __init__(self) -> None:
        self._news = threading.Event()
        self._kept = Kept()

    @property
    def up(self) -> int:
        """See `Link.up`; always 0."""
        return 0

    def listen(self, orders: Hear | None, desired: Hear | None = None) -> None:
        """See `Link.listen`; nothing will be heard."""

    def follow(self, topic: str, hear: Follow) -> None:
        """See `Link.follow`; nothing will be heard."""

    def keep(self, topic: str, payload: bytes) -> None:
        """See `Link.keep`."""
        self._kept.put(topic, payload)

    def kept(self) -> dict[str, bytes]:
        """See `Link.kept`."""
        return self._kept.all()

    def greet(self) -> None:
        """See `Link.greet`."""

    def reply(self, order: Order, payload: bytes) -> bool:
        """See `Link.reply`; always "not now"."""
        return False

    def start(self) -> None:
        """See `Link.start`."""

    def publish(self, topic: str, payload: bytes, token: int | None) -> bool:
        """See `Link.publish`; always "not now"."""
        return False

    def acknowledged(self) -> list[Ack]:
        """See `Link.acknowledged`."""
        return []

    def announce(self) -> None:
        """See `Link.announce`."""

    def wait(self, timeout_s: float) -> None:
        """See `Link.wait`."""
        self._news.wait(timeout_s)
        self._news.clear()

    def wake(self) -> None:
        """See `Link.wake`."""
        self._news.set()

    def stop(self) -> None:
        """See `Link.stop`."""
