"""Drains the outbox into the link: live first, the backlog at a capped rate, each at least once."""

import logging
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

from edgeagent import event
from edgeagent.clock import Clock
from edgeagent.config import MqttConfig
from edgeagent.health import Health
from edgeagent.identity import Identity
from edgeagent.link import NOT_AUTHORISED, TOO_LARGE, Ack, Link
from edgeagent.outbox import Letter, Outbox
from edgeagent.publisher.lanes import Lanes, Parcel
from edgeagent.wire import json
from edgeagent.wire.encodings import Encode as Encoding
from edgeagent.wire.fields import event_fields

_log = logging.getLogger(__name__)

PART = "publisher"
"""Its name in health."""
IDLE_S = 1.0
"""Longest wait with nothing to do: the outbox's tick and ``stat`` are not finer than that."""
TRIES = 3
"""A message the broker refused so often, for a reason of its own, is given up and announced."""
RETRY_S = 1.0
"""A refused message waits so long before the second try, and twice that before the third."""
PATIENCE_S = 1.0
"""What the account may not publish is tried again after so long, and then doubling."""
PATIENCE_MAX_S = 60.0
PASSED_MAX = 1000
"""Most letters for denied topics that one `Publisher.step` passes over."""
QUOTA_EXCEEDED = 151
"""PUBACK reason code 0x97 (MQTT 5.0, 3.4.2.1): like `NOT_AUTHORISED`, not the message's fault."""

Encode = Callable[[Letter, bool], tuple[str, bytes]]
"""Turns a letter, and whether it is from the backlog, into a topic below the device and bytes."""


def letters(
    outbox: Outbox,
    device: str,
    clock: Clock,
    kernel: str,
    ahead_ms: Mapping[str, int] = MappingProxyType({}),
    encoding: Encoding = json.encode,
) -> Encode:
    """Return how letters are encoded; see `wire.fields.event_fields`."""

    def encode(letter: Letter, hist: bool) -> tuple[str, bytes]:
        told = event.decode(letter.record)
        identity = Identity(device, letter.boot, letter.seq, outbox.low(letter.boot))
        fields = event_fields(told, identity, clock, kernel, hist, ahead_ms)
        return event.topic_of(told), encoding("event", fields)

    return encode


class Publisher:
    """The only reader of the outbox and the only user of the link; one thread's own."""

    def __init__(
        self,
        outbox: Outbox,
        link: Link,
        encode: Encode,
        clock: Clock,
        config: MqttConfig,
        health: Health,
        stat: Callable[[], bytes] | None = None,
        stat_s: float = 60.0,
    ) -> None:
        """Prepare; `run` works.

        Args:
            outbox: what is to be sent; wakes the link at every put.
            link: to the broker; started and stopped by others.
            encode: may raise on a record that cannot be sent; it is then given up and announced.
            clock: for all waiting.
            config: ``inflight`` and ``backlog_per_s``.
            health: is told counts, the depth of the outbox, and a refused account.
            stat: the payload of ``stat``, sent at QoS 0; None sends none.
            stat_s: how often; 0 never.
        """
        self._outbox, self._link, self._encode = outbox, link, encode
        self._clock, self._config, self._health = clock, config, health
        self._stat, self._stat_s, self._stat_due_s = stat, stat_s, clock.mono_s()
        self._next_config: MqttConfig | None = None
        self._lanes = Lanes(outbox, config)
        self._flight: dict[int, Parcel] = {}
        self._token = 0
        self._passed = 0
        self._up = 0
        self._denied: set[str] = set()
        self._patience_s = PATIENCE_S
        self._again_s: float | None = None
        self._is_draining = False
        outbox.listen(link.wake)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; set it, then wake the link."""
        while not stop.is_set():
            self._health.busy(PART, self._clock.mono_s())
            self.step()
            self._health.rests(PART)
            self._link.wait(self._pause_s())

    def drain(self, limit_s: float) -> bool:
        """Send what is stored, after `run`; return whether all is acknowledged within the limit."""
        end_s = self._clock.mono_s() + limit_s
        self._is_draining = True
        self.step()
        while self._outbox.depth and self._up and self._clock.mono_s() < end_s:
            self._link.wait(0.05)
            self.step()
        self._is_draining = False
        return self._outbox.depth == 0

    def retune(self, config: MqttConfig, stat_s: float | None = None) -> None:
        """Take over the live settings; any thread may ask."""
        self._stat_s = self._stat_s if stat_s is None else stat_s
        self._next_config = config

    def step(self) -> None:
        """Do all that can be done now, without waiting for the broker."""
        if self._next_config is not None:
            self._config, self._next_config = self._next_config, None
            self._lanes.retune(self._config)
        self._settle()
        self._follow()
        if self._up:
            self._send()
            self._say_due_stat()
        self._outbox.tick()
        self._tell_health()

    def _tell_health(self) -> None:
        self._health.gauge("outbox_depth", self._outbox.depth)
        self._health.gauge("outbox_bytes", self._outbox.bytes)
        self._health.gauge("outbox_lost", self._outbox.lost)
        self._health.gauge("outbox_written_bytes", self._outbox.written_bytes)
        if self._outbox.fault:
            self._health.fault("outbox", self._outbox.fault)
        else:
            self._health.well("outbox")

    def _pause_s(self) -> float:
        if not self._up:
            return IDLE_S
        if self._lanes.waiting or self._again_s is not None:
            return 0.2
        is_paced = self._lanes.is_paced and self._has_room()
        return min(self._lanes.pause_s, IDLE_S) if is_paced else IDLE_S

    def _has_room(self) -> bool:
        return len(self._flight) + self._lanes.waiting < self._config.inflight

    # --- what came back

    def _settle(self) -> None:
        taken = []
        for ack in self._link.acknowledged():
            parcel = self._flight.pop(ack.token, None)
            if parcel is None:
                continue
            if ack.taken:
                taken.append(parcel.letter)
            else:
                self._turned_down(parcel, ack)
        if taken:
            self._outbox.ack(taken)
            self._health.count("puback_total", len(taken))
            if self._again_s is None:
                self._health.well(PART)

    def _turned_down(self, parcel: Parcel, ack: Ack) -> None:
        if ack.code in (NOT_AUTHORISED, QUOTA_EXCEEDED):
            self._deny(parcel.topic, ack.code)
        elif ack.code == TOO_LARGE or parcel.tries + 1 >= TRIES:
            self._give_up(parcel, f"the broker refused it with reason code {ack.code}")
        else:
            self._lanes.retry(parcel, self._clock.mono_s() + RETRY_S * (parcel.tries + 1))

    def _give_up(self, parcel: Parcel, why: str) -> None:
        letter = parcel.letter
        _log.warning("event %s/%d is given up: %s", letter.boot, letter.seq, why)
        self._health.count("refused_total")
        self._outbox.refuse(letter)

    def _deny(self, topic: str, code: int) -> None:
        """Keep what goes to ``topic`` in the outbox, and come by it again when patience is over."""
        self._denied.add(topic)
        self._health.count("denied_total")
        if self._again_s is None:
            self._again_s = self._clock.mono_s() + self._patience_s
            self._patience_s = min(2 * self._patience_s, PATIENCE_MAX_S)
            why = f"the broker does not take {topic} from us (reason code {code}); mend its ACL"
            self._health.fault(PART, why)

    def _follow(self) -> None:
        """Begin anew where the connection is another one, or what was denied is due again."""
        up = self._link.up
        if up != self._up:
            self._up = up
            self._flight.clear()
            self._lanes.forget_retries()
            self._patience_s = PATIENCE_S
        elif self._again_s is None or self._clock.mono_s() < self._again_s:
            return
        self._again_s = None
        self._denied.clear()
        self._lanes.rewind()

    # --- what goes out

    def _send(self) -> None:
        is_capped = not self._is_draining
        passed = self._passed
        while self._has_room() and self._passed - passed < PASSED_MAX:
            parcel = self._lanes.next(self._clock.mono_s(), self._flight.values(), is_capped)
            if parcel is None or not self._dispatch(parcel):
                return

    def _dispatch(self, parcel: Parcel) -> bool:
        """Hand one letter to the link; return whether the next may follow."""
        try:
            topic, payload = self._encode(parcel.letter, parcel.hist)
        except Exception as error:  # noqa: BLE001  one bad record must not hold up all others
            self._give_up(parcel, f"it cannot be encoded: {error}")
            return True
        if topic in self._denied:
            self._passed += 1
            return True
        self._token += 1
        if not self._link.publish(topic, payload, self._token):
            self._lanes.put_back(parcel)
            return False
        self._flight[self._token] = parcel._replace(topic=topic)
        self._health.count("published_total")
        return True

    def _say_due_stat(self) -> None:
        now_s = self._clock.mono_s()
        if self._stat_s > 0 and now_s >= self._stat_due_s:
            self._stat_due_s = now_s + self._stat_s
            self.say_stat()

    def say_stat_soon(self) -> None:
        """Have the counters published at the next `step`; any thread may ask."""
        self._stat_due_s = self._clock.mono_s()
        self._link.wake()

    def say_stat(self) -> None:
        """Publish the counters now, as at a clean stop."""
        if self._stat is not None:
            self._link.publish("stat", self._stat(), None)
