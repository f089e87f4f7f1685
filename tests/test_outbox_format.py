"""What lies on a device's disk when a release is changed: N and N-1 are read, N is pinned."""

import re
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
from edgeagent.outbox.entry import (
    HEADER_BYTES,
    KINDS,
    VERSION,
    pack_entry,
    parse_entry,
    parse_header,
)
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


def set_version(folder: Path, version: int, whole: bool = True) -> dict[str, bytes]:
    """Let another release have written what is in the segment files; return them."""
    after = {}
    for path in folder.glob("*.*"):
        data = bytearray(path.read_bytes())
        data[4] = version
        if whole:
            data[HEADER_BYTES - 4 : HEADER_BYTES] = struct.pack("<I", zlib.crc32(data[:60]))
            head = parse_header(bytes(data))
            assert head is not None
            assert head.version == version
        path.write_bytes(data)
        after[path.name] = bytes(data)
    return after


def spoil_entries(folder: Path) -> None:
    """Let the entries be framed in a way that this release does not know."""
    for path in folder.glob("*.*"):
        data = path.read_bytes()
        path.write_bytes(
            data[:HEADER_BYTES] + data[HEADER_BYTES:].replace(b"\xea\x9e", b"\xea\x9f")
        )


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.*")}


def gaps_in(letters: list[Letter]) -> list[tuple[str, int, int, str]]:
    gaps = [event.decode(letter.record) for letter in letters if letter.kind == "gap"]
    return [(gap.name, gap.first, gap.last, gap.why) for gap in gaps]


NEWER = VERSION + 1
WAITING = {12, 13, *range(15, 20), *range(21, 30)}
"""What of `write` is still to be sent."""


def is_told(gaps: list[tuple[str, int, int, str]]) -> bool:
    """Return whether gaps of format name all that waits, and nothing that was sent below it."""
    named = {n for boot, a, b, why in gaps if why == "format" for n in range(a, b + 1)}
    return {boot for boot, *_ in gaps} == {BOOT} and named >= WAITING and min(named) == 12


def test_a_version_of_tomorrow_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "box")
    (tmp_path / "box" / "ledger").unlink()
    before = set_version(tmp_path / "box", NEWER)
    box = opened(tmp_path / "box", "2-bbbbbbbb")
    box.put("object", b"new")
    letters = drain(box)
    assert [x.record for x in letters if x.kind != "gap"] == [b"new"]
    # Nobody knows any more what of it was sent.
    named = {n for _, a, b, _ in gaps_in(letters) for n in range(a, b + 1)}
    assert named == set(range(30))
    box.close()
    assert before.items() <= files_in(tmp_path / "box").items()


@pytest.mark.parametrize("is_framing_new", [False, True])
def test_what_another_release_kept_is_told_in_gaps_once(
    is_framing_new: bool, tmp_path: Path
) -> None:
    write(tmp_path / "box")
    if is_framing_new:
        spoil_entries(tmp_path / "box")
    before = set_version(tmp_path / "box", NEWER)
    box = opened(tmp_path / "box", "2-bbbbbbbb")
    assert (box.last_seq_recovered, box.last_seq(BOOT)) == (29, 29)
    assert "wait for one that reads it" in box.fault
    box.put("start", event.encode(Event("start", WHEN)))
    letters = drain(box)
    gaps = gaps_in(letters)
    assert (BOOT, 20, 20, "refused") in gaps
    assert is_told([gap for gap in gaps if gap[3] == "format"])
    box.ack(letters)
    box.close()
    box = opened(tmp_path / "box", "3-cccccccc")
    assert (drain(box), box.depth) == ([], 0)
    assert "wait for one that reads it" in box.fault
    box.close()
    assert before.items() <= files_in(tmp_path / "box").items()


def test_a_crash_before_they_are_told_does_not_silence_the_gaps(tmp_path: Path) -> None:
    write(tmp_path / "box")
    set_version(tmp_path / "box", NEWER)
    box = opened(tmp_path / "box", "2-bbbbbbbb")
    box.put("start", event.encode(Event("start", WHEN)))
    shutil.copytree(tmp_path / "box", tmp_path / "killed")
    box.close()
    box = opened(tmp_path / "killed", "3-cccccccc")
    assert is_told([gap for gap in gaps_in(drain(box)) if gap[3] == "format"])
    box.close()


def test_what_was_kept_is_sent_once_a_release_reads_it(tmp_path: Path) -> None:
    write(tmp_path / "box")
    set_version(tmp_path / "box", NEWER)
    for boot in ("2-bbbbbbbb", "3-cccccccc"):
        box = opened(tmp_path / "box", boot)
        box.put("object", b"between")
        box.ack(drain(box))
        box.close()
    set_version(tmp_path / "box", VERSION)
    box = opened(tmp_path / "box", "4-dddddddd")
    assert {x.seq for x in drain(box) if x.boot == BOOT} == WAITING
    assert box.fault == ""
    box.close()


def test_a_version_whose_header_is_another_is_kept_too(tmp_path: Path) -> None:
    write(tmp_path / "box")
    spoil_entries(tmp_path / "box")
    before = set_version(tmp_path / "box", NEWER, whole=False)
    opened(tmp_path / "box", "2-bbbbbbbb").close()
    assert before.items() <= files_in(tmp_path / "box").items()


def test_damage_to_the_version_of_our_own_is_no_other_release(tmp_path: Path) -> None:
    write(tmp_path / "box")
    set_version(tmp_path / "box", NEWER, whole=False)
    box = opened(tmp_path / "box", "2-bbbbbbbb")
    assert {x.seq for x in drain(box) if x.boot == BOOT} == WAITING
    assert box.fault == ""
    box.close()


def test_what_another_release_kept_in_memory_is_left_there_and_told(tmp_path: Path) -> None:
    hot = OutboxConfig(hot_folder=str(tmp_path / "hot"))
    box = opened(tmp_path / "box", BOOT, hot)
    for n in range(5):
        box.put("object", b"event %d" % n)
    box.ack(drain(box)[:1])
    box.sync()
    for name in ("box", "hot"):
        shutil.copytree(tmp_path / name, tmp_path / "killed" / name)
    box.close()
    spoil_entries(tmp_path / "killed/hot")
    before = set_version(tmp_path / "killed/hot", NEWER)
    hot = OutboxConfig(hot_folder=str(tmp_path / "killed/hot"))
    box = opened(tmp_path / "killed/box", "2-bbbbbbbb", hot)
    assert gaps_in(drain(box)) == [(BOOT, 1, 4, "format")]
    box.close()
    assert before
    assert before.items() <= files_in(tmp_path / "killed/hot").items()


def test_that_nobody_knows_how_much_was_kept_is_said(tmp_path: Path) -> None:
    write(tmp_path / "box")
    (tmp_path / "box" / "ledger").unlink()
    spoil_entries(tmp_path / "box")
    set_version(tmp_path / "box", NEWER)
    box = opened(tmp_path / "box", "2-bbbbbbbb")
    assert re.search(r"box: \d+ or more events in 3 files", box.fault)
    box.close()


def test_an_entry_of_a_kind_of_tomorrow_is_no_damage() -> None:
    data = bytearray(pack_entry(7, "notice", b"new"))
    data[2] = len(KINDS)
    data[7:11] = struct.pack("<I", zlib.crc32(b"new", zlib.crc32(data[2:7] + data[11:19])))
    entry = parse_entry(bytes(data), 0, 0)
    assert entry is not None
    assert (entry.seq, entry.kind, entry.record) == (7, "notice", b"new")


def test_a_number_is_not_used_again_though_the_ledger_is_gone(tmp_path: Path) -> None:
    write(tmp_path / "box")
    (tmp_path / "box" / "ledger").unlink()
    others = {name.partition(".")[0] for name in set_version(tmp_path / "box", NEWER)}
    box = opened(tmp_path / "box", "2-bbbbbbbb")
    box.put("object", b"new")
    box.close()
    ours = {name.partition(".")[0] for name in files_in(tmp_path / "box") if "-bbbbbbbb" in name}
    assert ours
    assert not ours & others


def test_a_kind_more_is_a_version_more() -> None:
    assert (VERSION, len(KINDS)) == (2, 11)


def test_a_gap_among_the_events_of_version_1_is_saved_when_they_are_dropped(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "outbox-1", tmp_path / "box")
    small = OutboxConfig(max_bytes=LEDGER_BYTES + 16384, segment_bytes=1024)
    box = opened(tmp_path / "box", "2-bbbbbbbb", small)
    for _ in range(400):
        box.put("object", bytes(60))
    gaps = [event.decode(x.record) for x in drain(box) if x.kind == "gap"]
    assert ("0-0e0e0e0e", 3, 5, "full") in [(g.name, g.first, g.last, g.why) for g in gaps]
    box.close()
