"""The messages on their way on one connection, and what the broker has said to each."""

import time
from collections import deque
from collections.abc import Callable

from edgeagent.link import Ack

ACK_S = 30.0
"""An answer that is due, and not there for so long, will not come any more."""
TOO_FAST = "some brokers drop what comes too fast; see mqtt.profile and mqtt.backlog_per_s"


class Flight:
    """All by the publisher's thread, but for `answered`, which is the client library's."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._tokens: dict[int, int | None] = {}
        self._thens: dict[int, Callable[[int], None]] = {}
        self._acks: list[Ack] = []
        self._answers: deque[tuple[int, int]] = deque()
        self._heard_s = now_s()
        self._passed_s: float | None = None

    def __len__(self) -> int:
        """Return how many are on their way."""
        return len(self._tokens)

    def leaves(
        self, packet_id: int, token: int | None, then: Callable[[int], None] | None = None
    ) -> None:
        """Note what was sent; what has no ``token`` counts in the window, and is no news.

        Args:
            packet_id: of the message.
            token: see `Link.publish`.
            then: hears the reason code, when `landed` is called.
        """
        if not self._tokens:
            self._heard_s = self._now_s()
        self._tokens[packet_id] = token
        if then is not None:
            self._thens[packet_id] = then

    def stays(self, token: int, code: int) -> None:
        """Note what was not sent for ``code``, as if the broker had said so."""
        self._acks.append(Ack(token, code))

    def answered(self, packet_id: int, code: int) -> None:
        """Take in what the broker said; any thread, and without a lock."""
        self._answers.append((packet_id, code))

    def heard(self) -> None:
        """Note that the broker lives."""
        self._heard_s = self._now_s()

    def landed(self) -> list[Ack]:
        """Return what the broker said since the last call."""
        acks, self._acks = self._acks, []
        while self._answers:
            packet_id, code = self._answers.popleft()
            self._look_for_gap(packet_id)
            token = self._tokens.pop(packet_id, None)
            if then := self._thens.pop(packet_id, None):
                then(code)
            if token is not None:
                acks.append(Ack(token, code))
        return acks

    def _look_for_gap(self, packet_id: int) -> None:
        """Note since when later messages have been answered, and the oldest has not."""
        if packet_id == next(iter(self._tokens), None):
            self._passed_s = None
        elif packet_id in self._tokens and self._passed_s is None:
            self._passed_s = self._now_s()

    @property
    def failure(self) -> str:
        """Why the connection is of no more use, "" while it is."""
        if self.silent_s > ACK_S:
            return f"no acknowledgement for {ACK_S:g} s; the line is dead, or {TOO_FAST}"
        if self.passed_over_s > ACK_S:
            return f"later messages were acknowledged, one was not for {ACK_S:g} s; {TOO_FAST}"
        return ""

    @property
    def silent_s(self) -> float:
        """How long something has been on its way with no word from the broker at all."""
        return self._now_s() - self._heard_s if self._tokens else 0.0

    @property
    def passed_over_s(self) -> float:
        """How long the oldest has been without an answer since a later one had its own.

        Answers come in the order of the messages [MQTT-4.6.0-2], but for brokers that discard
        without a word what comes too fast (AWS IoT Core does): without this it would hold its
        place in the window until the connection ends.
        """
        return 0.0 if self._passed_s is None else self._now_s() - self._passed_s
