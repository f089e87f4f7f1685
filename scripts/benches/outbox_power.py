"""A power cut after every write, replayed; part of `scripts/bench outbox`.

The outbox runs on a `PowerDisk`, which remembers what was done to it: five events a second, on
line, away, full, and back. Then for every prefix of that, a disk is made as a cut at that point may
leave it (any choice of the sectors not synced, torn at 512 bytes, in any order; any beginning of
what was done to the folder), the outbox is opened on it, and all is read.
"""

import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgeagent import event
from edgeagent.clock import ManualClock
from edgeagent.config import OutboxConfig
from edgeagent.outbox import Letter, Outbox, Platter, PowerDisk
from edgeagent.outbox.ledger import LEDGER_BYTES

Row = dict[str, str | int | float | bool]
Key = tuple[str, int]
BOOT = "1-aaaaaaaa"
CONFIG = OutboxConfig(max_bytes=LEDGER_BYTES + 60_000, segment_bytes=8192, sync_s=5.0)
STEP_S = 0.2
PHASES = ("on line", "away", "on line", "slow")
"""A quarter of the run each; the outbox is full before the second ends."""


@dataclass(slots=True)
class Story:
    """What was done, by the number of writes before it, and when."""

    disk: PowerDisk = field(default_factory=PowerDisk)
    records: dict[Key, bytes] = field(default_factory=dict)
    put: list[tuple[int, float, Key]] = field(default_factory=list)
    acked: list[tuple[int, float, Key]] = field(default_factory=list)
    said: list[tuple[int, Key]] = field(default_factory=list)
    """What acknowledged gaps named."""
    time_s: list[tuple[int, float]] = field(default_factory=list)
    """Writes, and when they were done."""

    @property
    def at(self) -> int:
        """How many writes there were."""
        return len(self.disk.ops)


def record_story(folder: Path, steps: int, seed: int) -> Story:
    """Return the story of one run of ``steps`` events."""
    story, clock, chance = Story(), ManualClock(0.0), random.Random(seed)
    box = Outbox.open(folder, BOOT, CONFIG, lambda _: None, clock, story.disk)
    live, backlog = box.cursors()
    for step in range(steps):
        clock.advance(STEP_S)
        now_s, record = clock.mono_s(), chance.randbytes(chance.randint(20, 400))
        kind = "camera_lost" if step % 50 == 0 else "object"
        seq = box.put(kind, record).seq
        if seq >= 0:
            story.records[BOOT, seq] = record
            story.put.append((story.at, now_s, (BOOT, seq)))
        phase = PHASES[step * len(PHASES) // steps]
        if phase != "away" and step % (5 if phase == "on line" else 20) == 0:
            letters = [*box.peek(live, 8), *box.peek(backlog, 12)]
            # Before, as an acknowledgement may delete files.
            story.acked += [(story.at, now_s, (x.boot, x.seq)) for x in letters]
            story.said += [(story.at, key) for key in named(letters)]
            box.ack(letters)
        box.tick()
        story.time_s.append((story.at, now_s))
    box.close()
    return story


@dataclass(slots=True)
class Sum:
    """What all the cuts came to."""

    images: int = 0
    lost: int = 0
    worst_s: float = 0.0
    """Age of the oldest event lost by a cut."""
    twice_s: float = 0.0
    """Age of the oldest acknowledgement undone by one."""
    garbage: int = 0
    unnamed: int = 0
    """Events lost that were put more than the sync interval before the cut."""


def replay(story: Story, every: int, images: int, seed: int) -> Sum:
    """Cut the power after every ``every``-th write, ``images`` times each."""
    platter, total, chance = Platter(), Sum(), random.Random(seed)
    times = iter(story.time_s)
    until, now_s = next(times)
    for at, op in enumerate(story.disk.ops, 1):
        platter.apply(op)
        while at > until:
            until, now_s = next(times, (len(story.disk.ops), now_s))
        if at % every == 0:
            for _ in range(images):
                judge(story, platter.after_cut(chance), at, now_s, total)
    return total


def judge(story: Story, image: dict[str, bytes], at: int, now_s: float, total: Sum) -> None:
    """Open what a cut after ``at`` writes left, and add what is wrong with it to ``total``."""
    with tempfile.TemporaryDirectory(dir=memory()) as name:
        for file, data in image.items():
            (Path(name) / file).write_bytes(data)
        letters = list(read(Path(name)))
    total.images += 1
    mine = {(x.boot, x.seq): x.record for x in letters if x.boot == BOOT and x.kind != "gap"}
    total.garbage += sum(record != story.records.get(key) for key, record in mine.items())
    acked = {key: when_s for n, when_s, key in story.acked if n <= at}
    said = {key for n, key in story.said if n <= at}
    told = mine.keys() | acked.keys() | said | named(letters)
    for n, when_s, key in story.put:
        if n <= at and key not in told:
            total.lost += 1
            total.worst_s = max(total.worst_s, now_s - when_s)
            total.unnamed += now_s - when_s > CONFIG.sync_s
    again = [now_s - when_s for key, when_s in acked.items() if key in mine]
    total.twice_s = max([total.twice_s, *again])


def memory() -> str | None:
    """Return a folder in memory where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def read(folder: Path) -> Iterator[Letter]:
    """Yield all that is in an outbox, as the next boot finds it."""
    box = Outbox.open(folder, "2-bbbbbbbb", CONFIG, lambda _: None, ManualClock(0.0))
    for cursor in reversed(box.cursors()):
        while letters := box.peek(cursor, 500):
            yield from letters
    box.close()


def named(letters: Iterable[Letter]) -> set[Key]:
    """Return what gaps say will not come."""
    gaps = [event.decode(letter.record) for letter in letters if letter.kind == "gap"]
    return {(gap.name, seq) for gap in gaps for seq in range(gap.first, gap.last + 1)}


def cuts(steps: int, every: int, images: int, seed: int = 1) -> Row:
    """Return the row of the table."""
    with tempfile.TemporaryDirectory(dir=memory()) as name:
        story = record_story(Path(name) / "box", steps, seed)
    total = replay(story, every, images, seed)
    return {
        "what": "power cut",
        "writes": story.at,
        "cuts": total.images,
        "lost_a_cut": round(total.lost / max(total.images, 1), 2),
        "oldest_lost_s": round(total.worst_s, 1),
        "oldest_twice_s": round(total.twice_s, 1),
        "bar_s": CONFIG.sync_s,
        "garbage": total.garbage,
        "met": not total.garbage and not total.unnamed and total.twice_s <= CONFIG.sync_s,
    }
