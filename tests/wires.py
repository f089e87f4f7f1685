"""Every message in every encoding, read and judged by strangers' tools."""

import json
from importlib import resources
from typing import Any

from cddl_verifier import Validator
from cddl_verifier.cbor import decode
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator

from edgeagent.link import Payload
from edgeagent.wire.cbor import KEYS
from edgeagent.wire.encodings import encoder
from edgeagent.wire.reading import read

SOURCE = "edge/v1/home/porch-pi"
ENCODINGS = ("json", "cbor", "cloudevents", "cloudevents-binary")
_WIRE = resources.files("edgeagent.wire")
_CDDL = Validator((_WIRE / "messages.cddl").read_text("utf-8"))


def validator(name: str) -> Draft202012Validator:
    """Return what judges JSON messages of one kind."""
    schema = json.loads((_WIRE / f"{name}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def cddl_faults(payload: bytes, what: str) -> tuple[str, ...]:
    """Return what a stranger's validator finds wrong with a message in CBOR."""
    return tuple(_CDDL.validate(bytes(payload), what).errors)


_VALIDATORS = {
    name: validator(name)
    for name in ("event", "status", "info", "stat", "bench", "answer", "reported")
}


def everywhere(what: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return ``fields`` as JSON has them, when all encodings say the same and keep their bounds."""
    told: dict[str, Any] = json.loads(encoder("json", SOURCE)(what, fields))
    _VALIDATORS[what].validate(told)
    for name in ENCODINGS:
        payload = encoder(name, SOURCE)(what, fields)
        assert read(payload) == told, name
        judge(name, what, payload, told)
    return told


def judge(name: str, what: str, payload: Payload, told: dict[str, Any]) -> None:
    """Have a stranger's tool read ``payload``."""
    if name == "cbor":
        assert cddl_faults(payload, what) == ()
        assert {KEYS.get(key, key) for key in told if key != "vt"} == set(decode(payload))
    if name == "cloudevents":
        cloud = JSONFormat().read(CloudEvent, payload)
        assert cloud.get_data() == told
        assert cloud.get_source() == SOURCE
    if name == "cloudevents-binary":
        # The SDK knows no MQTT: HTTP's binary mode is the same, with a prefix before the names.
        beside = {f"ce-{key}": value for key, value in payload.attributes}
        message = HTTPMessage({**beside, "content-type": payload.content_type}, bytes(payload))
        cloud = from_binary(message, JSONFormat(), CloudEvent)
        assert cloud.get_data() == told
        assert cloud.get_datacontenttype() == "application/json"
