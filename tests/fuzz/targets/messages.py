"""What comes from a broker to people's tools: messages in every encoding."""

import json
from pathlib import Path

import cbor2

from edgeagent.terminal import Ink
from edgeagent.watch.fleet import Fleet
from edgeagent.watch.frame import Now, frame
from edgeagent.wire import reading
from tests.fuzz.target import Target


def _message(data: bytes, folder: Path) -> None:
    """A message's topic stands before it, in a line."""
    topic, _, payload = data.partition(b"\n")
    fleet = Fleet("edgeagent/{device}")
    for at_s in (0.0, 5.0):
        fleet.hear(topic.decode(errors="replace"), payload, at_s, 1_790_000_000_000)
        frame(fleet, Now(at_s, 1_790_000_000_000, 100, 30), Ink(False))
    told = reading.read(payload)
    assert isinstance(told, dict)


def _messages() -> list[bytes]:
    event = {"dev": "pi", "boot": "41-0badcafe", "seq": 7, "low": 5, "ts": 1_790_000_000_000,
             "tsq": 1, "k": "object", "cam": "door", "vec": "AAAA", "vt": "u8",
             "cls": ["person"], "sc": [0.8], "box": [[0.1, 0.2, 0.3, 0.4]]}  # fmt: skip
    wrapped = {"specversion": "1.0", "id": "1", "source": "x", "type": "y", "data": event}
    told = [json.dumps(one).encode() for one in (event, wrapped)]
    gap = {**event, "k": "gap", "boot": "41-0badcafe", "a": 3, "b": 6, "why": "dropped"}
    stat = {"dev": "pi", "f": {"link": "away"}, "q": 3, "fps": {"door": 5.0}}
    return [
        *(b"edgeagent/pi/evt/door\n" + one for one in told),
        b"edgeagent/pi/sys\n" + json.dumps(gap).encode(),
        b"edgeagent/pi/stat\n" + json.dumps(stat).encode(),
        b"edgeagent/pi/status\n" + json.dumps({"s": "online", "dev": "pi"}).encode(),
        b"edgeagent/pi/info\n" + json.dumps({"dev": "pi", "agent": "1.0", "cams": ["a"]}).encode(),
        b"edgeagent/pi/evt/door\n" + _packed(event),
    ]  # fmt: skip


def _packed(fields: dict[str, object]) -> bytes:
    plain = {key: value for key, value in fields.items() if key not in ("box", "vec", "vt")}
    tagged = {
        "box": cbor2.CBORTag(69, b"\x01\0\x02\0\x03\0\x04\0"),
        "vec": cbor2.CBORTag(64, b"abc"),
    }
    return cbor2.dumps({**plain, **tagged}, canonical=True)


def _cbor(data: bytes, folder: Path) -> None:
    told = reading.read(data)
    json.dumps(told)


def _cbors() -> list[bytes]:
    names = cbor2.dumps({"k": "stat", "f": {"link": "away"}, "t": [1.5, -2, None, True]})
    return [_packed({"k": "object", "seq": 7, "sc": [0.8]}), names, b"\xa1" + b"\xd8\x45" * 9]


TARGETS = [
    Target("messages", _message, _messages, raises=(ValueError,)),
    Target("cbor", _cbor, _cbors, raises=(ValueError,)),
]
