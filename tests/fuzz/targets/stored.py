"""The outbox's files and the records in them, after a power cut or by another's hand."""

import json
import struct
import zlib
from pathlib import Path

import msgspec

from edgeagent import event
from edgeagent.clock import ManualClock
from edgeagent.config import OutboxConfig
from edgeagent.findings import Notice
from edgeagent.identity import Identity
from edgeagent.outbox import Outbox
from edgeagent.outbox.entry import ENTRY_BYTES, HEADER_BYTES
from edgeagent.outbox.ledger import SLOT_BYTES
from edgeagent.wire.encodings import encoder
from edgeagent.wire.fields import event_fields
from tests.fuzz.target import Target

from .parcel import laid, packed, parts


def _told(notice: Notice) -> None:
    json.dumps([notice.what, notice.why])


KERNEL = "kernel01"


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
    Target("outbox", _outbox, _boxes, seal=box_sealed),
    Target("record", _record, _records, raises=(ValueError, OverflowError, TypeError)),
]
