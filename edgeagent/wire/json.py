"""JSON, the encoding that rules engines read: short keys, no spaces, bytes in base64."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from edgeagent.clock import Clock
from edgeagent.event import Event
from edgeagent.identity import Identity
from edgeagent.link import Payload
from edgeagent.wire import device as says
from edgeagent.wire.bounds import bounded
from edgeagent.wire.fields import Fields, event_fields

CONTENT_TYPE = "application/json"

_encoder = msgspec.json.Encoder()


def encode(_what: str, fields: Fields) -> Payload:
    """Return the payload; see `encodings.Encode`."""
    return Payload(bounded(_encoder.encode(fields)), CONTENT_TYPE)


def to_json(
    event: Event,
    identity: Identity,
    clock: Clock,
    kernel: str,
    hist: bool = False,
    ahead_ms: Mapping[str, int] = MappingProxyType({}),
) -> bytes:
    """Return `fields.event_fields` in JSON.

    Raises:
        ValueError: it would be larger than ``PAYLOAD_MAX_BYTES``, or holds too large a vector.
    """
    return encode("event", event_fields(event, identity, clock, kernel, hist, ahead_ms))


def answer_json(device: str, name: str, wish: str, told: Mapping[str, Any], wall_ms: int) -> bytes:
    """Return `device.answer_fields` in JSON."""
    return encode("answer", says.answer_fields(device, name, wish, told, wall_ms))
