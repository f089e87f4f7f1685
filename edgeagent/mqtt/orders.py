"""What is heard of the broker: orders, and other topics that are followed."""

import logging
from collections.abc import Mapping, Sequence

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgeagent.link import Follow, Hear, Order

_log = logging.getLogger(__name__)

ORDERS, DESIRED = "cmd/+", "cfg/desired"
"""What may be listened to, below the device's prefix."""

_CURES = {ORDERS: ", or commands.allow = []", DESIRED: ", or commands.desired = false"}


class Ears:
    """What one connection listens to. Its methods come in paho's thread."""

    def __init__(
        self, prefix: str, hears: Mapping[str, Hear], follows: Mapping[str, Follow]
    ) -> None:
        """Prepare.

        Args:
            prefix: of the device's topics.
            hears: who takes in what is said to the device, by `ORDERS` and `DESIRED`.
            follows: who takes in what comes on another topic, by the whole of it.
        """
        self._prefix, self._hears, self._follows = prefix, hears, follows
        self._asked: dict[int | None, list[str]] = {}

    def open(self, client: Client, is_v5: bool) -> None:
        """Subscribe to everything."""
        topics = [f"{self._prefix}/{place}" for place in self._hears] + list(self._follows)
        if topics:
            self._asked[_subscribe(client, topics, is_v5)] = topics

    def answered(self, packet_id: int, reasons: Sequence[ReasonCode]) -> None:
        """Take in what the broker said to a subscription."""
        for topic, reason in zip(self._asked.pop(packet_id, []), reasons, strict=False):
            if reason.is_failure:
                more = _CURES.get(topic.removeprefix(f"{self._prefix}/"), "")
                _log.warning("the broker does not let us read %s; mend its ACL%s", topic, more)

    def take(self, message: MQTTMessage) -> None:
        """Hand ``message`` to who listens."""
        try:
            if follow := self._follows.get(message.topic):
                follow(bytes(message.payload), bool(message.retain))
            elif hear := self._hears.get(place_of(message.topic, self._prefix)):
                hear(order_of(message))
        except Exception:  # noqa: BLE001  what got out of a callback would end paho's thread
            _log.exception("what came on %s could not be taken in", message.topic)


def _subscribe(client: Client, topics: Sequence[str], is_v5: bool) -> int | None:
    # What is retained is asked for, to be told of; MQTT 5 marks it so when it is not old, too.
    if is_v5:
        how = SubscribeOptions(qos=1, retainAsPublished=True)
        return client.subscribe([(topic, how) for topic in topics])[1]
    return client.subscribe([(topic, 1) for topic in topics])[1]


def place_of(topic: str, prefix: str) -> str:
    """Return where ``topic`` belongs, `ORDERS` or `DESIRED`; "" where it is none of the device's.

    A broker sends what was asked for; whoever believes that does what is written anywhere.
    """
    own, _, rest = topic.partition(f"{prefix}/")
    if own:
        return ""
    folder, _, name = rest.partition("/")
    is_order = folder == "cmd" and name != "" and "/" not in name
    return DESIRED if rest == DESIRED else ORDERS if is_order else ""


def order_of(message: MQTTMessage) -> Order:
    """Return the order that a message is; its name is the topic's last part."""
    properties = message.properties
    return Order(
        message.topic.rpartition("/")[2],
        bytes(message.payload),
        bool(message.retain),
        getattr(properties, "ResponseTopic", ""),
        getattr(properties, "CorrelationData", b""),
    )


def answer_properties(order: Order, beside: Properties | None) -> Properties | None:
    """Return ``beside`` the answer, and the correlation data where the order had any."""
    if beside is not None and order.correlation:
        beside.CorrelationData = order.correlation
    return beside
