"""What the agent itself wrote into its state folder, as a worn card brings it back."""

import contextlib
import hashlib
import json
import re
import struct
import zlib
from pathlib import Path

import msgspec

from edgeagent import audit, event, overlay
from edgeagent.accelerators import Ties
from edgeagent.assembly import LAST_GOOD, keep_looking
from edgeagent.clock import ManualClock
from edgeagent.commands import Books
from edgeagent.config import CameraConfig, Config, ModelConfig, OutboxConfig
from edgeagent.edgetpu import ladder, outcome
from edgeagent.engines.trial import MEMORY, recalled
from edgeagent.errors import EdgeagentError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.identity import Identity, begin_boot, client_id
from edgeagent.outbox import Outbox
from edgeagent.outbox.entry import ENTRY_BYTES, HEADER_BYTES
from edgeagent.outbox.ledger import SLOT_BYTES
from edgeagent.pauses import Pauses
from edgeagent.probation import Probation
from edgeagent.reckoning import Reckoning
from edgeagent.wire.encodings import encoder
from edgeagent.wire.fields import event_fields
from tests.fuzz.target import Target

from .parcel import laid, packed, parts

NOW_MS = ManualClock().wall_ms() + 1000
KERNEL = "kernel01"


def _told(notice: Notice) -> None:
    json.dumps([notice.what, notice.why])


def _boot(data: bytes, folder: Path) -> None:
    laid(data, folder)
    for _ in range(2):
        boot = begin_boot(folder, KERNEL)
        assert re.fullmatch(r"\d{1,20}-[0-9a-f]{8}", boot.name)
        assert len(boot.previous) <= 36
        boot.end()
    assert re.fullmatch("[0-9a-f]{16}", client_id(folder, folder / "machine-id"))


BOOT = {"n": 41, "boot": "41-0badcafe", "kernel": KERNEL, "clean": False}


def _boots() -> list[bytes]:
    machine = "0123456789abcdef0123456789abcdef\n"
    full = {"boot.json": json.dumps(BOOT), "machine-id": machine, "client-id": "00" * 16}
    return [packed(full), packed({"boot.json": json.dumps({**BOOT, "clean": True})})]


def _clock(data: bytes, folder: Path) -> None:
    (folder / "clock.json").write_bytes(data)
    clock = ManualClock()
    reckoning = Reckoning(clock, KERNEL, folder, _told)
    reckoning.look()
    for kernel in list(reckoning.ahead_ms):
        then = event.When(5000, 5000, False, kernel)
        fields = event_fields(
            event.Event("notice", then), Identity("pi", "41-0badcafe", 7, 7), clock, KERNEL, False,
            reckoning.ahead_ms,
        )  # fmt: skip
        for name in ("json", "cbor", "cloudevents"):
            encoder(name, "edgeagent/pi")("event", fields)


def _clocks() -> list[bytes]:
    return [json.dumps({"kernel00": NOW_MS - 9, KERNEL: NOW_MS}).encode(), b"{}"]


def _orders(data: bytes, folder: Path) -> None:
    laid(data, folder)
    clock = ManualClock()
    books = Books(folder, clock)
    assert isinstance(books.fault, str)
    json.dumps([str(books.head), books.floor_ms])
    asked = {"id": "a1", "exp": clock.wall_ms() + 1000, "camera": "door"}
    with contextlib.suppress(EdgeagentError):
        books.begun("look", asked)
        books.begin("look", asked)
    books.end("look", asked)
    books.refuse("look", asked, "no")
    audit.check(folder)


def _books() -> list[bytes]:
    begun = {"exp": NOW_MS, "ok": True}
    orders = {"floor": NOW_MS - 9, "begun": {"look a1": begun, "look a2": {"exp": NOW_MS}}}
    line = {"n": 1, "prev": audit.NOTHING, "ts": NOW_MS, "tsq": 1, "what": "begun", "do": "look"}
    first = json.dumps(line).encode()
    second = json.dumps({**line, "n": 2, "prev": hashlib.sha256(first).hexdigest()}).encode()
    log = first + b"\n" + second + b"\n"
    return [
        packed({"orders.json": json.dumps(orders), audit.FILE: log}),
        packed({audit.OLDER: first + b"\n", audit.FILE: second + b"\n"}),
    ]


CONFIG = Config(camera=[CameraConfig(name="door", source="synthetic")])


def _overlay(data: bytes, folder: Path) -> None:
    (folder / overlay.FILE).write_bytes(data)
    for ended in ("clean", "power"):
        probation = Probation(CONFIG, None, folder, _told, ManualClock())
        probation.begin(ended)
        probation.upcoming()
        with contextlib.suppress(EdgeagentError):
            probation.judge({"events.threshold": 0.4})
        probation.try_({"events.threshold": 0.4}, "order a2")


def _overlays() -> list[bytes]:
    good = {"values": {"events.threshold": 0.5, "motion.enabled": True}, "by": "order a1"}
    trial = {"values": {"events.threshold": 0.7}, "by": "order a2"}
    return [
        json.dumps({"good": good}).encode(),
        json.dumps({"good": good, "trial": trial}).encode(),
    ]


def _pauses(data: bytes, folder: Path) -> None:
    (folder / "paused.json").write_bytes(data)
    for trusted in (True, False):
        clock = ManualClock()
        clock.is_trusted = trusted
        pauses = Pauses(folder, clock, KERNEL, Health())
        pauses.read(["door", "yard"])
        for camera in ("door", "yard"):
            if camera in pauses:
                json.dumps([pauses.told(camera), pauses.words(camera)])
        pauses.over()
        pauses.end(["yard"])


def _paused() -> list[bytes]:
    ever = {"by": "local", "why": "by somebody at the device"}
    once = {"by": "order", "why": "by order a1", "for_s": 60.5, "until_ms": NOW_MS, "trusted": True,
            "kernel": "kernel00", "end_s": 99.5}  # fmt: skip
    return [json.dumps({"door": ever, "yard": once}).encode(),
            json.dumps({"door": {**once, "kernel": KERNEL}}).encode()]  # fmt: skip


def _memory(data: bytes, folder: Path) -> None:
    for name in (MEMORY, LAST_GOOD):
        (folder / name).write_bytes(data)
    assert all(isinstance(key, str) for key in recalled(folder))
    keep_looking(ModelConfig(name="no-such-model"), folder, Ties())


def _recovery(data: bytes, folder: Path) -> None:
    laid(data, folder)
    found = outcome.read_outcome(folder)
    json.dumps([str(found), found.number if found else 0])
    ladder.answer(folder / "recover.toml", folder / "request", folder)
    assert outcome.read_outcome(folder) is not None


def _recoveries() -> list[bytes]:
    state = json.dumps({"number": 3, "step": 1, "at_s": 55.5})
    told = {"number": 3, "ended": "done", "step": 1, "steps": 2, "name": "reset", "said": "",
            "took_s": 1.5}  # fmt: skip
    return [packed({"state.json": state, "outcome.json": json.dumps(told)})]


def _opened(folder: Path, boot: str) -> Outbox:
    return Outbox.open(folder, boot, OutboxConfig(sync_s=3600), _told, ManualClock())


def _outbox(data: bytes, folder: Path) -> None:
    box = _opened(laid(data, folder), "42-0badcafe")
    try:
        box.put("object", b"new")
        backlog, live = box.cursors()
        for _ in range(4):
            letters = [*box.peek(live, 20), *box.peek(backlog, 20)]
            for letter in letters:
                msgspec.json.encode([letter.boot, letter.seq, box.low(letter.boot)])
            box.ack(letters)
            box.tick()
        json.dumps([box.depth, box.bytes, box.lost, box.fault, box.boot_before, box.fullness])
    finally:
        box.close()


def _boxes() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for boot in ("40-00000001", "41-00000002"):
            box = _opened(folder, boot)
            for number in range(12):
                box.put("notice" if number % 4 == 3 else "object", b"record %d" % number)
            box.ack(box.peek(box.cursors()[1], 5))
            box.sync()
            box.close()
        return [packed({path.name: path.read_bytes() for path in sorted(folder.iterdir())})]


def box_sealed(data: bytes) -> bytes:
    """Make every checksum in an outbox right: of headers, entries and the ledger's slots."""
    return packed({
        name: _slots_sealed(body) if name == "ledger" else _segment_sealed(body)
        for name, body in parts(data).items()
    })  # fmt: skip


def _slots_sealed(data: bytes) -> bytes:
    kept = bytearray(data)
    for at in (0, SLOT_BYTES):
        if len(kept) >= at + 16:
            generation, size, _ = struct.unpack_from("<QII", kept, at)
            crc = zlib.crc32(
                kept[at + 16 : at + 16 + size], zlib.crc32(generation.to_bytes(8, "little"))
            )
            struct.pack_into("<I", kept, at + 12, crc)
    return bytes(kept)


def _segment_sealed(data: bytes) -> bytes:
    kept, at = bytearray(data), HEADER_BYTES
    if len(kept) >= HEADER_BYTES:
        struct.pack_into("<I", kept, HEADER_BYTES - 4, zlib.crc32(kept[: HEADER_BYTES - 4]))
    while at + ENTRY_BYTES <= len(kept):
        code, size, _, seq = struct.unpack_from("<BIIQ", kept, at + 2)
        if size > len(kept):
            break
        covered = zlib.crc32(struct.pack("<BIQ", code, size, seq))
        record = kept[at + ENTRY_BYTES : at + ENTRY_BYTES + size]
        struct.pack_into("<I", kept, at + 7, zlib.crc32(record, covered))
        at += ENTRY_BYTES + size
    return bytes(kept)


def _record(data: bytes, folder: Path) -> None:
    """What cannot be told is given up by the publisher, whatever is raised; it must only end."""
    told = event.decode(data)
    fields = event_fields(told, Identity("pi", "41-0badcafe", 7, 7), ManualClock(), KERNEL)
    for name in ("json", "cbor", "cloudevents"):
        encoder(name, "edgeagent/pi")("event", fields)
    event.topic_of(told)


def _records() -> list[bytes]:
    from edgeagent.page.rehearsal import Rehearsal

    play = Rehearsal(ManualClock())
    for _ in range(400):
        play.step()
    return [event.encode(told) for told in list(play.feed.events)[:6]]


TARGETS = [
    Target("boot", _boot, _boots),
    Target("clock", _clock, _clocks),
    Target("orders-kept", _orders, _books),
    Target("overlay", _overlay, _overlays, share=0.2),
    Target("paused", _pauses, _paused),
    Target(
        "memory", _memory, lambda: [b'{"passed": ["a1", "b2"]}', b"/var/lib/edgeagent/models/x\n"]
    ),
    Target("recovery", _recovery, _recoveries),
    Target("outbox", _outbox, _boxes, seal=box_sealed),
    Target("record", _record, _records, raises=(ValueError, OverflowError, TypeError)),
]
