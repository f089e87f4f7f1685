"""What MQTT 5 says beside a payload: what it is, and the attributes that go with it."""

from typing import NamedTuple

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgeagent.link import Payload
from edgeagent.wire import cloudevents


class Told(NamedTuple):
    """A payload, and what goes beside it."""

    payload: bytes
    properties: Properties | None


def beside(payload: bytes, is_v5: bool, packet: int = PacketTypes.PUBLISH) -> Told:
    """Return ``payload`` as it is to be sent, with its properties; for 3.1.1 there are none.

    Attributes that found no room beside go within: the broker knew less than the settings say.

    Args:
        payload: a `Payload`, or bytes of which nothing is known.
        is_v5: the connection is one of MQTT 5.
        packet: ``PUBLISH``, or ``WILLMESSAGE`` in paho's numbering.
    """
    known = payload if isinstance(payload, Payload) else None
    if not is_v5:
        return Told(cloudevents.whole(known) if known and known.attributes else payload, None)
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    if known is not None:
        properties.ContentType = known.content_type
        if known.attributes:
            properties.UserProperty = list(known.attributes)
    return Told(payload, properties)
