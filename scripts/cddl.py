"""The JSON Schemas of the wire, said in CDDL (RFC 8610) of what CBOR makes of them.

Bounds are the schemas' own; texts are bounded in bytes, four for a character. What one field
demands of another (a gap has its range) CDDL cannot say shortly, and the schemas alone do.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from edgeagent.wire.cbor import KEYS, MOTION_KEYS
from edgeagent.wire.fields import FINDINGS_MAX, VECTOR_MAX

MESSAGES = ("event", "status", "info", "stat", "bench", "answer", "reported")
UTF8_BYTES = 4
"""The most that a character takes."""
UINT_MAX = (1 << 64) - 1
HEAD = """\
; What edgeagent sends in CBOR, made by scripts/cddl from the JSON Schemas in this folder.
; A number for a name is the message's own; what is within a value keeps its names, but for motion.
; A number with a fraction is to be rounded to three decimals (area: four) but for scale. A row of
; boxes is left, top, right, bottom of one after the other, in 65535ths of the frame.
; What one field demands of another (a gap has from and to) stands in the schemas.

message = event / status / info / stat / bench / answer / reported
"""

Schema = Mapping[str, Any]

TYPED = {
    "vec": f"#6.64(bstr .size (0..{VECTOR_MAX})) / #6.72(bstr .size (0..{VECTOR_MAX}))"
    f" / #6.85(bstr .size (0..{4 * VECTOR_MAX}))",
    "box": f"#6.69(bstr .size (8..{8 * FINDINGS_MAX}))",
    "grid": "#6.64(bstr .size 48)",
}
"""Typed arrays (RFC 8746), which are no text and no lists of numbers."""


def cddl() -> str:
    """Return the whole file."""
    return HEAD + "".join(f"\n{rule}\n" for name in MESSAGES for rule in _rules(name))


def _rules(name: str) -> Iterator[str]:
    text = (resources.files("edgeagent.wire") / f"{name}.schema.json").read_text("utf-8")
    schema = json.loads(text)
    yield f"; {schema['title']}\n{name} = {_map(schema, KEYS, schema)}"
    if "mot" in schema["properties"]:
        yield f"motion = {_map(schema['properties']['mot'], MOTION_KEYS, schema)}"


def _map(schema: Schema, keys: Mapping[str, int], root: Schema) -> str:
    lines = [
        _member(name, part, keys, name in schema.get("required", ()), root)
        for name, part in schema["properties"].items()
        if name != "vt"
    ]
    return "{\n" + "\n".join(lines) + "\n}"


def _member(name: str, part: Schema, keys: Mapping[str, int], due: bool, root: Schema) -> str:
    key, told = (str(keys[name]), name) if name in keys else (f'"{name}"', "")
    notes = ": ".join(filter(None, [told, _note(name, part)]))
    kind = "motion" if name == "mot" else _type(part, root)
    if keys and name in keys and name in TYPED:
        kind = TYPED[name]
    return f"  {'' if due else '? '}{key} => {kind}," + (f" ; {notes}" if notes else "")


def _note(name: str, part: Schema) -> str:
    return "" if name in TYPED else str(part.get("description", ""))


def _type(part: Schema, root: Schema) -> str:
    if "$ref" in part:
        return _type(root["$defs"][part["$ref"].rpartition("/")[2]], root)
    if "const" in part or "enum" in part:
        return " / ".join(json.dumps(one) for one in part.get("enum", [part.get("const")]))
    if "anyOf" in part:
        return " / ".join(_type(one, root) for one in part["anyOf"])
    makes = {"string": _text, "integer": _whole, "number": _number}
    if part["type"] in makes:
        return makes[part["type"]](part)
    if part["type"] == "boolean":
        return "bool"
    return _array(part, root) if part["type"] == "array" else _object(part, root)


def _text(part: Schema) -> str:
    most, pattern = part.get("maxLength"), part.get("pattern")
    if pattern is None:
        return "tstr" if most is None else f"tstr .size (0..{UTF8_BYTES * most})"
    # A pattern of ours has no character of more than a byte; CDDL's are anchored by themselves.
    told = f"tstr .regexp {json.dumps(pattern.strip('^$'))}"
    return told if most is None else f"(tstr .size (0..{most})) .and ({told})"


def _whole(part: Schema) -> str:
    if "maximum" not in part:
        return f"{part['minimum']}..{UINT_MAX}" if part.get("minimum") else "uint"
    return f"{part['minimum']}..{part['maximum']}"


def _number(part: Schema) -> str:
    if "maximum" not in part:
        return "number"
    least, most = part["minimum"], part["maximum"]
    return f"{int(least)}..{int(most)} / {float(least)}..{float(most)}"


def _array(part: Schema, root: Schema) -> str:
    if "prefixItems" in part:
        return "[" + ", ".join(_type(one, root) for one in part["prefixItems"]) + "]"
    least, most = part.get("minItems", 0), part.get("maxItems", "")
    return f"[{least}*{most} {_grouped(_type(part['items'], root))}]"


def _grouped(kind: str) -> str:
    return f"({kind})" if " / " in kind and not kind.startswith(("[", "{")) else kind


def _object(part: Schema, root: Schema) -> str:
    if "properties" in part:
        return _map(part, {}, root).replace("\n", "\n  ")
    names, most = part.get("propertyNames", {}), part.get("maxProperties", "")
    values = _grouped(_type(part["additionalProperties"], root))
    return f"{{ 0*{most} ({_text(names)}) => {values} }}"


if __name__ == "__main__":
    print(cddl(), end="")
