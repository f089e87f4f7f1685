"""CloudEvents 1.0 around our JSON: in one object with it, or beside it where MQTT 5 has room.

"MQTT Protocol Binding for CloudEvents", 1.0.2, section 3: in structured mode the payload is the
event; in binary mode it is the data, each attribute is a user property of its own name, and
``datacontenttype`` is the content type.
"""

from datetime import UTC, datetime

import msgspec

from edgeagent.link import Payload
from edgeagent.wire import json
from edgeagent.wire.bounds import bounded
from edgeagent.wire.fields import Fields

CONTENT_TYPE = "application/cloudevents+json"
SPEC = "1.0"

_encoder = msgspec.json.Encoder()


def structured(source: str, what: str, fields: Fields) -> Payload:
    """Return one object that holds the attributes and, as ``data``, the fields."""
    return _whole(_attributes(source, what, fields), json.encode(what, fields))


def binary(source: str, what: str, fields: Fields) -> Payload:
    """Return the fields in JSON; the attributes go beside it."""
    attributes = _attributes(source, what, fields)
    return Payload(json.encode(what, fields), json.CONTENT_TYPE, tuple(attributes.items()))


def whole(payload: Payload) -> Payload:
    """Return `binary`'s payload in structured mode, for a broker without user properties."""
    return _whole(dict(payload.attributes), payload)


def _whole(attributes: dict[str, str], data: bytes) -> Payload:
    told = {**attributes, "data": msgspec.Raw(data)}
    return Payload(bounded(_encoder.encode(told)), CONTENT_TYPE)


def _attributes(source: str, what: str, fields: Fields) -> dict[str, str]:
    is_event = what == "event"
    attributes = {
        "specversion": SPEC,
        "id": _id(what, fields),
        "source": source,
        "type": f"edgeagent.event.{fields['k']}" if is_event else f"edgeagent.{what}",
    }
    if "cam" in fields:
        attributes["subject"] = fields["cam"]
    if fields.get("tsq"):
        attributes["time"] = _time(fields["ts"])
    return attributes


def _id(what: str, fields: Fields) -> str:
    """Return what is the same for the same message alone, whoever sends it again."""
    if what == "event":
        return f"{fields['boot']}/{fields['seq']}"
    wish = f"{fields['k']}/{fields['id']}/" if what == "answer" else ""
    return f"{what}/{wish}{fields['ts']}"


def _time(wall_ms: int) -> str:
    """Return unix milliseconds as RFC 3339 has them."""
    at = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
