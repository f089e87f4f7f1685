"""Orders as paho hands them over, and what MQTT 5 adds to an answer."""

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgeagent.link import Order


def subscribe(client: Client, topic: str, is_v5: bool) -> None:
    """Ask for all orders, at QoS 1."""
    # What is retained is asked for, to be told of; MQTT 5 marks it so when it is not old, too.
    if is_v5:
        client.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=True))
    else:
        client.subscribe(topic, qos=1)


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
