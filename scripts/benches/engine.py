"""scripts/bench engine: what it costs to have the interpreter in a child process.

Each turn asks the same model the same picture in this process and in a child, and sends a message
to a third process and back; all in a new order each turn. A memcpy of the input is timed in every
turn, too. The child may cost two round trips, 10 us and one memcpy more than this process, median
against median.

Both other processes are bound to a CPU: to this process's own ("together"), and to another one
("apart"), where the scheduler puts what works for milliseconds, and where both sides are woken out
of sleep by a signal from CPU to CPU. How deep that sleep is depends on its length, so the partner
works for as long as the interpreter in the child just did, says how long that was, and it is taken
off. What a round trip costs that is answered at once stands beside it ("bare").

Turns in which one of the three waited for a CPU that another program had are not counted (the
kernel's own account, /proc/PID/schedstat); the bench goes on until it has its number of turns, or
has tried four times as often. With fewer than a hundred it is too busy here to tell; root can push
in with ``chrt -f 1 scripts/bench engine``.

Models: one that does next to nothing, for inputs of 49 and 150 KB; the extractor that ships
(49 KB); Coral's (150 KB) where EDGEAGENT_TESTDATA has it.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edgeagent.engines import Engine, open_engine  # noqa: E402
from edgeagent.engines.child import Worker, open_child  # noqa: E402
from edgeagent.engines.deadline import Deadline  # noqa: E402
from edgeagent.model import Bundle, bundles_folder, find_bundle  # noqa: E402
from edgeagent.tensor import TensorSpec  # noqa: E402
from scripts.benches import pooling  # noqa: E402

ROUND_TRIPS = 2
MORE_US = 10.0
MAX_WAIT_NS = 300_000
"""In a turn, in all: each of six wake-ups waits for the other side to go to sleep, some 10 us."""
MAX_TRIES = 4
MIN_TURNS = 100
CORAL = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"

PARTNER = """
import socket, struct, sys, time
with socket.socket(fileno=int(sys.argv[1])) as parent:
    message = bytearray(8)
    while parent.recv_into(message):
        began_ns = time.perf_counter_ns()
        until_ns = began_ns + struct.unpack("q", message)[0]
        while (now_ns := time.perf_counter_ns()) < until_ns:
            pass
        parent.send(struct.pack("q", now_ns - began_ns))
"""


@dataclass(frozen=True)
class Row:
    """Medians of one model, microseconds."""

    model: str
    place: str
    input_bytes: int
    turns: int
    tried: int
    here_us: float
    child_us: float
    interpreter_here_us: float
    interpreter_child_us: float
    round_trip_us: float
    bare_round_trip_us: float
    copy_us: float
    more_us: float
    """Median of the paired differences, child less in-process."""
    allowed_us: float

    @property
    def verdict(self) -> str:
        """``met``, ``MISSED``, or ``TOO BUSY`` to tell."""
        if self.turns < MIN_TURNS:
            return "TOO BUSY"
        return "met" if self.more_us <= self.allowed_us else "MISSED"


@contextmanager
def partnership(cpu: int) -> Iterator[tuple[socket.socket, int]]:
    """Start a process that works for as long as it is told; yield our end, and its id."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-c", PARTNER, str(theirs.fileno())]
    child = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    theirs.close()
    bind(child.pid, cpu)
    with ours:
        yield ours, child.pid
    child.wait(5)


class Waiting:
    """How long some threads have waited for a CPU while they could have run."""

    def __init__(self, threads: list[int]) -> None:
        self._accounts = [os.open(f"/proc/{thread}/schedstat", os.O_RDONLY) for thread in threads]
        self._seen_ns = 0

    def since_last_ns(self) -> int:
        """Return the sum over the threads since this was asked last."""
        told = [os.pread(account, 64, 0).split() for account in self._accounts]
        before_ns, self._seen_ns = self._seen_ns, sum(int(fields[1]) for fields in told)
        return self._seen_ns - before_ns

    def close(self) -> None:
        """Close the accounts."""
        for account in self._accounts:
            os.close(account)


class Turns:
    """Everything that is timed in a turn, and what it took the last time, in nanoseconds."""

    def __init__(self, here: Engine, child: Engine, partner: socket.socket) -> None:
        self._engines = {"here": here, "child": child}
        self._partner = partner
        self._message = bytearray(8)
        self._picture = np.random.default_rng(1).integers(0, 256, here.takes.shape, np.uint8)
        self._copy = np.empty_like(self._picture)
        self._work_ns = 0
        self._parts: dict[str, Callable[[], None]] = {
            "here": lambda: self._ask("here"),
            "child": lambda: self._ask("child"),
            "round_trip": lambda: self._round_trip("round_trip", self._work_ns),
            "bare_round_trip": lambda: self._round_trip("bare_round_trip", 0),
        }
        names = [*self._parts, "copy", "interpreter_here", "interpreter_child"]
        self.taken_ns: dict[str, int] = dict.fromkeys(names, 0)

    def take(self, order: random.Random) -> None:
        """Time each part once."""
        parts = list(self._parts.values())
        order.shuffle(parts)
        for part in parts:
            part()
        began_ns = time.perf_counter_ns()
        np.copyto(self._copy, self._picture)
        self._note("copy", began_ns)

    def _ask(self, name: str) -> None:
        with self._engines[name].seat() as seat:
            np.copyto(seat.input, self._picture)
            began_ns = time.perf_counter_ns()
            seat.run()
            self._note(name, began_ns)
            self._work_ns = seat.invoke_us * 1000
        self.taken_ns[f"interpreter_{name}"] = self._work_ns

    def _round_trip(self, name: str, work_ns: int) -> None:
        began_ns = time.perf_counter_ns()
        self._partner.send(work_ns.to_bytes(8, sys.byteorder))
        self._partner.recv_into(self._message)
        self._note(name, began_ns + int.from_bytes(self._message, sys.byteorder))

    def _note(self, name: str, began_ns: int) -> None:
        self.taken_ns[name] = time.perf_counter_ns() - began_ns


def bind(pid: int, cpu: int) -> None:
    """Bind each thread of a process to a CPU."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cpu})


def measure(bundle: Bundle, place: str, calls: int) -> Row:
    """Return the row of one model; the first tenth of the turns is for getting warm."""
    worker = Worker("cpu", None)
    here, child = open_engine(bundle), open_child(bundle, "cpu", worker, Deadline())
    ours, other = sorted(os.sched_getaffinity(0))[:2]
    theirs = ours if place == "together" else other
    bind(worker.pid, theirs)
    with bound_to(ours), partnership(theirs) as (partner, partner_pid):
        waiting = Waiting([threading.get_native_id(), worker.pid, partner_pid])
        taken_ns, tried = take_turns(Turns(here, child, partner), waiting, calls)
        waiting.close()
    for engine in (here, child):
        engine.close()
    return _row(bundle, place, tried, taken_ns)


def take_turns(turns: Turns, waiting: Waiting, calls: int) -> tuple[dict[str, list[int]], int]:
    """Return what each part took in the turns that count, and how many turns were tried."""
    order = random.Random(1)
    for _ in range(calls // 10):
        turns.take(order)
    waiting.since_last_ns()
    counted = {name: list[int]() for name in turns.taken_ns}
    tried = 0
    while len(counted["here"]) < calls and tried < MAX_TRIES * calls:
        turns.take(order)
        tried += 1
        if waiting.since_last_ns() <= MAX_WAIT_NS:
            for name, taken_ns in turns.taken_ns.items():
                counted[name].append(taken_ns)
    return counted, tried


@contextmanager
def bound_to(cpu: int) -> Iterator[None]:
    """Bind this thread to a CPU meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _row(bundle: Bundle, place: str, tried: int, taken_ns: dict[str, list[int]]) -> Row:
    turns = len(taken_ns["here"])
    medians = {f"{name}_us": _median_us(taken) for name, taken in taken_ns.items()}
    pairs = zip(taken_ns["child"], taken_ns["here"], strict=True)
    return Row(
        bundle.name,
        place,
        int(np.prod(bundle.files["cpu"].input.shape)),
        turns,
        tried,
        more_us=_median_us([child - here for child, here in pairs]),
        allowed_us=ROUND_TRIPS * medians["round_trip_us"] + MORE_US + medians["copy_us"],
        **medians,
    )


def _median_us(taken_ns: list[int]) -> float:
    return statistics.median(taken_ns or [0]) / 1000


def bundles(folder: Path) -> Iterator[Bundle]:
    """Yield what is measured."""
    yield pooling.bundle(folder, 128)
    yield pooling.bundle(folder, 224)
    ships = find_bundle("embed88-128", [bundles_folder()])
    yield ships
    coral = Path(os.environ.get("EDGEAGENT_TESTDATA", "")) / "models" / CORAL
    if coral.is_file():
        yield _coral(ships, coral)


def _coral(like: Bundle, path: Path) -> Bundle:
    taken = TensorSpec("input", (1, 224, 224, 3), "uint8", 0.0078125, 128)
    given = TensorSpec("#0", (1, 1, 1, 1024), "uint8", 0.023528477177023888, 0)
    file = replace(like.files["cpu"], path=path, input=taken, outputs={"vector": given})
    return replace(like, name="coral-224", files={"cpu": file})


def show(rows: list[Row]) -> None:
    """Print the table for a person."""
    print(f"{'us, medians':28}  interpreter{'':17}round trip")
    print(
        f"{'model':12} {'place':8} {'input':>6} {'here':>7} {'child':>7} {'here':>8} {'child':>8} "
        f"{'bare':>6} {'':>6} {'memcpy':>6} {'more':>7} {'allowed':>8}"
    )
    for row in rows:
        print(
            f"{row.model:12} {row.place:8} {row.input_bytes / 1000:3.0f} KB "
            f"{row.interpreter_here_us:7.0f} {row.interpreter_child_us:7.0f} "
            f"{row.here_us:8.1f} {row.child_us:8.1f} {row.bare_round_trip_us:6.1f} "
            f"{row.round_trip_us:6.1f} {row.copy_us:6.1f} {row.more_us:7.1f} "
            f"{row.allowed_us:8.1f}  {row.verdict} ({row.turns} of {row.tried} turns)"
        )


def main() -> int:
    """Print the table; return 1 where the bar is missed, 2 where it is too busy here to tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure(bundle, place, options.calls)
            for bundle in bundles(Path(folder))
            for place in ("together", "apart")
        ]
    if options.json:
        print(json.dumps([{**asdict(row), "verdict": row.verdict} for row in rows]))
    else:
        show(rows)
    verdicts = {row.verdict for row in rows}
    return 1 if "MISSED" in verdicts else 2 if "TOO BUSY" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
