"""CBOR for metered links: numbers for names, and bytes as bytes (RFC 8949, tags of RFC 8746).

A vector, a grid and a row of boxes are typed arrays. A fraction goes as the narrowest float that
gives back its decimals when it is rounded to as many: three, but for ``area``, which has four.
"""

import base64
import struct
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Any

import cbor2

from edgeagent.link import Payload
from edgeagent.wire.bounds import bounded
from edgeagent.wire.fields import Fields

CONTENT_TYPE = "application/cbor"
KEYS: Mapping[str, int] = MappingProxyType(
    {
        "v": 0, "ts": 1, "seq": 2, "boot": 3, "model": 4, "eng": 5, "inf": 6, "mot": 7, "cls": 8,
        "box": 9, "vec": 10, "scale": 11, "zp": 12, "tsq": 13, "age": 14, "hist": 15, "hard": 16,
        "trk": 17, "k": 18, "cam": 19, "why": 20, "from": 21, "to": 22, "prev": 23, "low": 24,
        "mono": 25, "kb": 26, "dev": 27, "zone": 28, "n": 29, "line": 30, "dur": 31, "per": 32,
        "zn": 33, "ln": 34, "name": 35, "of": 36, "crop": 37,
    }
)  # fmt: skip
"""Names of a message's own fields, and their numbers; those that are not here go as text."""
MOTION_KEYS: Mapping[str, int] = MappingProxyType(
    {"ph": 0, "area": 1, "c": 2, "dir": 3, "v": 4, "dur": 5, "grid": 6}
)
"""The same, within ``mot``."""
U8, U16_LE, S8, F32_LE = 64, 69, 72, 85
"""Tags of typed arrays (RFC 8746, section 2.1)."""
VALUE_TAGS: Mapping[str, int] = MappingProxyType({"u8": U8, "s8": S8, "f32": F32_LE})
"""By ``vt``, which the tag replaces."""
EDGE = 65535
"""A box's edge at the right or the bottom of the frame; as u16 it is finer than four decimals."""
DECIMALS = 3
DECIMALS_OF: Mapping[str, int] = MappingProxyType({"area": 4})
EXACT = frozenset({"scale"})
F32_MAX = 3.4e38
DEPTH = 8
"""Deeper than any message of ours is nested."""

_NAMES = {key: name for name, key in KEYS.items()}
_MOTION_NAMES = {key: name for name, key in MOTION_KEYS.items()}
_VALUE_NAMES = {tag: name for name, tag in VALUE_TAGS.items()}


def encode(_what: str, fields: Fields) -> Payload:
    """Return the payload; see `encodings.Encode`."""
    packed = {KEYS.get(name, name): _packed(name, value, fields) for name, value in fields.items()
              if name != "vt"}  # fmt: skip
    return Payload(bounded(cbor2.dumps(packed, canonical=True)), CONTENT_TYPE)


def _packed(name: str, value: Any, fields: Fields) -> Any:  # noqa: ANN401
    if name == "vec":
        return cbor2.CBORTag(VALUE_TAGS[fields["vt"]], value)
    if name == "box":
        edges = [round(edge * EDGE) for box in value for edge in box]
        return cbor2.CBORTag(U16_LE, struct.pack(f"<{len(edges)}H", *edges))
    if name == "mot":
        return {MOTION_KEYS[part]: _plain(part, one) for part, one in value.items()}
    return _plain(name, value)


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float) and name not in EXACT:
        return narrowest(value, DECIMALS_OF.get(name, DECIMALS))
    if isinstance(value, bytes):
        return cbor2.CBORTag(U8, value)
    if isinstance(value, Mapping):
        return {key: _plain("", one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain("", one) for one in value]
    return value


def narrowest(value: float, decimals: int) -> float:
    """Return the number of 16, else of 32 bits that is ``value`` when rounded; else ``value``."""
    for width in "ef":
        try:
            (narrow,) = struct.unpack(width, struct.pack(width, value))
        except OverflowError:
            continue
        if round(narrow, decimals) == value:
            return float(narrow)
    return value


# --- the way back, from strangers, too


def _refuse(_value: object, _immutable: bool) -> object:
    raise ValueError("a tag that is none of ours")


_REFUSED = dict.fromkeys([*range(U8), 100, 256, 258, 260, 261, 1004, 43000, 55799], _refuse)
"""All that cbor2 would make an object of, or share: a stranger could have it work for hours."""


def decode(payload: bytes) -> Fields:
    """Return the fields that ``payload`` holds, as JSON would have them: bytes in base64.

    Raises:
        ValueError: it is no message of ours.
    """
    try:
        packed = cbor2.loads(
            payload, max_depth=DEPTH, allow_indefinite=False, semantic_decoders=_REFUSED
        )
    except cbor2.CBORError as error:
        raise ValueError(f"it is not CBOR of ours: {error}") from error
    if not isinstance(packed, dict):
        raise ValueError("it is no map")
    fields: Fields = {}
    for key, value in packed.items():
        fields |= _unpacked(_NAMES.get(key, str(key)), value)
    return fields


def _unpacked(name: str, value: Any) -> Fields:  # noqa: ANN401
    if name == "vec":
        tag, values = _array(value, _VALUE_NAMES)
        return {"vec": _base64(values), "vt": _VALUE_NAMES[tag]}
    if name == "box":
        return {"box": _boxes(_array(value, (U16_LE,))[1])}
    if name == "mot" and isinstance(value, dict):
        parts = {_MOTION_NAMES.get(part, str(part)): one for part, one in value.items()}
        return {"mot": {part: _read(part, one) for part, one in parts.items()}}
    return {name: _read(name, value)}


def _array(value: object, tags: Container[int]) -> tuple[int, bytes]:
    if isinstance(value, cbor2.CBORTag) and value.tag in tags and isinstance(value.value, bytes):
        return value.tag, value.value
    raise ValueError("no typed array where one belongs")


def _boxes(edges: bytes) -> list[list[float]]:
    count = len(edges) // 8
    rows = struct.iter_unpack("<4H", edges[: 8 * count])
    return [[round(edge / EDGE, 4) for edge in row] for row in rows]


def _read(name: str, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float):
        return value if name in EXACT else _rounded(value, DECIMALS_OF.get(name, DECIMALS))
    if isinstance(value, dict):
        return {str(key): _read("", one) for key, one in value.items()}
    if isinstance(value, list):
        return [_read("", one) for one in value]
    if isinstance(value, str | int):
        return value
    return _base64(_array(value, (U8,))[1])


def _rounded(value: float, decimals: int) -> float:
    """Return what `narrowest` was given: what takes 64 bits went as it was."""
    (narrow,) = struct.unpack("f", struct.pack("f", value)) if abs(value) < F32_MAX else (None,)
    return round(value, decimals) if narrow == value else value


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
