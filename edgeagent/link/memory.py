"""A way to a broker that is only played: what is sent stays here, and the broker is the test."""

from collections import deque
from typing import NamedTuple

from edgeagent.link import Ack, Follow, Hear, NoLink, Order


class Sent(NamedTuple):
    """One message that a `MemoryLink` was given."""

    topic: str
    payload: bytes
    token: int | None
    connection: int


class MemoryLink(NoLink):
    """A `Link` to nowhere that answers as it is told: its second half is a broker's.

    It begins without a connection. A message is acknowledged at once, unless `hold` was called.
    """

    def __init__(self, window: int = 100) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        """All that was ever taken, in order."""
        self.replies: list[tuple[Order, bytes]] = []
        """All answers that were ever taken."""
        self._hear: Hear | None = None
        self._hear_desired: Hear | None = None
        self._follows: dict[str, Follow] = {}
        self._window = window
        self._number = 0
        self._is_up = False
        self._is_holding = False
        self._codes: dict[str, int] = {}
        self._open: deque[Sent] = deque()
        self._acks: list[Ack] = []

    @property
    def up(self) -> int:
        """See `Link.up`."""
        return self._number if self._is_up else 0

    def publish(self, topic: str, payload: bytes, token: int | None) -> bool:
        """See `Link.publish`."""
        if not self._is_up or (token is not None and len(self._open) >= self._window):
            return False
        sent = Sent(topic, payload, token, self._number)
        self.sent.append(sent)
        if token is not None:
            self._open.append(sent)
            if not self._is_holding:
                self.answer()
        return True

    def listen(self, orders: Hear | None, desired: Hear | None = None) -> None:
        """See `Link.listen`."""
        self._hear, self._hear_desired = orders, desired

    def follow(self, topic: str, hear: Follow) -> None:
        """See `Link.follow`."""
        self._follows[topic] = hear

    def keep(self, topic: str, payload: bytes) -> None:
        """See `Link.keep`."""
        super().keep(topic, payload)
        self._say_kept({topic: payload})

    def greet(self) -> None:
        """See `Link.greet`."""
        self._say_kept(self._kept.all())

    def _say_kept(self, words: dict[str, bytes]) -> None:
        for topic, payload in words.items() if self._is_up else ():
            self.sent.append(Sent(topic, payload, None, self._number))
            self._kept.answered(topic, payload, self._codes.get(topic, 0))

    def reply(self, order: Order, payload: bytes) -> bool:
        """See `Link.reply`."""
        if self._is_up:
            self.replies.append((order, payload))
        return self._is_up

    def acknowledged(self) -> list[Ack]:
        """See `Link.acknowledged`."""
        acks, self._acks = self._acks, []
        return acks

    def stop(self) -> None:
        """See `Link.stop`."""
        self.go_down()

    # --- the broker's half

    def come_up(self) -> None:
        """Make a connection, ending the one there is."""
        self.go_down()
        self._number += 1
        self._is_up = True
        self.greet()
        self.wake()

    def go_down(self) -> None:
        """Lose the connection, and with it what was not acknowledged."""
        self._is_up = False
        self._open.clear()
        self.wake()

    def order(self, order: Order) -> None:
        """Publish ``order`` to the device, if it is there and listens."""
        if self._is_up and self._hear is not None:
            self._hear(order)

    def desire(self, payload: bytes) -> None:
        """Publish a desired state to the device, if it is there and listens."""
        if self._is_up and self._hear_desired is not None:
            self._hear_desired(Order("desired", payload, retained=True))

    def say(self, topic: str, payload: bytes, retained: bool = False) -> None:
        """Publish on ``topic``, if the device is there and follows it."""
        if self._is_up and topic in self._follows:
            self._follows[topic](payload, retained)

    def hold(self) -> None:
        """Acknowledge nothing until `answer` is called, and then only what was sent by then."""
        self._is_holding = True

    def answer(self, count: int | None = None) -> None:
        """Acknowledge the oldest ``count`` messages that wait for it; all, if not given."""
        for _ in range(len(self._open) if count is None else min(count, len(self._open))):
            sent = self._open.popleft()
            assert sent.token is not None
            self._acks.append(Ack(sent.token, self._codes.get(sent.topic, 0)))
        self.wake()

    def refuse(self, topic: str, code: int) -> None:
        """Answer messages on ``topic`` with a reason code from now on; 0 takes them again."""
        self._codes[topic] = code
