"""Orders as paho hands them over, and what MQTT 5 adds to an answer."""

from collections.abc import Iterable

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgeagent.link import Order

ORDERS, DESIRED = "cmd/+", "cfg/desired"
"""What may be listened to, below the device's prefix."""


def subscribe(client: Client, topics: Iterable[str], is_v5: bool) -> None:
    """Ask for all that comes on ``topics``, at QoS 1."""
    # What is retained is asked for, to be told of; MQTT 5 marks it so when it is not old, too.
    if is_v5:
        how = SubscribeOptions(qos=1, retainAsPublished=True)
        client.subscribe([(topic, how) for topic in topics])
    else:
        client.subscribe([(topic, 1) for topic in topics])


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
