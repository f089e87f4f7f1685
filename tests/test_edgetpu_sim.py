"""The simulator itself: as the real library refuses, fails and answers."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .edgetpu_sim.build import Libraries
from .edgetpu_sim.simulator import Kind, Simulator
from .edgetpu_sim.wrap import wrap_file

MODEL = Path(__file__).parent.parent / "models" / "embed88-128" / "model.tflite"

OPEN = """
import ctypes, sys, time
import numpy as np
from ai_edge_litert.interpreter import Interpreter, load_delegate
library, model, cpu, device = sys.argv[1:]
ctypes.CDLL(library).edgetpu_verbosity(1)

def opened():
    delegate = load_delegate(library, {"device": device})
    made = Interpreter(model_path=model, experimental_delegates=[delegate])
    made.allocate_tensors()
    return made

def answers(interpreter, seed=3):
    detail, = interpreter.get_input_details()
    picture = np.random.default_rng(seed).integers(-128, 127, detail["shape"])
    interpreter.set_tensor(detail["index"], picture.astype(detail["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]

tpu = opened()
"""
ANSWER = "answers(tpu); print('answered', flush=True)"
TRIED = "try: answers(tpu)\nexcept RuntimeError as error: print(error)\n"
WAIT = "print('ready', flush=True); sys.stdin.readline()\n"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wrap_file(MODEL, tmp_path_factory.mktemp("compiled") / "model_edgetpu.tflite")


class Process:
    """One process that may own a device."""

    def __init__(self, sim: Simulator, compiled: Path, script: str, device: str) -> None:
        command = [sys.executable, "-c", OPEN + script]
        paths = [str(path) for path in (sim.library, compiled, MODEL)]
        self.child = subprocess.Popen(
            [*command, *paths, device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> None:
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "ready\n"

    def end(self, within_s: float = 30) -> tuple[int, str, str]:
        """Return exit status, what it printed, and what it said on standard error."""
        try:
            out, err = self.child.communicate("\n", timeout=within_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.communicate()
            raise
        return self.child.returncode, out, err


class Starter:
    def __init__(self, sim: Simulator, compiled: Path) -> None:
        self.sim, self.compiled = sim, compiled
        self.made: list[Process] = []

    def __call__(self, script: str = ANSWER, device: str = "usb:0") -> Process:
        self.made.append(Process(self.sim, self.compiled, script, device))
        return self.made[-1]


@pytest.fixture
def start(edgetpu: Simulator, compiled: Path) -> Iterator[Starter]:
    starter = Starter(edgetpu, compiled)
    yield starter
    for process in starter.made:
        if process.child.poll() is None:
            process.child.kill()
            process.child.communicate()


def test_the_answer_is_the_cpus_bit_for_bit(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    script = """
one = Interpreter(model_path=cpu, num_threads=1)
one.allocate_tensors()
for seed in range(5):
    assert all(np.array_equal(a, b) for a, b in zip(answers(one, seed), answers(tpu, seed)))
    """
    assert start(script).end()[0] == 0


def test_the_firmware_changes_the_ids(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    assert edgetpu.ids() == "1a6e:089a"
    number = (edgetpu.sysfs / "bus/usb/devices/2-1/devnum").read_text()
    assert start().end()[1] == "answered\n"
    assert edgetpu.ids() == "18d1:9302"
    assert (edgetpu.sysfs / "bus/usb/devices/2-1/devnum").read_text() != number
    assert len(list((edgetpu.dev / "bus/usb/002").iterdir())) == 1


def test_without_a_device_there_is_a_refusal_and_no_reason(start: Starter) -> None:
    status, _, said = start().end()
    assert status == 1
    assert "ValueError: Failed to load delegate from" in said
    assert "Failed to open device" not in said


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("denied", "Permission denied: USB error -3 [OpenDevice]"),
        ("stuck", "Deadline exceeded: USB error -7 [SendControlCommand]"),
    ],
)
def test_a_device_that_cannot_be_opened_says_why_when_asked(
    edgetpu: Simulator, start: Starter, kind: Kind, told: str
) -> None:
    edgetpu.plug()
    edgetpu.fault(kind, port="2-1")
    status, _, said = start().end()
    assert status == 1
    assert f"Failed to open device [Apex (USB)] at [/sys/bus/usb/devices/2-1]: {told}" in said


def test_a_device_belongs_to_one_process(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    owner = start(WAIT + ANSWER)
    owner.ready()
    status, _, said = start().end()
    assert status == 1
    assert "Deadline exceeded: USB error -6 [ClaimInterface]" in said
    assert owner.end()[1] == "answered\n"
    assert start().end()[1] == "answered\n"


def test_a_killed_owner_leaves_the_device_free(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    owner = start(WAIT)
    owner.ready()
    owner.child.kill()
    owner.child.communicate()
    assert start().end()[0] == 0


def test_an_error_is_raised_and_a_new_delegate_is_well(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    process = start(WAIT + TRIED * 2 + "del tpu; tpu = opened(); " + ANSWER)
    process.ready()
    edgetpu.fault("error", once=True)
    status, out, _ = process.end()
    assert status == 0
    assert "Failed to execute request. USB transfer error 2" in out
    assert "Edge TPU is not ready." in out
    assert out.endswith("answered\n")


@pytest.mark.parametrize(
    ("kind", "number", "told"),
    [
        ("abort", signal.SIGABRT, "transfer on tag 1 failed. Abort. Deadline exceeded"),
        ("crash", signal.SIGSEGV, ""),
    ],
)
def test_an_invoke_may_kill_the_process(
    edgetpu: Simulator, start: Starter, kind: Kind, number: int, told: str
) -> None:
    edgetpu.plug()
    edgetpu.fault(kind, 2)
    status, out, said = start("\n".join([ANSWER] * 3)).end()
    assert (status, out) == (-number, "answered\nanswered\n")
    assert told in said


@pytest.mark.parametrize("kind", ["hang", "hang_create"])
def test_a_call_may_never_return(edgetpu: Simulator, start: Starter, kind: Kind) -> None:
    edgetpu.plug()
    edgetpu.fault(kind, once=True)
    with pytest.raises(subprocess.TimeoutExpired):
        start().end(within_s=3)
    assert start().end()[0] == 0


@pytest.mark.parametrize("kind", ["crash_constructor", "crash_create", "crash_prepare"])
def test_loading_may_kill_the_process(edgetpu: Simulator, start: Starter, kind: Kind) -> None:
    edgetpu.plug()
    edgetpu.fault(kind, signal.SIGILL, once=True)
    assert start().end()[0] == -signal.SIGILL
    assert start().end()[0] == 0


def test_pulling_a_device_aborts_who_uses_it(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    process = start(WAIT + ANSWER)
    process.ready()
    edgetpu.unplug()
    status, _, said = process.end()
    assert status == -signal.SIGABRT
    assert "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5" in said


def test_a_device_plugged_in_again_is_not_the_one_that_was_open(
    edgetpu: Simulator, start: Starter
) -> None:
    edgetpu.plug()
    process = start(WAIT + TRIED)
    process.ready()
    edgetpu.unplug(ends="error")
    edgetpu.plug()
    edgetpu.fault("gone", mode="error", port="2-1")
    assert "Failed to execute request. USB transfer error 5" in process.end()[1]
    assert edgetpu.ids() == "1a6e:089a"


def test_only_the_device_that_is_pulled_fails(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    edgetpu.plug("apex_0")
    process = start(WAIT + ANSWER, device="pci:0")
    process.ready()
    edgetpu.unplug()
    assert process.end()[1] == "answered\n"


def test_opening_a_device_moves_it_to_the_end_of_the_list(
    edgetpu: Simulator, start: Starter
) -> None:
    edgetpu.plug("1-1", speed_mbps=480)
    edgetpu.plug("2-1")
    assert start(device="usb:0").end()[0] == 0
    assert (edgetpu.ids("1-1"), edgetpu.ids("2-1")) == ("18d1:9302", "1a6e:089a")
    assert start(device="usb:0").end()[0] == 0
    assert edgetpu.ids("2-1") == "18d1:9302"


def test_a_slow_device_takes_longer(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    edgetpu.fault("slow", 200)
    timed = "began = time.perf_counter(); answers(tpu); print(time.perf_counter() - began)"
    assert float(start(timed).end()[1]) > 0.2


def test_a_wrong_answer_is_off_by_as_much(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    edgetpu.fault("wrong", 3)
    script = """
one = Interpreter(model_path=cpu, num_threads=1)
one.allocate_tensors()
right, wrong = answers(one)[0].view(np.uint8), answers(tpu)[0].view(np.uint8)
assert np.array_equal(right + np.uint8(3), wrong)
    """
    assert start(script).end()[0] == 0


def test_it_never_passes_for_a_real_one(edgetpu: Simulator, start: Starter) -> None:
    edgetpu.plug()
    script = """
library = ctypes.CDLL(library)
library.edgetpu_version.restype = ctypes.c_char_p
print(library.edgetpu_version().decode())
    """
    assert start(script).end()[1] == "EDGETPU-SIM\n"


def test_the_companions_are_what_they_say(edgetpu_libraries: Libraries) -> None:
    load = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).add"
    for library, status in [(edgetpu_libraries.no_delegate, 0), (edgetpu_libraries.crashing, -11)]:
        done = subprocess.run([sys.executable, "-c", load, str(library)], check=False)
        assert done.returncode == status
