"""What each kind of message weighs in each encoding, and what encoding it costs.

The size is that of the whole PUBLISH packet at QoS 1, MQTT 5, on a topic of an ordinary length,
with all that goes beside the payload. The time is the median of one call, from the record in the
outbox to wire bytes and properties; all encodings in turn, in one process.
"""

import argparse
import json
import struct
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

from edgeagent import event as events
from edgeagent.bulletin import Bulletin, State
from edgeagent.clock import ManualClock
from edgeagent.event import CountPart, Event, MotionPart, Source, VectorPart, When
from edgeagent.findings import Box, Detection
from edgeagent.identity import Identity
from edgeagent.mqtt.beside import beside
from edgeagent.overlay import Kept, Set, Tried
from edgeagent.wire.device import (
    answer_fields,
    bench_fields,
    info_fields,
    seen_fields,
    stat_fields,
    status_fields,
)
from edgeagent.wire.encodings import encoder
from edgeagent.wire.fields import Fields, event_fields
from edgeagent.wire.reported import reported_fields

ENCODINGS = ("json", "cbor", "cloudevents", "cloudevents-binary")
PREFIX = "edge/v1/home/porch-pi"
KERNEL = "5f3a9c01"
CLOCK = ManualClock(mono_s=1000.0, wall_ms=1_790_000_000_000)
THEN = When(999_688, 1_789_999_999_688, True, KERNEL)
WHO = Identity("porch-pi", "12-1a2b3c4d", 123_456, 123_450)
CAMERA = Source("front", "1a2b3c4d", "tpu", 9_812)
VALUES = {"events.threshold": 0.45, "motion.sensitivity": "high"}
KEPT = Kept(Set(VALUES, "desired 7", version=7), tried=Tried(7, "a7", "", "kept"))
SCALE = struct.unpack("f", struct.pack("f", 0.0123))[0]
ROUNDS, CALLS = 9, 200

Make = Callable[[], tuple[str, str, Fields]]
"""Returns the kind of message, its topic below the device, and its fields."""


def _things(count: int) -> Event:
    return Event(
        "object",
        THEN,
        CAMERA,
        names=(("person", 0.873),) * count,
        boxes=((0.1235, 0.2346, 0.3457, 0.9871),) * count,
        tracks=tuple((17 + n, "in") for n in range(count)),
        counts={"person": count},
    )


def _vector(size: int, dtype: str, width: int) -> Event:
    values = bytes(n * 37 % 251 for n in range(size * width))
    part = VectorPart(values, dtype, SCALE, 3)
    return Event("vector", THEN, CAMERA, tracks=((17, "in"),), vector=part)


def _said() -> dict[str, Event]:
    """Return one event of each kind, as ordinary as it can be."""
    motion = MotionPart("on", 0.0312, (0.512, 0.25), 90, 0.123, 4.5, bytes(range(48)))
    tally = CountPart(60.0, {"yard": {"cat": 1}}, {"gate": {"cat": (4, 0)}})
    return {
        "one label": Event("label", THEN, CAMERA, names=(("person", 0.873),), tracks=((17, "in"),)),
        "one box": _things(1),
        "five boxes": _things(5),
        "motion": Event("motion", THEN, Source("front"), motion=motion),
        "count": Event("count", THEN, Source("front"), counts={"cat": 5}, tally=tally),
        "vector, 128 u8": _vector(128, "uint8", 1),
        "vector, 1280 u8": _vector(1280, "uint8", 1),
        "vector, 1280 f32": _vector(1280, "float32", 4),
        "notice": Event("link_back", THEN, why="connected to broker.example"),
        "gap": Event("gap", THEN, why="full", name=WHO.boot, first=3, last=912),
    }


def _bulletin() -> Bulletin:
    cameras = ("front", "yard")
    states = {f"camera.{name}": State() for name in cameras} | {"outbox": State(), "link": State()}
    counters = {f"{what}_total.{name}": 81_234 for what in ("frames", "moved", "looks")
                for name in cameras}  # fmt: skip
    gauges = {"outbox_depth": 3.0, "outbox_bytes": 512.0, "soc_c": 61.4, "load": 0.712}
    return Bulletin("porch-pi", "1.0", 9.0, states, counters, gauges)


def _rest() -> dict[str, tuple[str, Fields]]:
    """Return what a device says besides, by what the table calls it."""
    facts = {"ts": 1_790_000_000_000, "dev": "porch-pi", "boot": WHO.boot, "agent": "1.0",
             "board": "Raspberry Pi 4 Model B Rev 1.5", "cameras": ["front", "yard"],
             "engines": ["tpu"], "models": {"coco16-320": "1a2b3c4d"}}  # fmt: skip
    times = {"p50": 9.812, "p90": 10.104, "p99": 12.7, "max": 31.9}
    stages = {"invoke": 8.911, "preprocess": 0.51, "decode": 0.39}
    bench = {"sc": "single", "agent": "1.0", "n": 200, **times, "st": stages}
    saw = seen_fields([Detection("person", 0.873, Box(0.1235, 0.2346, 0.3457, 0.9871))])
    told = {"ok": True, "saw": {"front": saw}}
    return {
        "status": ("status", status_fields("porch-pi", "online", 1_790_000_000_000)),
        "info": ("info", info_fields(facts)),
        "stat": ("stat", stat_fields(_bulletin(), 1_790_000_000_000)),
        "bench": ("bench", bench_fields("porch-pi", 1_790_000_000_000, bench)),
        "answer": ("answer", answer_fields("porch-pi", "look", "a1", told, 1_790_000_000_000)),
        "reported": ("reported", reported_fields("porch-pi", 1_790_000_000_000, KEPT, {})),
    }


def _event_maker(told: Event) -> Make:
    record, topic = events.encode(told), events.topic_of(told)

    def make() -> tuple[str, str, Fields]:
        return "event", topic, event_fields(events.decode(record), WHO, CLOCK, KERNEL)

    return make


def _maker(what: str, fields: Fields) -> Make:
    topic = {"answer": "res/look", "reported": "cfg/reported"}.get(what, what)
    return lambda: (what, topic, fields)


def makers() -> dict[str, Make]:
    """Return by name what makes one message of each kind."""
    said = {name: _event_maker(told) for name, told in _said().items()}
    return said | {name: _maker(*rest) for name, rest in _rest().items()}


def packet_bytes(name: str, make: Make) -> int:
    """Return the size of a whole PUBLISH (MQTT 5.0, section 3.3) in the encoding ``name``."""
    what, topic, fields = make()
    payload, properties = beside(encoder(name, PREFIX)(what, fields), True)
    assert properties is not None
    rest = 2 + len(f"{PREFIX}/{topic}") + 2 + len(properties.pack()) + len(payload)  # type: ignore[no-untyped-call]
    return 1 + 1 + (rest > 127) + (rest > 16383) + rest


def payload_bytes(name: str, make: Make) -> int:
    """Return the size of the payload alone."""
    what, _, fields = make()
    return len(encoder(name, PREFIX)(what, fields))


def _cost_us(name: str, make: Make) -> float:
    encode = encoder(name, PREFIX)
    began_ns = time.perf_counter_ns()
    for _ in range(CALLS):
        what, _, fields = make()
        beside(encode(what, fields), True)
    return (time.perf_counter_ns() - began_ns) / CALLS / 1000


def costs_us(all_of: Mapping[str, Make]) -> dict[str, dict[str, float]]:
    """Return for each kind and encoding the median cost of one message; encodings in turn."""
    taken: dict[str, dict[str, list[float]]] = {k: {e: [] for e in ENCODINGS} for k in all_of}
    for _ in range(ROUNDS):
        for kind, make in all_of.items():
            for name in ENCODINGS:
                taken[kind][name].append(_cost_us(name, make))
    return {kind: {e: median(t) for e, t in of.items()} for kind, of in taken.items()}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="for a program")
    as_json = parser.parse_args().json
    all_of = makers()
    packets = {kind: {e: packet_bytes(e, make) for e in ENCODINGS} for kind, make in all_of.items()}
    loads = {kind: {e: payload_bytes(e, make) for e in ENCODINGS} for kind, make in all_of.items()}
    costs = costs_us(all_of)
    if as_json:
        print(json.dumps({"packet_bytes": packets, "payload_bytes": loads, "cost_us": costs}))
        return 0
    for title, table in (
        ("bytes of the payload", loads),
        ("bytes of the whole packet", packets),
        ("us to encode", costs),
    ):
        print(f"\n{title:<26}" + "".join(f"{name:>20}" for name in ENCODINGS))
        for kind, of in table.items():
            print(f"{kind:<26}" + "".join(f"{of[name]:>20,.0f}" for name in ENCODINGS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
