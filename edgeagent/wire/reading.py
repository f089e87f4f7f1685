"""A message as it arrived, in any encoding, to its fields as JSON has them; for people's tools.

The first byte tells: that of a CBOR map can begin no text. Attributes of CloudEvents are left out.
"""

import json

from edgeagent.wire.bounds import PAYLOAD_MAX_BYTES
from edgeagent.wire.fields import Fields

_MAP = 5
"""CBOR's major type of a map: the upper three bits of its first byte."""


def read(payload: bytes) -> Fields:
    """Return the fields.

    Raises:
        ValueError: it is no message of ours, or none that can be read with what is installed.
    """
    if not 0 < len(payload) <= PAYLOAD_MAX_BYTES:
        raise ValueError(f"{len(payload)} bytes are no message of ours")
    if payload[0] >> 5 == _MAP:
        # Here alone, for only those who use it pay for it.
        from edgeagent.wire import cbor

        return cbor.decode(payload)
    try:
        told = json.loads(payload)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if isinstance(told, dict) and "specversion" in told:
        told = told.get("data")
    if not isinstance(told, dict):
        raise ValueError("it is no object")
    return told
