"""The outbox against a model that cannot lose anything, under crashes, power cuts and damage."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edgeagent import event
from edgeagent.clock import ManualClock
from edgeagent.config import OutboxConfig
from edgeagent.outbox import Letter, Outbox, SmallDisk
from edgeagent.outbox.ledger import LEDGER_BYTES

CONFIG = OutboxConfig(max_bytes=LEDGER_BYTES + 12000, segment_bytes=1000, sync_s=5.0)
Key = tuple[str, int]


class OutboxModel(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.disk = SmallDisk(1 << 30)
        self.boots = 0
        self.stored: dict[Key, bytes] = {}
        self.acked: set[Key] = set()
        self.delivered: set[Key] = set()
        self.named: set[Key] = set()
        self.excused: set[Key] = set()
        self.open(self.home / "0")

    def open(self, folder: Path) -> None:
        self.folder = folder
        self.boots += 1
        self.boot = f"{self.boots}-0000000{self.boots % 10}"
        self.box = Outbox.open(folder, self.boot, CONFIG, lambda _: None, self.clock, self.disk)
        self.live, self.backlog = self.box.cursors()
        self.in_flight: list[Letter] = []
        self.note_sizes()

    def teardown(self) -> None:
        if hasattr(self, "box"):
            self.disk.room_bytes = 1 << 30
            self.clock.advance(10)
            self.box.tick()
            self.everything_comes_or_is_named()
            self.box.close()
            shutil.rmtree(self.home)

    @rule(sizes=st.lists(st.integers(0, 300), min_size=1, max_size=12))
    def put(self, sizes: list[int]) -> None:
        for size in sizes:
            record = os.urandom(size)
            seq = self.box.put("object", record).seq
            assert (self.boot, seq) not in self.stored
            self.stored[self.boot, seq] = record

    @rule(size=st.just(400), count=st.integers(20, 60))
    def put_many(self, size: int, count: int) -> None:
        self.put([size] * count)

    @rule(limit=st.integers(1, 20), is_live=st.booleans())
    def peek(self, limit: int, is_live: bool) -> None:
        letters = self.box.peek(self.live if is_live else self.backlog, limit)
        assert len(letters) <= limit
        places = [(letter.segment, letter.seq) for letter in letters]
        assert places == sorted(places)
        self.take(letters)

    def take(self, letters: list[Letter]) -> None:
        for letter in letters:
            key = letter.boot, letter.seq
            assert key not in self.acked or letter.boot != self.boot
            self.delivered.add(key)
            if letter.kind == "gap":
                gap = event.decode(letter.record)
                self.named |= {(gap.name, seq) for seq in range(gap.first, gap.last + 1)}
            else:
                assert letter.record == self.stored[key]
        self.in_flight += letters

    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        if self.in_flight:
            count = data.draw(st.integers(1, len(self.in_flight)))
            chosen = data.draw(st.permutations(self.in_flight))[:count]
            self.box.ack(chosen)
            self.acked |= {(letter.boot, letter.seq) for letter in chosen}
            self.in_flight = [letter for letter in self.in_flight if letter not in chosen]

    @rule()
    def the_link_comes_up_again(self) -> None:
        self.live, self.backlog = self.box.cursors()
        self.in_flight = []

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.box.tick()
        self.note_sizes()

    @rule(room_bytes=st.integers(0, 3000))
    def the_disk_fills(self, room_bytes: int) -> None:
        self.disk.room_bytes = room_bytes

    @rule()
    def the_disk_has_room(self) -> None:
        self.disk.room_bytes = 1 << 30
        self.time_passes(2.0)

    @rule()
    def sync(self) -> None:
        self.box.sync()
        self.note_sizes()

    def note_sizes(self) -> None:
        """What is synced, no power cut takes."""
        self.synced = {path.name: path.stat().st_size for path in self.folder.glob("*.log")}

    @rule()
    def kill_9(self) -> None:
        self.crash(cut=0)

    @rule(cut=st.integers(1, 2000))
    def cut_power(self, cut: int) -> None:
        self.crash(cut)

    @rule()
    def stop_cleanly(self) -> None:
        self.box.close()
        self.excuse_memory()
        self.open(self.folder)

    def crash(self, cut: int) -> None:
        copy = self.home / str(self.boots)
        shutil.copytree(self.folder, copy)
        tails = sorted(copy.glob(f"*.{self.boot}.log"))
        if tails and cut:
            size = tails[-1].stat().st_size
            os.truncate(tails[-1], max(size - cut, self.synced.get(tails[-1].name, 0)))
        before = self.boot
        self.excuse_memory()
        self.box.close()
        self.open(copy)
        if cut:
            last = self.box.last_seq(before)
            self.excused |= {k for k in self.stored if k[0] == before and k[1] > last}

    def excuse_memory(self) -> None:
        """What was in the ring alone dies with the process; that is documented."""
        if self.disk.room_bytes < 1 << 20:
            self.excused |= {key for key in self.stored if key[0] == self.boot}

    @invariant()
    def low_is_never_above_what_is_to_come(self) -> None:
        waiting = [s for b, s in self.stored if b == self.boot and (b, s) not in self.acked]
        if waiting and self.box.lost == 0:
            assert self.box.low(self.boot) <= min(waiting)

    @invariant()
    def the_folder_is_bounded(self) -> None:
        held = sum(path.stat().st_size for path in self.folder.iterdir())
        assert held <= CONFIG.max_bytes + 1000

    def everything_comes_or_is_named(self) -> None:
        for _ in range(2):
            self.the_link_comes_up_again()
            for cursor in (self.backlog, self.live):
                while letters := self.box.peek(cursor, 50):
                    self.take(letters)
        lost = set(self.stored) - self.delivered - self.named - self.excused
        assert lost == set()


OutboxModel.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
test_nothing_is_lost_unnamed_whatever_happens = OutboxModel.TestCase

WRITER = """
import os
import sys
from pathlib import Path
from edgeagent.clock import SystemClock
from edgeagent.config import OutboxConfig
from edgeagent.outbox import Outbox
box = Outbox.open(Path(sys.argv[1]), sys.argv[2], OutboxConfig(), print, SystemClock())
while True:
    seq = box.put("object", b"event" * 40).seq
    os.write(1, b"%d\\n" % seq)
"""


def test_kill_9_of_a_writing_process_loses_nothing_it_was_told_was_stored(tmp_path: Path) -> None:
    told = 0
    for n in range(1, 5):
        boot = f"{n}-abcdef0{n}"
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "box"), boot], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        for _ in range(2000 * n):
            line = writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        line = (writer.stdout.read().splitlines(keepends=True) or [line])[-1]
        writer.stdout.close()
        writer.wait()
        told += int(line) + 1
    box = Outbox.open(tmp_path / "box", "9-abcdef09", OutboxConfig(), lambda _: None, ManualClock())
    _, backlog = box.cursors()
    seqs: dict[str, list[int]] = {}
    while letters := box.peek(backlog, 500):
        for letter in letters:
            assert letter.record == b"event" * 40
            seqs.setdefault(letter.boot, []).append(letter.seq)
    box.close()
    assert all(found == list(range(len(found))) for found in seqs.values())
    assert told <= sum(map(len, seqs.values())) <= told + 4
