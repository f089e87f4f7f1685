"""Which encoding the settings name."""

from collections.abc import Callable
from functools import partial

from edgeagent.link import Payload
from edgeagent.wire import cloudevents, json
from edgeagent.wire.fields import Fields

Encode = Callable[[str, Fields], Payload]
"""Turns what is said (``event status info stat state bench answer reported``) into wire bytes.

Raises:
    ValueError: they would be larger than ``bounds.PAYLOAD_MAX_BYTES``.
"""


def encoder(name: str, source: str) -> Encode:
    """Return the encoding that ``mqtt.encoding`` names.

    Args:
        name: ``json``, ``cbor``, ``cloudevents`` or ``cloudevents-binary``.
        source: who says it, in CloudEvents: the prefix of the device's topics, filled in.
    """
    if name == "cbor":
        # Here alone, for only those who use it pay for it.
        from edgeagent.wire import cbor

        return cbor.encode
    if name == "cloudevents":
        return partial(cloudevents.structured, source)
    if name == "cloudevents-binary":
        return partial(cloudevents.binary, source)
    return json.encode
