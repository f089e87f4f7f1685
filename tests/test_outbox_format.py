"""What lies on a device's disk when a release is changed: N and N-1 are read, N is pinned."""

import shutil
import struct
import zlib
from pathlib import Path

import pytest

from edgeagent import event
from edgeagent.clock import ManualClock
from edgeagent.config import OutboxConfig
from edgeagent.event import Event, When
from edgeagent.outbox import Letter, Outbox
from edgeagent.outbox.entry import HEADER_BYTES, VERSION, parse_header
from edgeagent.outbox.gaps import Gap
from edgeagent.outbox.ledger import LEDGER_BYTES

GOLDEN = Path(__file__).parent / "golden"
BOOT = "1-0f0f0f0f"
CONFIG = OutboxConfig(segment_bytes=1024)
WHEN = When(1000, 1_700_000_000_000, True, "kernel01")


def opened(folder: Path, boot: str, config: OutboxConfig = CONFIG) -> Outbox:
    return Outbox.open(folder, boot, config, lambda _: None, ManualClock())


def drain(box: Outbox) -> list[Letter]:
    live, backlog = box.cursors()
    return [letter for cursor in (backlog, live) for letter in box.peek(cursor, 1000)]


def write(folder: Path) -> None:
    """Store what the committed folders hold: 30 events, 13 of them sent, one refused."""
    box = opened(folder, BOOT)
    box.put("start", event.encode(Event("start", WHEN)))
    for n in range(1, 30):
        if n == 17:
            box.put("gap", Gap("0-0e0e0e0e", 3, 5, "full").record(WHEN))
        elif n % 7 == 0:
            box.put("camera_lost", b"notice %d" % n)
        else:
            box.put("object", b"event %d" % n + b"." * 50)
    letters = drain(box)
    box.ack([x for x in letters if x.seq < 12 or x.seq == 14])
    box.refuse(next(x for x in letters if x.seq == 20))
    box.close()


@pytest.mark.parametrize("version", [VERSION - 1, VERSION])
def test_an_outbox_left_by_this_release_or_the_one_before_is_read(
    version: int, tmp_path: Path
) -> None:
    shutil.copytree(GOLDEN / f"outbox-{version}", tmp_path / "box")
    box = opened(tmp_path / "box", "2-bbbbbbbb")
    assert box.last_seq(BOOT) == 29
    assert box.put("camera_lost", b"new").seq == 0
    letters = drain(box)
    old = [x for x in letters if x.boot == BOOT]
    assert [x.seq for x in old] == [12, 13, *range(15, 20), *range(21, 30)]
    assert [x.record for x in old if x.seq in (21, 22)] == [b"notice 21", b"event 22" + b"." * 50]
    gaps = [event.decode(x.record) for x in letters if x.kind == "gap"]
    assert [(g.name, g.first, g.last, g.why) for g in gaps] == [
        ("0-0e0e0e0e", 3, 5, "full"),
        (BOOT, 20, 20, "refused"),
    ]
    box.ack(letters)
    box.close()
    box = opened(tmp_path / "box", "3-cccccccc")
    assert (box.depth, drain(box)) == (0, [])
    box.close()


def test_what_this_release_writes_is_pinned_byte_for_byte(tmp_path: Path) -> None:
    write(tmp_path / "box")
    pinned = {path.name: path.read_bytes() for path in (GOLDEN / f"outbox-{VERSION}").iterdir()}
    assert {p.name: p.read_bytes() for p in (tmp_path / "box").iterdir()} == pinned


def test_a_version_of_tomorrow_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "box")
    (tmp_path / "box" / "ledger").unlink()
    before = {}
    for path in (tmp_path / "box").iterdir():
        data = bytearray(path.read_bytes())
        data[4] = VERSION + 1
        data[HEADER_BYTES - 4 : HEADER_BYTES] = struct.pack("<I", zlib.crc32(data[:60]))
        head = parse_header(bytes(data))
        assert head is not None
        assert head.version == VERSION + 1
        path.write_bytes(data)
        before[path.name] = bytes(data)
    box = opened(tmp_path / "box", "2-bbbbbbbb")
    box.put("object", b"new")
    assert [x.record for x in drain(box)] == [b"new"]
    box.close()
    assert before.items() <= {p.name: p.read_bytes() for p in (tmp_path / "box").iterdir()}.items()


def test_a_gap_among_the_events_of_version_1_is_saved_when_they_are_dropped(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "outbox-1", tmp_path / "box")
    small = OutboxConfig(max_bytes=LEDGER_BYTES + 16384, segment_bytes=1024)
    box = opened(tmp_path / "box", "2-bbbbbbbb", small)
    for _ in range(400):
        box.put("object", bytes(60))
    gaps = [event.decode(x.record) for x in drain(box) if x.kind == "gap"]
    assert ("0-0e0e0e0e", 3, 5, "full") in [(g.name, g.first, g.last, g.why) for g in gaps]
    box.close()
