"""An interpreter in a child process: the same answers, and whatever it does, the parent goes on."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeagent.engines import open_engine
from edgeagent.engines.child import ChildEngine, Delegate, Worker, open_child
from edgeagent.engines.deadline import Deadline
from edgeagent.errors import AcceleratorError, BundleError, Cause, RuntimeRefusedError
from edgeagent.model import Bundle, bundles_folder, find_bundle

from .edgetpu_sim import build
from .edgetpu_sim.simulator import Kind, Simulator

EXTRACTOR = find_bundle("embed88-128", [bundles_folder()])
DETECTOR = find_bundle("coco16-320", [bundles_folder()])
HASTY = Deadline(times_p99=2, at_least_s=0.2, load_s=20)


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker("cpu", None)
    yield made
    made.close()


def run(engine: ChildEngine) -> None:
    with engine.seat() as seat:
        seat.run()


def gone(pid: int, within_s: float) -> bool:
    """Say whether ``pid``, which may be a zombie of somebody else's, ends in time."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.005)
    return False


@contextmanager
def loss(cause: Cause) -> Iterator[pytest.ExceptionInfo[AcceleratorError]]:
    with pytest.raises(AcceleratorError) as raised:
        yield raised
    assert raised.value.cause == cause


@pytest.mark.parametrize("bundle", [EXTRACTOR, DETECTOR], ids=lambda bundle: bundle.name)
def test_it_answers_bit_for_bit_as_the_agents_own_process_does(
    bundle: Bundle, worker: Worker
) -> None:
    here, child = open_engine(bundle), open_child(bundle, "cpu", worker, Deadline())
    random = np.random.default_rng(5)
    for _ in range(10):
        picture = random.integers(0, 256, here.takes.shape, np.uint8)
        with here.seat() as ours, child.seat() as theirs:
            ours.input[...] = theirs.input[...] = picture
            expected, given = ours.run(), theirs.run()
            assert expected.keys() == given.keys()
            assert all((expected[role] == given[role]).all() for role in expected)
    here.close()
    child.close()


def test_through_the_delegate_it_answers_bit_for_bit_too(pair: Bundle, tpu: Worker) -> None:
    here, child = open_engine(pair), open_child(pair, "edgetpu", tpu, Deadline())
    assert child.name == "sim"
    assert child.file is pair.files["edgetpu"]
    assert tpu.library_version == "EDGETPU-SIM"
    picture = np.random.default_rng(6).integers(0, 256, here.takes.shape, np.uint8)
    with here.seat() as ours, child.seat() as theirs:
        ours.input[...] = theirs.input[...] = picture
        assert (ours.run()["vector"] == theirs.run()["vector"]).all()


def test_the_time_in_the_interpreter_is_without_the_way_there_and_back(worker: Worker) -> None:
    engine = open_child(EXTRACTOR, "cpu", worker, Deadline())
    with engine.seat() as seat:
        began_s = time.perf_counter()
        seat.run()
        around_us = (time.perf_counter() - began_s) * 1e6
        assert 0 < seat.invoke_us < around_us
    assert engine.load_ms > 0
    assert engine.first_ms > 0
    assert engine.story.startswith("embed88-128 7fd2c739 by ai-edge-litert ")


FAULTS: dict[Kind, tuple[Cause, str]] = {
    "abort": ("abort", "its process died of SIGABRT while running (F driver/usb/usb_driver.cc"),
    "crash": ("abort", "its process died of SIGSEGV while running"),
    "hang": ("hang", "no answer within 0.2 s, it was killed"),
    "error": ("error", "a run failed: "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_that_fails_names_its_cause_keeps_the_frame_and_can_be_opened_again(
    fault: Kind, pair: Bundle, tpu: Worker, edgetpu: Simulator
) -> None:
    engine = open_child(pair, "edgetpu", tpu, HASTY)
    process = tpu.pid
    edgetpu.fault(fault, once=True)
    cause, told = FAULTS[fault]
    with loss(cause) as raised, engine.seat() as seat:
        seat.input[...] = 99
        seat.run()
    assert str(raised.value).startswith(f"engine 'tpu usb:0': {told}")
    assert (engine.input == 99).all()
    assert not engine.alive
    assert not tpu.alive
    assert gone(process, 1)
    with loss(cause), engine.seat():
        pass
    engine.close()
    again = open_child(pair, "edgetpu", tpu, HASTY)
    run(again)
    assert tpu.pid not in (0, process)


def faulty(kind: Kind, number: int = 0) -> Callable[[Simulator], None]:
    return lambda edgetpu: edgetpu.fault(kind, number)


LOAD_FAULTS: dict[str, tuple[Callable[[Simulator], None], Cause, str]] = {
    "absent": (lambda edgetpu: edgetpu.unplug(), "no_device", "finds no device usb:0"),
    "denied": (faulty("denied"), "permission", "Permission denied"),
    "constructor": (faulty("crash_constructor"), "mismatch", "SIGSEGV while loading"),
    "create": (faulty("crash_create", signal.SIGILL), "mismatch", "SIGILL while loading"),
    "prepare": (faulty("crash_prepare"), "mismatch", "SIGSEGV while loading"),
    "abort": (faulty("crash_create", signal.SIGABRT), "abort", "SIGABRT while loading"),
    "hang": (faulty("hang_create"), "hang", "no answer within 3 s, it was killed"),
}


@pytest.mark.parametrize("fault", LOAD_FAULTS)
def test_a_load_that_fails_names_its_cause_and_leaves_no_process(
    fault: str, pair: Bundle, tpu: Worker, edgetpu: Simulator
) -> None:
    prepare, cause, told = LOAD_FAULTS[fault]
    prepare(edgetpu)
    with loss(cause) as raised:
        open_child(pair, "edgetpu", tpu, replace(HASTY, load_s=3))
    assert told in str(raised.value)
    assert not tpu.alive


def test_a_library_that_is_missing_none_or_deadly_is_told_apart(
    pair: Bundle, edgetpu_libraries: build.Libraries
) -> None:
    causes: dict[str, Cause] = {
        "/nowhere/libedgetpu.so.1": "library",
        str(edgetpu_libraries.no_delegate): "library",
        str(edgetpu_libraries.crashing): "mismatch",
    }
    for library, cause in causes.items():
        worker = Worker("tpu", Delegate(library))
        with loss(cause) as raised:
            open_child(pair, "edgetpu", worker, HASTY)
        assert not worker.alive
        if cause == "library":
            assert library in str(raised.value)
            assert str(raised.value).endswith("; install libedgetpu")


def test_the_delegate_may_be_asked_for_at_each_load(pair: Bundle, edgetpu: Simulator) -> None:
    asked: list[int] = []

    def look_up() -> Delegate:
        asked.append(1)
        return Delegate(str(edgetpu.library), {"device": "usb:0"})

    worker = Worker("tpu", look_up)
    with loss("no_device"):
        open_child(pair, "edgetpu", worker, HASTY)
    edgetpu.plug()
    open_child(pair, "edgetpu", worker, HASTY).close()
    assert len(asked) == 2
    assert not worker.alive


def test_a_compiled_file_without_a_delegate_is_refused_as_everywhere(
    pair: Bundle, worker: Worker
) -> None:
    with pytest.raises(BundleError, match="is compiled for the Edge TPU"):
        open_child(pair, "edgetpu", worker, Deadline())
    with pytest.raises(BundleError, match=r"files\.edgetpu: missing"):
        open_child(EXTRACTOR, "edgetpu", worker, Deadline())
    assert not worker.alive


def test_a_file_that_the_interpreter_refuses_is_not_called_a_lost_device(
    worker: Worker, tmp_path: Path
) -> None:
    broken = tmp_path / "model.tflite"
    broken.write_bytes(EXTRACTOR.files["cpu"].path.read_bytes()[:2000])
    spoilt = replace(EXTRACTOR, files={"cpu": replace(EXTRACTOR.files["cpu"], path=broken)})
    with pytest.raises(RuntimeRefusedError, match="does not take it: "):
        open_child(spoilt, "cpu", worker, Deadline())


def test_two_models_share_one_process_and_its_fate(worker: Worker) -> None:
    look = open_child(DETECTOR, "cpu", worker, Deadline())
    process = worker.pid
    vector = open_child(EXTRACTOR, "cpu", worker, Deadline())
    assert worker.pid == process
    run(look)
    run(vector)
    os.kill(process, signal.SIGABRT)
    with loss("abort"):
        run(vector)
    with loss("abort"):
        run(look)
    again = open_child(EXTRACTOR, "cpu", worker, Deadline())
    run(again)
    look.close()
    vector.close()
    run(again)
    again.close()
    assert not worker.alive


def test_a_child_that_dies_in_the_middle_of_a_call_is_noticed_at_once(
    pair: Bundle, tpu: Worker, edgetpu: Simulator
) -> None:
    engine = open_child(pair, "edgetpu", tpu, Deadline(at_least_s=60.0))
    edgetpu.fault("hang")
    killer = threading.Timer(0.2, os.kill, (tpu.pid, signal.SIGKILL))
    killer.start()
    began_s = time.monotonic()
    with loss("abort") as raised:
        run(engine)
    assert time.monotonic() - began_s < 20
    assert "SIGKILL while running" in str(raised.value)
    killer.join()


def test_whoever_waits_for_a_killed_worker_is_told_why(
    pair: Bundle, tpu: Worker, edgetpu: Simulator
) -> None:
    engine = open_child(pair, "edgetpu", tpu, Deadline())
    edgetpu.fault("hang")
    killer = threading.Timer(0.2, tpu.kill)
    killer.start()
    with loss("closed"):
        run(engine)
    killer.join()


def test_a_closed_worker_says_so(worker: Worker) -> None:
    engine = open_child(EXTRACTOR, "cpu", worker, Deadline())
    worker.close()
    worker.close()
    with loss("closed"):
        run(engine)
    with loss("closed"):
        open_child(EXTRACTOR, "cpu", worker, Deadline())
    engine.close()


def test_the_child_outlives_the_thread_that_asked_for_it(worker: Worker) -> None:
    engines: list[ChildEngine] = []
    opener = threading.Thread(
        target=lambda: engines.append(open_child(EXTRACTOR, "cpu", worker, Deadline()))
    )
    opener.start()
    opener.join()
    time.sleep(0.1)
    run(engines[0])


def test_only_the_parent_ends_it_and_it_leaves_nothing_on_the_disk(worker: Worker) -> None:
    engine = open_child(EXTRACTOR, "cpu", worker, Deadline())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(worker.pid, number)
    run(engine)
    process = Path(f"/proc/{worker.pid}")
    limits = {line[:26].strip(): line[26:].split() for line in open_lines(process / "limits")}
    assert limits["Max core file size"][:2] == ["0", "0"]
    assert limits["Max file size"][:2] == ["1048576", "1048576"]
    streams = [str((process / "fd" / number).readlink()) for number in "012"]
    assert streams == ["/dev/null", "/dev/null", "/memfd:edgeagent-words (deleted)"]


def open_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


PARENT = """
import sys
from pathlib import Path
from edgeagent.engines.child import Delegate, Worker, open_child
from edgeagent.engines.deadline import Deadline
from tests.compiled import compiled

library, folder = sys.argv[1:]
worker = Worker("tpu", Delegate(library, {"device": "usb:0"}))
engine = open_child(compiled(Path(folder)), "edgetpu", worker, Deadline(at_least_s=60))
print(worker.pid, flush=True)
sys.stdin.readline()
with engine.seat() as seat:
    print("in it", flush=True)
    seat.run()
"""
ROOT = str(Path(__file__).parents[1])


@pytest.mark.parametrize("hanging", [False, True], ids=["idle", "hanging in a run"])
def test_it_is_gone_within_a_second_of_its_parents_death(
    hanging: bool, edgetpu: Simulator, tmp_path: Path
) -> None:
    edgetpu.plug()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(edgetpu.library), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ROOT},
        text=True,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if hanging:
            edgetpu.fault("hang")
            parent.stdin.write("\n")
            parent.stdin.flush()
            assert parent.stdout.readline() == "in it\n"
            time.sleep(0.2)
        assert not gone(child, 0)
        parent.kill()
        assert gone(child, 1)


TALKATIVE = """
from edgeagent.engines.child import Worker, open_child
from edgeagent.engines.deadline import Deadline
from edgeagent.model import bundles_folder, find_bundle

worker = Worker("cpu", None)
engine = open_child(find_bundle("embed88-128", [bundles_folder()]), "cpu", worker, Deadline())
print("ran")
worker.close()
"""


def test_a_child_that_talks_much_never_waits_for_a_reader() -> None:
    # With this a Python says more on standard error, before it has imported numpy, than a pipe
    # holds.
    done = subprocess.run(
        [sys.executable, "-c", TALKATIVE],
        env={**os.environ, "PYTHONPATH": ROOT, "PYTHONVERBOSE": "2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "ran\n"
    assert len(done.stderr) > 65536


def held() -> dict[str, int]:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return {
        "fds": len(list(Path("/proc/self/fd").iterdir())),
        "maps": len(open_lines(Path("/proc/self/maps"))),
        "threads": int(status.partition("Threads:")[2].split()[0]),
        "children": len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
        "anonymous_kb": anonymous_kb(),
    }


def anonymous_kb() -> int:
    lines = open_lines(Path("/proc/self/smaps_rollup"))
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def test_nothing_is_left_behind_after_sixty_kills(worker: Worker) -> None:
    def round_of(number: int) -> None:
        engine = open_child(EXTRACTOR, "cpu", worker, Deadline())
        os.kill(worker.pid, number)
        with pytest.raises(AcceleratorError), engine.seat() as seat:
            seat.run()
        engine.close()

    signals = [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV]
    for number in signals:
        round_of(number)
    before = held()
    for _ in range(20):
        for number in signals:
            round_of(number)
    after = held()
    assert after["fds"] <= before["fds"]
    assert after["threads"] <= before["threads"]
    assert after["children"] == before["children"] == 0
    assert after["maps"] <= before["maps"] + 5
    assert after["anonymous_kb"] <= before["anonymous_kb"] + 2048
