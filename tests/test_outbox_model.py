"""The outbox against a model that cannot lose anything, under every fault there is a name for."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edgeagent import event
from edgeagent.clock import ManualClock
from edgeagent.config import OutboxConfig
from edgeagent.outbox import KilledError, Letter, Outbox, Platter, PowerDisk
from edgeagent.outbox.entry import HEADER_BYTES, Entry, walk
from edgeagent.outbox.ledger import LEDGER_BYTES

CONFIG = OutboxConfig(max_bytes=LEDGER_BYTES + 12000, segment_bytes=1000, sync_s=5.0)
KINDS = ("object", "object", "motion", "zone", "camera_lost")
Key = tuple[str, int]
Image = dict[str, bytes]


def entries_in(data: bytes) -> Iterator[Entry]:
    return walk(lambda size, at: data[at : at + size], HEADER_BYTES, len(data))


def keys_in(image: Image) -> set[Key]:
    """All that can still be read."""
    logs = {name: data for name, data in image.items() if name != "ledger"}
    return {(name.split(".")[1], e.seq) for name, data in logs.items() for e in entries_in(data)}


def named_in(image: Image) -> set[Key]:
    """All that gaps stored there say will not come."""
    logs = [data for name, data in image.items() if name != "ledger"]
    gaps = [e.record for data in logs for e in entries_in(data) if e.kind == "gap"]
    return {key for record in gaps for key in named_by(record)}


def named_by(record: bytes) -> set[Key]:
    gap = event.decode(record)
    return {(gap.name, seq) for seq in range(gap.first, gap.last + 1)}


class OutboxModel(RuleBasedStateMachine):
    is_hot = False
    """Events begin in memory: kill -9 leaves them, a power cut does not."""

    @initialize()
    def begin(self) -> None:
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.home = Path(tempfile.mkdtemp(dir=memory))
        self.clock = ManualClock()
        self.boots = 0
        self.in_flight: list[Letter] = []
        self.stored: dict[Key, bytes] = {}
        self.tried: set[bytes] = set()
        """What a process died of putting: it may have been stored, but nobody was told."""
        self.acked: set[Key] = set()
        self.ever_acked: set[Key] = set()
        self.settled: set[Key] = set()
        """Acknowledged before the last sync: may not come again."""
        self.safe: set[Key] = set()
        """Put before the last sync: no power cut may take it."""
        self.delivered: set[Key] = set()
        self.named: set[Key] = set()
        self.heard: set[Key] = set()
        """Named by gaps that were acknowledged: the broker's side knows."""
        self.refused: set[Key] = set()
        """Given up: not they are to come, but a gap that names them."""
        self.damaged: set[Key] = set()
        self.excused: set[Key] = set()
        self.start({}, {})

    # --- a process begins, and ends

    def start(self, image: Image, memory: Image) -> None:
        self.boots += 1
        self.boot = f"{self.boots}-{self.boots:08d}"
        self.folder, self.hot = self.home / str(self.boots), self.home / f"hot{self.boots}"
        self.left = keys_in(image) | keys_in(memory)
        self.acked &= self.settled
        self.disk, self.platter, self.replayed = PowerDisk(memory=self.hot), Platter(image), 0
        for folder, files in ((self.folder, image), (self.hot, memory)):
            folder.mkdir()
            for name, data in files.items():
                (folder / name).write_bytes(data)
        self.run()

    def run(self) -> None:
        hot = msgspec.structs.replace(CONFIG, hot_folder=str(self.hot), hot_s=5.0)
        config = hot if self.is_hot else CONFIG
        self.box = Outbox.open(
            self.folder, self.boot, config, lambda _: None, self.clock, self.disk
        )
        self.the_link_comes_up_again()

    def the_disk_so_far(self) -> Platter:
        for op in self.disk.ops[self.replayed :]:
            self.platter.apply(op)
        self.replayed = len(self.disk.ops)
        return self.platter

    def the_memory(self) -> Image:
        return {path.name: path.read_bytes() for path in self.hot.iterdir()}

    def end(self, image: Image, memory: Image) -> None:
        """Begin anew with what is left; only what was in the process alone may be missing."""
        if self.box.fault:
            mine = {key for key in self.stored if key[0] == self.boot}
            self.excused |= mine - keys_in(image) - keys_in(memory) - self.safe
        self.box.close()
        self.start(image, memory)

    @rule()
    def kill_9(self) -> None:
        self.end(self.the_disk_so_far().whole(), self.the_memory())

    @rule(seed=st.integers(0, 1 << 32))
    def cut_power(self, seed: int) -> None:
        image = self.the_disk_so_far().after_cut(random.Random(seed))
        self.excused |= self.stored.keys() - self.safe - keys_in(image)
        if self.is_hot:
            # The ledger in memory alone knew that these were sent.
            self.settled.clear()
        self.end(image, {})

    @rule(size=st.integers(0, 400), at=st.integers(0, 420), is_tick=st.booleans())
    def die_in_the_middle_of_a_write(self, size: int, at: int, is_tick: bool) -> None:
        self.disk.dies_after_bytes = at
        try:
            self.time_passes(6.0) if is_tick else self.put([size], "object")
        except KilledError:
            self.disk.dies_after_bytes = None
            self.kill_9()
        self.disk.dies_after_bytes = None

    @rule(data=st.data(), bits=st.integers(1, 3))
    def kill_9_and_flip_bits(self, data: st.DataObject, bits: int) -> None:
        image = self.the_disk_so_far().whole()
        before = keys_in(image)
        names = data.draw(st.lists(st.sampled_from(sorted(image)), min_size=bits, max_size=bits))
        for name in names:
            if image[name]:
                self.flip(image, name, data.draw(st.integers(0, len(image[name]) * 8 - 1)))
        self.damaged |= before - keys_in(image)
        # Nothing tells a torn tail from a damaged one unless the ledger knew of it.
        self.excused |= {key for key in self.damaged if self.is_last_of_its_file(key, image)}
        self.end(image, self.the_memory())

    def flip(self, image: Image, name: str, bit: int) -> None:
        named = named_in(image)
        content = bytearray(image[name])
        content[bit // 8] ^= 1 << bit % 8
        image[name] = bytes(content)
        self.excused |= named - named_in(image)
        if name == "ledger":
            self.settled.clear()
            self.excused |= self.stored.keys() - keys_in(image)

    def is_last_of_its_file(self, key: Key, image: Image) -> bool:
        ends = [max((s for b, s in keys_in({n: d}) if b == key[0]), default=-1)
                for n, d in image.items() if n.split(".")[1:2] == [key[0]]]  # fmt: skip
        return key[1] > min(ends, default=-1)

    @rule()
    def stop_cleanly(self) -> None:
        self.the_disk_is_well()
        self.box.close()
        image = self.the_disk_so_far().whole()
        assert not keys_in(self.the_memory()) & (self.stored.keys() - self.acked - self.refused)
        self.end(image, {})

    # --- those who put, and the one who sends

    @rule(sizes=st.lists(st.integers(0, 300), min_size=1, max_size=12), kind=st.sampled_from(KINDS))
    def put(self, sizes: list[int], kind: str) -> None:
        for size in sizes:
            record = os.urandom(size)
            self.tried.add(record)
            seq = self.box.put(kind, record).seq
            assert seq >= 0 or kind == "camera_lost"
            if seq >= 0:
                assert (self.boot, seq) not in self.stored
                self.stored[self.boot, seq] = record

    @rule(count=st.integers(20, 60), kind=st.sampled_from(KINDS))
    def put_many(self, count: int, kind: str) -> None:
        self.put([400] * count, kind)

    @rule(limit=st.integers(1, 20), is_live=st.booleans())
    def peek(self, limit: int, is_live: bool) -> None:
        self.read(is_live, limit)

    def read(self, is_live: bool, limit: int) -> bool:
        cursor = self.live if is_live else self.backlog
        letters = self.box.peek(cursor, limit)
        assert len(letters) <= limit
        for letter in letters:
            place = int(letter.boot.split("-")[0]), letter.seq
            assert place > self.reached[is_live]
            self.reached[is_live] = place
            self.take(letter)
        return bool(letters)

    def take(self, letter: Letter) -> None:
        key = letter.boot, letter.seq
        assert key not in self.acked
        self.delivered.add(key)
        if letter.kind == "gap":
            self.named |= named_by(letter.record)
        elif key in self.stored:
            assert letter.record == self.stored[key]
        else:
            assert letter.boot != self.boot
            assert letter.record in self.tried
            self.stored[key] = letter.record
        self.in_flight.append(letter)

    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        if self.in_flight:
            count = data.draw(st.integers(1, len(self.in_flight)))
            self.acknowledge(data.draw(st.permutations(self.in_flight))[:count])

    def acknowledge(self, letters: list[Letter]) -> None:
        self.box.ack(letters)
        self.ever_acked |= {(letter.boot, letter.seq) for letter in letters}
        self.acked |= {(letter.boot, letter.seq) for letter in letters}
        gaps = [letter.record for letter in letters if letter.kind == "gap"]
        self.heard |= {key for record in gaps for key in named_by(record)}
        self.in_flight = [letter for letter in self.in_flight if letter not in letters]

    @rule(count=st.integers(1, 5), acked=st.integers(1, 5))
    def on_line_for_a_while(self, count: int, acked: int) -> None:
        self.put([20] * count, "object")
        self.read(True, 50)
        self.acknowledge(self.in_flight[-acked:])
        self.sync()

    @precondition(lambda self: self.in_flight)
    @rule()
    def refuse(self) -> None:
        letter = self.in_flight.pop()
        if letter.kind != "gap":
            self.refused.add((letter.boot, letter.seq))
            self.box.refuse(letter)

    @rule()
    def the_link_comes_up_again(self) -> None:
        self.live, self.backlog = self.box.cursors()
        self.reached = {True: (-1, -1), False: (-1, -1)}
        self.in_flight = []

    # --- time, and the disk

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.box.tick()
        if seconds > CONFIG.sync_s:
            self.note_what_is_synced()

    def note_what_is_synced(self) -> None:
        if not self.box.fault:
            on_disk = keys_in(self.the_disk_so_far().whole())
            self.safe |= self.stored.keys() & on_disk if self.is_hot else self.stored.keys()
            self.settled |= self.acked

    @rule()
    def sync(self) -> None:
        self.box.sync()
        self.note_what_is_synced()

    @rule(room_bytes=st.integers(0, 3000))
    def the_disk_fills(self, room_bytes: int) -> None:
        self.disk.room_bytes = room_bytes

    @rule()
    def the_disk_becomes_read_only(self) -> None:
        self.disk.is_read_only = True

    @rule()
    def syncs_fail(self) -> None:
        self.disk.is_deaf = True

    @rule(page=st.integers(0, 1))
    def a_page_cannot_be_read(self, page: int) -> None:
        # Announcements may be in the page, too.
        self.excused |= named_in(self.the_disk_so_far().whole())
        self.disk.unreadable = {page}
        self.the_link_comes_up_again()
        before = len(self.disk.ops)
        while self.read(False, 5):
            pass
        ops = [op for op in self.disk.ops[before:] if op.name != "ledger"]
        written = {str(n): bytes(HEADER_BYTES) + op.data for n, op in enumerate(ops)}
        self.excused |= named_in(written)
        self.disk.unreadable = set()
        self.the_link_comes_up_again()

    @rule()
    def the_disk_is_well(self) -> None:
        self.disk.room_bytes = 1 << 40
        self.disk.is_read_only = self.disk.is_deaf = False
        self.time_passes(6.0)

    # --- what must hold

    @invariant()
    def low_is_never_above_what_the_broker_does_not_know(self) -> None:
        waiting = self.stored.keys() - self.ever_acked - self.heard - self.excused
        for boot in {boot for boot, _ in waiting}:
            assert self.box.low(boot) <= min(seq for b, seq in waiting if b == boot)

    @invariant()
    def the_folder_is_bounded(self) -> None:
        if not self.disk.is_read_only:
            held = sum(path.stat().st_size for path in self.folder.iterdir())
            assert held <= CONFIG.max_bytes + 1000

    def teardown(self) -> None:
        if hasattr(self, "box"):
            self.the_disk_is_well()
            self.everything_comes_or_is_named()
            self.box.close()
            shutil.rmtree(self.home)

    def everything_comes_or_is_named(self) -> None:
        for _ in range(3):
            self.the_link_comes_up_again()
            for is_live in (False, True):
                while self.read(is_live, 50):
                    self.box.ack([x for x in self.in_flight if x.kind != "object"])
        lost = self.stored.keys() - self.delivered - self.named - self.excused
        assert not lost, sorted(lost)


class HotOutboxModel(OutboxModel):
    is_hot = True


EXAMPLES = int(os.environ.get("OUTBOX_EXAMPLES", "100"))
STEPS = settings(
    stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
OutboxModel.TestCase.settings = settings(STEPS, max_examples=EXAMPLES)
HotOutboxModel.TestCase.settings = settings(STEPS, max_examples=EXAMPLES // 2)
test_nothing_is_lost_unnamed_whatever_happens = OutboxModel.TestCase
test_nor_while_events_begin_in_memory = HotOutboxModel.TestCase
