"""Two logs over one row of seqs: what each drops or refuses, by size, by age, and while hot."""

import os
import random
import shutil
from pathlib import Path

import pytest

from edgeagent import event
from edgeagent.clock import ManualClock
from edgeagent.config import OutboxConfig
from edgeagent.findings import Notice
from edgeagent.outbox import Letter, Outbox, Platter, PowerDisk, RealDisk, SmallDisk
from edgeagent.outbox.entry import HEADER_BYTES
from edgeagent.outbox.ledger import LEDGER_BYTES

SMALL = OutboxConfig(max_bytes=LEDGER_BYTES + 16384, segment_bytes=1024, max_age_days=0)
AGED = OutboxConfig(segment_bytes=1024, max_age_days=2)
DAY_S = 86400.0
BOOT = "1-aaaaaaaa"


class Bench:
    """An outbox in a folder of its own, and one in memory where the settings name it."""

    def __init__(self, folder: Path, config: OutboxConfig, disk: RealDisk | None = None) -> None:
        self.folder, self.config = folder, config
        self.clock = ManualClock()
        self.told: list[Notice] = []
        self.open(BOOT, disk)

    def open(self, boot: str, disk: RealDisk | None = None) -> None:
        self.box = Outbox.open(
            self.folder, boot, self.config, self.told.append, self.clock, disk or RealDisk()
        )

    def put(self, count: int, kind: str = "object", size: int = 60) -> list[int]:
        return [self.box.put(kind, bytes([n % 256]) * size).seq for n in range(count)]

    def begin_again(self, boot: str, is_killed: bool) -> None:
        """As after kill -9, or else after a power cut that took what was in memory."""
        copy = self.folder.with_name(f"box-{boot}")
        shutil.copytree(self.folder, copy)
        hot = Path(self.config.hot_folder)
        kept = {p.name: p.read_bytes() for p in hot.iterdir()} if self.config.hot_folder else {}
        self.box.close()
        self.folder = copy
        for path in hot.iterdir() if self.config.hot_folder else ():
            path.unlink()
        for name, data in kept.items() if is_killed else ():
            (hot / name).write_bytes(data)
        self.open(boot)

    def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        for _ in range(int(seconds / step_s)):
            self.clock.advance(step_s)
            self.box.tick()

    def drain(self) -> list[Letter]:
        live, backlog = self.box.cursors()
        return [letter for cursor in (backlog, live) for letter in self.box.peek(cursor, 10_000)]

    @property
    def gaps(self) -> list[tuple[str, int, int, str]]:
        told = [event.decode(letter.record) for letter in self.drain() if letter.kind == "gap"]
        return [(e.name, e.first, e.last, e.why) for e in told]


@pytest.fixture
def hot(tmp_path: Path) -> OutboxConfig:
    return OutboxConfig(hot_folder=str(tmp_path / "hot"), hot_s=10.0, segment_bytes=4096)


def test_both_logs_are_read_as_one_row_of_seqs(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", AGED)
    kinds = ["start", "object", "camera_lost", "motion", "zone", "cross", "count", "camera_back"]
    for n in range(200):
        assert bench.box.put(kinds[n % 8], b"%d" % n).seq == n
    live, backlog = bench.box.cursors()
    letters: list[Letter] = []
    while some := bench.box.peek(backlog, 7):
        letters += some
    assert [(x.seq, x.record) for x in letters] == [(n, b"%d" % n) for n in range(200)]
    assert letters[2].kind == "notice"
    assert letters[4].kind == "zone"
    assert {path.suffix for path in bench.folder.iterdir()} == {".log", ".notices", ""}
    bench.box.ack(letters[:150])
    assert bench.box.low(BOOT) == 150
    bench.begin_again("2-bbbbbbbb", is_killed=True)
    assert [x.seq for x in bench.drain() if x.seq >= 150] == list(range(150, 200))
    assert bench.box.last_seq(BOOT) == 199
    assert bench.box.peek(live, 1) == []


def test_notices_stay_when_events_go_and_the_drops_are_one_gap(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    notices = []
    for _ in range(12):
        notices += bench.put(1, "camera_lost", 20)
        bench.put(100)
    letters = bench.drain()
    kept = [letter.seq for letter in letters if letter.kind == "notice"]
    assert kept == notices
    oldest = min(letter.seq for letter in letters if letter.kind == "object")
    assert bench.gaps == [(BOOT, 1, oldest - 1, "full")]


def test_full_notices_refuse_and_health_hears_of_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    seqs = bench.put(100, "camera_lost")
    taken = [seq for seq in seqs if seq >= 0]
    assert 10 < len(taken) < 40
    assert bench.box.lost == 100 - len(taken)
    assert "the notices are full" in bench.box.fault
    assert [(n.part, n.what) for n in bench.told] == [("outbox", "full")]
    assert bench.put(1) == [len(taken)]
    assert bench.box.put("outbox_full", b"x").seq == len(taken) + 1
    letters = bench.drain()
    assert [letter.seq for letter in letters] == list(range(len(taken) + 2))
    bench.box.ack(letters)
    bench.pass_time(2)
    assert bench.box.fault == ""
    assert [(n.part, n.what) for n in bench.told][1:] == [("outbox", "back")]
    assert bench.put(1, "camera_lost")[0] > 0


def test_a_gap_waits_for_room_among_the_notices_and_grows_meanwhile(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    while bench.box.put("outbox_full", bytes(100)).seq >= 0:
        pass
    bench.put(400)
    assert bench.gaps == []
    bench.put(400)
    letters = bench.drain()
    bench.box.ack([letter for letter in letters if letter.kind == "notice"])
    first, last = min(x.seq for x in letters if x.kind == "object"), letters[-1].seq
    (gap,) = bench.gaps
    assert gap == (BOOT, gap[1], first - 1, "full")
    assert bench.box.low(BOOT) == gap[1]
    bench.box.ack([letter for letter in bench.drain() if letter.kind == "gap"])
    assert bench.box.low(BOOT) == first < last


def test_what_is_given_up_is_still_to_come_until_the_broker_knows(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", SMALL)
    bench.put(400)
    assert bench.box.low(BOOT) == 0
    assert bench.gaps != []
    assert bench.box.low(BOOT) == 0
    bench.box.ack([letter for letter in bench.drain() if letter.kind == "gap"])
    assert bench.box.low(BOOT) > 0


def test_events_grow_old_and_notices_do_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", AGED)
    bench.put(1, "camera_lost")
    bench.put(100)
    bench.pass_time(1.5 * DAY_S, 60)
    fresh = bench.put(10)
    assert bench.gaps == []
    bench.pass_time(1.0 * DAY_S, 60)
    assert bench.gaps == [(BOOT, 1, 100, "old")]
    assert [x.seq for x in bench.drain() if x.kind != "gap"] == [0, *fresh]


def test_age_counts_over_a_restart_once_the_clock_is_trusted(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", AGED)
    bench.pass_time(60, 60)
    bench.put(100)
    bench.begin_again("2-bbbbbbbb", is_killed=True)
    bench.pass_time(60, 60)
    bench.put(1)
    bench.begin_again("3-cccccccc", is_killed=True)
    bench.clock.is_trusted = False
    bench.clock.set_wall(1_700_000_000_000 + 30 * 86_400_000)
    bench.pass_time(120, 60)
    assert bench.gaps == []
    bench.clock.is_trusted = True
    bench.pass_time(120, 60)
    assert bench.gaps == [(BOOT, 0, 99, "old")]


def test_a_clock_that_jumps_makes_nothing_old_within_a_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", AGED)
    bench.put(100)
    bench.clock.set_wall(1_900_000_000_000)
    bench.pass_time(300, 60)
    assert (bench.box.lost, bench.box.depth) == (0, 100)


def test_nothing_reaches_the_disk_while_hot_events_are_sent_in_time(
    tmp_path: Path, hot: OutboxConfig
) -> None:
    bench = Bench(tmp_path / "box", hot)
    bench.pass_time(10)
    before = {p.name: p.stat().st_mtime_ns for p in bench.folder.iterdir()}
    written = bench.box.written_bytes
    live, _ = bench.box.cursors()
    for _ in range(200):
        bench.put(5)
        bench.box.ack(bench.box.peek(live, 100))
        bench.pass_time(1)
    bench.put(1)
    assert {p.name: p.stat().st_mtime_ns for p in bench.folder.iterdir()} == before
    assert bench.box.written_bytes == written
    assert sum(p.stat().st_size for p in (tmp_path / "hot").iterdir()) < 3 * 4096 + LEDGER_BYTES


def test_hot_events_not_sent_in_time_are_on_the_disk(tmp_path: Path, hot: OutboxConfig) -> None:
    bench = Bench(tmp_path / "box", hot)
    bench.put(3)
    live, backlog = bench.box.cursors()
    early = bench.box.peek(backlog, 2)
    bench.pass_time(12)
    bench.put(4)
    assert [x.seq for x in bench.box.peek(backlog, 9)] == [2]
    assert [x.seq for x in bench.box.peek(live, 9)] == [3, 4, 5, 6]
    bench.box.ack(early)
    bench.box.sync()
    bench.begin_again("2-bbbbbbbb", is_killed=False)
    assert [x.seq for x in bench.drain()] == [2]


def test_hot_events_and_their_acknowledgements_outlive_kill_9(
    tmp_path: Path, hot: OutboxConfig
) -> None:
    bench = Bench(tmp_path / "box", hot)
    bench.put(100)
    bench.box.ack(bench.drain()[:60])
    bench.pass_time(6)
    bench.begin_again("2-bbbbbbbb", is_killed=True)
    assert [x.seq for x in bench.drain()] == list(range(60, 100))
    bench.pass_time(15)
    bench.begin_again("3-cccccccc", is_killed=False)
    assert [x.seq for x in bench.drain()] == list(range(60, 100))


def test_a_clean_stop_leaves_nothing_hot(tmp_path: Path, hot: OutboxConfig) -> None:
    bench = Bench(tmp_path / "box", hot)
    bench.put(50)
    bench.box.close()
    bench.begin_again("2-bbbbbbbb", is_killed=False)
    assert [x.seq for x in bench.drain()] == list(range(50))


def test_memory_for_hot_events_is_bounded(tmp_path: Path, hot: OutboxConfig) -> None:
    bench = Bench(tmp_path / "box", hot)
    bench.put(3000, size=1000)
    assert sum(p.stat().st_size for p in (tmp_path / "hot").iterdir()) < (1 << 20) + 50_000
    assert [x.seq for x in bench.drain()] == list(range(3000))


def test_a_hot_folder_that_cannot_be_had_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    config = OutboxConfig(hot_folder=str(tmp_path / "file" / "hot"))
    bench = Bench(tmp_path / "box", config)
    bench.put(5)
    assert [x.seq for x in bench.drain()] == [0, 1, 2, 3, 4]
    assert len(list(bench.folder.glob("*.log"))) == 1


def test_no_power_cut_takes_a_ledger_that_was_synced(tmp_path: Path) -> None:
    disk = PowerDisk()
    bench = Bench(tmp_path / "box", AGED, disk)
    bench.put(50)
    letters = bench.drain()
    bench.box.ack(letters[:10])
    bench.box.sync()
    disk.is_deaf = True
    for at in range(10, 50, 10):
        bench.box.ack(letters[at : at + 10])
        bench.box.sync()
    assert bench.box.fault == os.strerror(5)
    platter = Platter()
    for op in disk.ops:
        platter.apply(op)
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, data in platter.after_cut(random.Random(seed)).items():
            (folder / name).write_bytes(data)
        box = Outbox.open(folder, "2-bbbbbbbb", AGED, lambda _: None, bench.clock)
        _, backlog = box.cursors()
        assert all(letter.seq >= 10 for letter in box.peek(backlog, 50))
        box.close()


def test_a_ledger_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    disk = SmallDisk()
    bench = Bench(tmp_path / "box", AGED, disk)
    bench.put(5)
    disk.is_read_only = True
    bench.box.ack(bench.drain()[:2])
    bench.box.sync()
    assert bench.box.fault == os.strerror(30)
    disk.is_read_only = False
    bench.pass_time(6)
    assert bench.box.fault == ""


def test_an_empty_boot_does_not_make_the_last_seq_of_the_one_before_forgotten(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "box", AGED)
    bench.put(5)
    bench.box.ack(bench.drain())
    bench.box.close()
    for number, is_killed in enumerate((True, False, True), start=2):
        bench.begin_again(f"{number}-bbbbbbbb", is_killed)
        assert bench.box.last_seq(BOOT) == bench.box.last_seq_recovered == 4
        assert bench.box.boot_before == BOOT
        bench.box.sync()


def refuse_one(bench: Bench) -> list[Letter]:
    """Give up seq 2 of 0 to 4; return all that is to be sent."""
    bench.put(5)
    letters = bench.drain()
    bench.box.refuse(letters[2])
    return bench.drain()


def test_low_does_not_pass_what_was_given_up_before_the_gap_is_acknowledged(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "box", AGED)
    *rest, gap = refuse_one(bench)
    assert (gap.kind, gap.seq) == ("gap", 5)
    bench.box.ack(rest)
    assert bench.box.low(BOOT) == 2
    assert [letter.kind for letter in bench.drain()] == ["gap"]
    bench.box.ack([gap])
    assert bench.box.low(BOOT) == 6


@pytest.mark.parametrize("is_killed", [False, True])
def test_low_of_an_earlier_boot_waits_for_its_gap_too(tmp_path: Path, is_killed: bool) -> None:
    bench = Bench(tmp_path / "box", AGED)
    *rest, _ = refuse_one(bench)
    bench.box.ack(rest)
    bench.box.sync()
    bench.begin_again("2-bbbbbbbb", is_killed)
    assert bench.box.low(BOOT) == 2
    bench.box.ack(bench.drain())
    assert bench.box.low(BOOT) == 6


def test_no_more_gaps_are_on_their_way_than_can_be_kept_in_mind(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", AGED)
    bench.put(500)
    for letter in bench.drain()[::2]:
        bench.box.refuse(letter)
        bench.drain()
    said = [letter for letter in bench.drain() if letter.kind == "gap"]
    assert len(said) == 64
    bench.box.sync()
    assert bench.box.fault == ""
    for _ in range(10):
        bench.box.ack(bench.drain())
    assert bench.box.depth == 0
    (last,) = bench.put(1)
    assert bench.box.low(BOOT) == last


def test_a_gap_whose_announcement_is_damaged_is_announced_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", AGED)
    refuse_one(bench)
    bench.put(1, "camera_lost")
    bench.box.sync()
    (path,) = bench.folder.glob("*.notices")
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 25] ^= 1
    path.write_bytes(data)
    assert bench.gaps == [(BOOT, 2, 2, "refused"), (BOOT, 5, 5, "damaged")]
    assert bench.box.low(BOOT) == 0
    bench.box.ack(bench.drain())
    bench.box.sync()
    bench.begin_again("2-bbbbbbbb", is_killed=True)
    assert bench.gaps == []
    assert bench.box.low(BOOT) == bench.box.last_seq(BOOT) + 1


def test_notices_are_bounded_by_what_cannot_be_deleted_too(tmp_path: Path) -> None:
    disk = SmallDisk()
    bench = Bench(tmp_path / "box", SMALL, disk)
    disk.is_deaf, disk.unreadable = True, {0}
    for _ in range(50):
        bench.put(2, "camera_lost", size=200)
        bench.drain()
    held = sum(path.stat().st_size for path in bench.folder.glob("*.notices"))
    assert held <= 16384 // 8 + 64
    disk.is_deaf, disk.unreadable = False, set()
    bench.pass_time(6)
    assert bench.gaps != []


def test_what_was_refused_is_not_forgotten_with_the_file_it_was_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box", AGED)
    bench.put(30)
    letters = bench.drain()
    bench.box.sync()
    bench.box.refuse(letters[0])
    bench.box.ack(letters[1:])
    bench.begin_again("2-bbbbbbbb", is_killed=True)
    assert bench.gaps == [(BOOT, 0, 0, "refused")]
