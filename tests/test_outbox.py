import os
import shutil
from pathlib import Path

import pytest

from edgeagent import event
from edgeagent.clock import ManualClock
from edgeagent.config import OutboxConfig
from edgeagent.errors import OutboxError
from edgeagent.findings import Notice
from edgeagent.outbox import Cursor, Disk, Letter, Outbox, SmallDisk
from edgeagent.outbox.ledger import LEDGER_BYTES
from edgeagent.outbox.ring import Ring
from edgeagent.outbox.voice import CALM_S

SMALL = OutboxConfig(max_bytes=LEDGER_BYTES + 16384, segment_bytes=1024, sync_s=5.0)
WIDE = OutboxConfig(segment_bytes=1024, sync_s=5.0)


class Bench:
    """An outbox, the clock it goes by, and what it told."""

    def __init__(self, folder: Path, config: OutboxConfig = WIDE, disk: Disk | None = None) -> None:
        self.folder = folder
        self.config = config
        self.clock = ManualClock()
        self.told: list[Notice] = []
        self.box = self.open("1-aaaaaaaa", folder, disk)

    def open(self, boot: str, folder: Path, disk: Disk | None = None) -> Outbox:
        return Outbox.open(folder, boot, self.config, self.told.append, self.clock, disk)

    def put(self, count: int, size: int = 60) -> list[int]:
        return [self.box.put("object", record(n, size)).seq for n in range(count)]

    def next_boot(self, boot: str) -> None:
        """As after kill -9: what was written is there, and nothing else."""
        copy = self.folder.with_name(boot)
        shutil.copytree(self.folder, copy)
        self.box.close()
        self.folder = copy
        self.box = self.open(boot, copy)


def record(n: int, size: int = 60) -> bytes:
    return f"event {n} ".encode().ljust(size, b".")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "box")


def drain(box: Outbox) -> list[Letter]:
    live, backlog = box.cursors()
    return [*read_all(box, backlog), *read_all(box, live)]


def read_all(box: Outbox, cursor: Cursor) -> list[Letter]:
    letters: list[Letter] = []
    while some := box.peek(cursor, 7):
        letters += some
    return letters


def gaps_in(letters: list[Letter]) -> list[tuple[str, int, int, str]]:
    events = [event.decode(letter.record) for letter in letters if letter.kind == "gap"]
    return [(e.name, e.first, e.last, e.why) for e in events]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def test_what_is_put_is_peeked_in_order_with_its_kind(bench: Bench) -> None:
    assert bench.put(50) == list(range(50))
    bench.box.put("camera_lost", b"x")
    letters = drain(bench.box)
    assert [letter.seq for letter in letters] == list(range(51))
    assert letters[3].record == record(3)
    assert (letters[3].kind, letters[50].kind, letters[0].boot) == (
        "object",
        "notice",
        "1-aaaaaaaa",
    )


def test_acknowledged_events_are_not_peeked_again_and_their_files_go(bench: Bench) -> None:
    bench.put(50)
    before = len(files(bench.folder))
    letters = drain(bench.box)
    bench.box.ack(letters[:40])
    assert [letter.seq for letter in drain(bench.box)] == list(range(40, 50))
    assert before >= 4
    assert len(files(bench.folder)) <= 2
    assert bench.box.depth == 10


def test_live_events_are_apart_from_the_backlog(bench: Bench) -> None:
    bench.put(20)
    live, backlog = bench.box.cursors()
    bench.put(20)
    assert [letter.seq for letter in bench.box.peek(live, 5)] == [20, 21, 22, 23, 24]
    assert [letter.seq for letter in read_all(bench.box, backlog)] == list(range(20))
    assert [letter.seq for letter in read_all(bench.box, live)] == list(range(25, 40))
    assert bench.box.peek(live, 5) == []


def test_low_is_the_lowest_seq_still_to_come(bench: Bench) -> None:
    assert bench.box.low("1-aaaaaaaa") == 0
    bench.put(30)
    letters = drain(bench.box)
    bench.box.ack(letters[10:])
    assert bench.box.low("1-aaaaaaaa") == 0
    bench.box.ack(letters[:7])
    assert bench.box.low("1-aaaaaaaa") == 7
    bench.box.ack(letters)
    assert bench.box.low("1-aaaaaaaa") == 30
    assert bench.box.depth == 0


def test_a_killed_agent_finds_all_that_was_put_and_not_acknowledged(bench: Bench) -> None:
    bench.put(50)
    bench.box.ack(drain(bench.box)[:20])
    bench.box.sync()
    bench.next_boot("2-bbbbbbbb")
    assert bench.box.last_seq("1-aaaaaaaa") == bench.box.last_seq_recovered == 49
    assert bench.box.put("start", b"start").seq == 0
    letters = drain(bench.box)
    assert [letter.seq for letter in letters] == [*range(20, 50), 0]
    assert letters[-1].boot == "2-bbbbbbbb"
    assert bench.box.low("1-aaaaaaaa") == 20


def test_the_last_seq_is_known_after_a_clean_stop_with_everything_sent(bench: Bench) -> None:
    bench.put(12)
    bench.box.ack(drain(bench.box))
    bench.box.close()
    bench.next_boot("2-bbbbbbbb")
    assert bench.box.last_seq("1-aaaaaaaa") == 11
    assert bench.box.depth == 0
    assert files(bench.folder) == []


def test_a_torn_tail_is_cut_at_the_last_whole_event(bench: Bench) -> None:
    bench.put(5)
    path = files(bench.folder)[0]
    os.truncate(path, path.stat().st_size - 30)
    bench.next_boot("2-bbbbbbbb")
    assert bench.box.last_seq("1-aaaaaaaa") == 3
    assert [letter.seq for letter in drain(bench.box)] == [0, 1, 2, 3]


def test_a_tail_torn_after_it_was_synced_is_announced(bench: Bench) -> None:
    bench.put(5)
    bench.box.close()
    path = files(bench.folder)[0]
    os.truncate(path, path.stat().st_size - 100)
    bench.next_boot("2-bbbbbbbb")
    assert bench.box.last_seq("1-aaaaaaaa") == 4
    letters = drain(bench.box)
    assert [letter.seq for letter in letters if letter.kind == "object"] == [0, 1, 2]
    assert gaps_in(letters) == [("1-aaaaaaaa", 3, 4, "damaged")]


def test_a_flipped_bit_costs_one_event_and_is_announced(bench: Bench) -> None:
    bench.put(8)
    bench.box.close()
    path = files(bench.folder)[0]
    data = bytearray(path.read_bytes())
    data[data.index(b"event 3")] ^= 4
    path.write_bytes(data)
    bench.next_boot("2-bbbbbbbb")
    letters = drain(bench.box)
    assert [letter.seq for letter in letters[:-1]] == [0, 1, 2, 4, 5, 6, 7]
    assert gaps_in(letters) == [("1-aaaaaaaa", 3, 3, "damaged")]


def test_a_wrong_length_does_not_hide_the_events_after_it(bench: Bench) -> None:
    bench.put(8)
    bench.box.close()
    path = files(bench.folder)[0]
    data = bytearray(path.read_bytes())
    data[data.index(b"event 3") - 15] ^= 0xFF
    path.write_bytes(data)
    bench.next_boot("2-bbbbbbbb")
    assert [letter.seq for letter in drain(bench.box)][:-1] == [0, 1, 2, 4, 5, 6, 7]


def test_a_file_cut_in_the_middle_of_the_log_is_announced(bench: Bench) -> None:
    bench.put(40)
    bench.box.close()
    os.truncate(files(bench.folder)[1], 64 + 79 * 2)
    bench.next_boot("2-bbbbbbbb")
    first = [letter.seq for letter in drain(bench.box)]
    (gap,) = gaps_in(drain(bench.box))
    missing = sorted(set(range(40)) - set(first))
    assert gap == ("1-aaaaaaaa", missing[0], missing[-1], "damaged")
    assert len(missing) == gap[2] - gap[1] + 1 > 3


def test_a_damaged_header_loses_nothing(bench: Bench) -> None:
    bench.put(40)
    bench.box.close()
    for path in files(bench.folder):
        path.write_bytes(b"\0" * 64 + path.read_bytes()[64:])
    bench.next_boot("2-bbbbbbbb")
    assert [letter.seq for letter in drain(bench.box)] == list(range(40))


def test_a_file_deleted_by_someone_is_announced(bench: Bench) -> None:
    bench.put(40)
    files(bench.folder)[1].unlink()
    seen = {letter.seq for letter in drain(bench.box)}
    (gap,) = gaps_in(drain(bench.box))
    assert set(range(gap[1], gap[2] + 1)) == set(range(40)) - seen


def test_a_damaged_ledger_only_sends_twice(bench: Bench) -> None:
    bench.put(5)
    bench.box.ack(drain(bench.box)[:3])
    bench.box.close()
    (bench.folder / "ledger").write_bytes(b"\xff" * 40)
    bench.next_boot("2-bbbbbbbb")
    assert [letter.seq for letter in drain(bench.box)] == [0, 1, 2, 3, 4]


def test_a_full_outbox_drops_the_oldest_and_says_so_in_one_gap(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    dropped = sum(bench.box.put("object", record(n)).dropped for n in range(1000))
    held = sum(path.stat().st_size for path in bench.folder.iterdir())
    assert held <= SMALL.max_bytes
    assert held > SMALL.max_bytes - 3 * 1024
    letters = drain(bench.box)
    assert letters[0].seq == dropped
    assert gaps_in(letters) == [("1-aaaaaaaa", 0, dropped - 1, "full")]
    assert bench.box.lost == dropped > 500


def test_a_drop_after_the_gap_was_sent_is_a_gap_of_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    bench.put(400)
    letters = drain(bench.box)
    bench.box.ack(letter for letter in letters if letter.kind == "gap")
    first = gaps_in(letters)
    bench.put(400)
    both = gaps_in(drain(bench.box))
    assert len(first) == 1
    assert both[0][1] == first[0][2] + 1


def test_a_gap_not_yet_sent_outlives_the_events_after_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    bench.put(400)
    (first,) = gaps_in(drain(bench.box))
    bench.put(400)
    again, second = gaps_in(drain(bench.box))
    assert again == first
    assert first[2] < second[1] <= second[2]


def test_what_was_sent_is_not_part_of_a_gap(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    bench.put(100)
    bench.box.ack(drain(bench.box)[5:30])
    bench.put(400)
    gaps = gaps_in(drain(bench.box))
    assert gaps[0] == ("1-aaaaaaaa", 0, 4, "full")
    assert gaps[1][1] == 30


def test_a_gap_not_yet_said_outlives_kill_9(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    dropped = sum(bench.box.put("object", record(n)).dropped for n in range(500))
    bench.next_boot("2-bbbbbbbb")
    assert gaps_in(drain(bench.box)) == [("1-aaaaaaaa", 0, dropped - 1, "full")]


def test_a_refused_letter_is_set_aside_and_announced(bench: Bench) -> None:
    bench.put(3)
    bench.box.refuse(drain(bench.box)[1])
    letters = drain(bench.box)
    assert [letter.seq for letter in letters] == [0, 2, 3]
    assert gaps_in(letters) == [("1-aaaaaaaa", 1, 1, "refused")]


def test_a_record_too_large_for_the_wire_is_a_gap_not_an_error(bench: Bench) -> None:
    assert bench.box.put("object", bytes(70000)) == (0, 1)
    assert gaps_in(drain(bench.box)) == [("1-aaaaaaaa", 0, 0, "refused")]


def test_a_full_disk_is_said_once_each_way_and_loses_nothing(tmp_path: Path) -> None:
    disk = SmallDisk(64 + 79 * 3 + 20)
    bench = Bench(tmp_path / "box", WIDE, disk)
    bench.put(10)
    assert [(n.part, n.what) for n in bench.told] == [("disk", "full")]
    assert [letter.seq for letter in drain(bench.box)] == list(range(10))
    bench.clock.advance(2)
    bench.box.tick()
    assert len(bench.told) == 1
    disk.room_bytes = 1 << 20
    bench.clock.advance(2)
    bench.box.tick()
    assert bench.box.fault
    bench.clock.advance(CALM_S)
    bench.box.tick()
    assert [(n.part, n.what) for n in bench.told] == [("disk", "full"), ("disk", "back")]
    assert bench.box.fault == ""
    assert bench.box.put("object", b"later").seq == 10
    bench.next_boot("2-bbbbbbbb")
    assert [letter.seq for letter in drain(bench.box)] == list(range(11))


def test_a_disk_that_takes_and_refuses_by_turns_is_full_once(tmp_path: Path) -> None:
    disk = SmallDisk(64 + 79 * 3 + 20)
    bench = Bench(tmp_path / "box", WIDE, disk)
    for _ in range(5):
        bench.put(10)
        bench.clock.advance(2)
        disk.room_bytes += 64 + 79 * 20
        bench.box.tick()
        bench.put(20)
    assert bench.box.fault
    assert [(n.part, n.what) for n in bench.told] == [("disk", "full")]


def test_events_are_sent_from_memory_while_the_disk_is_full(tmp_path: Path) -> None:
    disk = SmallDisk(64 + 79 * 3)
    bench = Bench(tmp_path / "box", WIDE, disk)
    live, _ = bench.box.cursors()
    bench.put(10)
    letters = read_all(bench.box, live)
    bench.box.ack(letters[:6])
    disk.room_bytes = 1 << 20
    bench.clock.advance(2)
    bench.box.tick()
    bench.put(2)
    assert [letter.seq for letter in read_all(bench.box, live)] == [10, 11]
    assert [letter.seq for letter in drain(bench.box)] == [6, 7, 8, 9, 10, 11]
    bench.next_boot("2-bbbbbbbb")
    letters = drain(bench.box)
    assert gaps_in(letters) == []
    assert [letter.seq for letter in letters][-6:] == [6, 7, 8, 9, 10, 11]


def test_memory_is_bounded_while_the_disk_is_full(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", WIDE, SmallDisk(0))
    lost = sum(bench.box.put("object", record(n)).dropped for n in range(Ring.MAX_EVENTS + 300))
    letters = drain(bench.box)
    assert lost == 300
    assert [letter.seq for letter in letters[:-1]] == list(range(300, Ring.MAX_EVENTS + 300))
    bench.box.ack(letters[:10])
    assert gaps_in(drain(bench.box)) == [("1-aaaaaaaa", 0, 299, "disk")]


def test_what_a_full_disk_cost_is_announced_even_after_kill_9(tmp_path: Path) -> None:
    disk = SmallDisk(0)
    bench = Bench(tmp_path / "box", WIDE, disk)
    bench.put(Ring.MAX_EVENTS + 5)
    disk.room_bytes = 1 << 20
    bench.clock.advance(2)
    bench.box.tick()
    bench.next_boot("2-bbbbbbbb")
    letters = drain(bench.box)
    assert gaps_in(letters) == [("1-aaaaaaaa", 0, 4, "disk")]
    assert [letter.seq for letter in letters[:-1]] == list(range(5, Ring.MAX_EVENTS + 5))


def test_a_folder_that_cannot_be_written_does_not_stop_the_agent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    bench = Bench(tmp_path / "file" / "box")
    bench.put(3)
    assert [letter.seq for letter in drain(bench.box)] == [0, 1, 2]
    assert bench.told[0].what == "full"


def test_two_agents_cannot_share_an_outbox(bench: Bench) -> None:
    with pytest.raises(OutboxError, match="another edgeagent uses this outbox"):
        bench.open("2-bbbbbbbb", bench.folder)


def test_nothing_is_written_while_idle(tmp_path: Path) -> None:
    disk = SmallDisk(1 << 20)
    bench = Bench(tmp_path / "box", WIDE, disk)
    bench.put(3)
    bench.box.ack(drain(bench.box))
    bench.clock.advance(10)
    bench.box.tick()
    written = disk.writes, disk.syncs, (bench.folder / "ledger").stat().st_mtime_ns
    for _ in range(10):
        bench.clock.advance(10)
        bench.box.tick()
    assert (disk.writes, disk.syncs, (bench.folder / "ledger").stat().st_mtime_ns) == written


def test_events_are_synced_in_groups_or_each(tmp_path: Path) -> None:
    disk = SmallDisk(1 << 20)
    bench = Bench(tmp_path / "box", WIDE, disk)
    disk.syncs = 0
    bench.put(20)
    assert disk.syncs == 0
    bench.clock.advance(5)
    bench.box.tick()
    assert 1 <= disk.syncs <= 5
    bench.box.retune(OutboxConfig(sync_s=0))
    disk.syncs = 0
    bench.put(20)
    assert disk.syncs == 20


def test_a_hundred_thousand_events_are_counted_from_headers_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", OutboxConfig(segment_bytes=65536))
    for n in range(100_000):
        bench.box.put("object", record(n, 40))
    bench.next_boot("2-bbbbbbbb")
    assert bench.box.depth == 100_000
    _, backlog = bench.box.cursors()
    letters = bench.box.peek(backlog, 5)
    assert [letter.seq for letter in letters] == [0, 1, 2, 3, 4]
    assert len(files(bench.folder)) > 80
