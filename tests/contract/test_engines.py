"""What every engine promises, asked of every engine there is."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeagent.clock import ManualClock
from edgeagent.decode import decode
from edgeagent.decode.golden import differences, goldens
from edgeagent.engines import Engine, nobody, open_engine
from edgeagent.engines.accelerator import Accelerator
from edgeagent.engines.child import Worker, open_child
from edgeagent.engines.deadline import Deadline
from edgeagent.engines.failover import Failover
from edgeagent.engines.pool import Pool
from edgeagent.engines.scripted import Scripted
from edgeagent.errors import AcceleratorError
from edgeagent.health import Health
from edgeagent.model import Bundle, Device, bundles_folder, find_bundle

Opener = Callable[[], Engine]


TEST_MODELS = Path(__file__).parents[1] / "models"


def bundle(name: str) -> Bundle:
    return find_bundle(name, [bundles_folder(), TEST_MODELS])


def golden_of(name: str) -> Scripted:
    held = bundle(name)
    return Scripted(held, [golden.outputs for golden in goldens(held)])


def in_a_child(name: str) -> Engine:
    return open_child(bundle(name), "cpu", Worker("cpu", None), Deadline())


def failover(name: str, there: bool) -> Failover:
    """One that is on its device, or on the CPU because there is none."""
    held = bundle(name)
    compiled = replace(held, files={**held.files, "edgetpu": held.files["cpu"]})
    clock = ManualClock()
    accelerator = Accelerator("usb:0", lambda: [open_engine(compiled)], nobody, Health(), clock)
    if there:
        accelerator.attempt()
    return Failover(compiled, open_engine(compiled), accelerator, clock)


MEMBERS: dict[str, Opener] = {
    "cpu detector": lambda: open_engine(bundle("coco16-320")),
    "cpu extractor": lambda: open_engine(bundle("embed88-128")),
    "cpu ssd": lambda: open_engine(bundle("squares-ssd")),
    "cpu yolo v5": lambda: open_engine(bundle("squares-v5")),
    "cpu yolo v8": lambda: open_engine(bundle("squares-v8")),
    "cpu yolo dfl": lambda: open_engine(bundle("squares-dfl")),
    "child detector": lambda: in_a_child("coco16-320"),
    "child extractor": lambda: in_a_child("embed88-128"),
    "scripted by name": lambda: open_engine(bundle("coco16-320"), device="scripted"),
    "scripted detector": lambda: golden_of("coco16-320"),
    "scripted ssd": lambda: golden_of("squares-ssd"),
    "scripted extractor": lambda: golden_of("embed88-128"),
    "failover on its device": lambda: failover("coco16-320", there=True),
    "failover on the cpu": lambda: failover("embed88-128", there=False),
    "pool of one": lambda: Pool([open_engine(bundle("embed88-128"))]),
    "pool of one failover": lambda: Pool([failover("embed88-128", there=True)]),
}


@pytest.fixture
def simulated(tpu: Worker, pair: Bundle) -> Engine:
    return open_child(pair, "edgetpu", tpu, Deadline())


@pytest.fixture(params=[*MEMBERS, "simulated"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    opener = MEMBERS.get(request.param)
    opened: Engine = opener() if opener else request.getfixturevalue("simulated")
    yield opened
    opened.close()


def test_it_says_what_it_is_and_what_it_runs(engine: Engine) -> None:
    assert engine.name in {"cpu", "sim", "scripted"}
    device: Device = "edgetpu" if engine.name == "sim" else "cpu"
    assert engine.file == engine.bundle.files[device]
    assert engine.takes == engine.file.input
    assert engine.load_ms >= 0
    assert engine.first_ms >= 0
    assert engine.ease == 1.0


def test_a_seat_says_what_answered(engine: Engine) -> None:
    with engine.seat() as seat:
        seat.run()
        assert (seat.name, seat.file) == (engine.name, engine.file)


def test_the_input_is_as_the_manifest_says_and_can_be_written(engine: Engine) -> None:
    with engine.seat() as seat:
        assert seat.input.shape == engine.takes.shape
        assert seat.input.dtype == engine.takes.dtype
        assert seat.input.flags.c_contiguous
        seat.input[...] = 7
        seat.run()
        assert (seat.input == 7).all()


def test_the_outputs_are_those_of_the_manifest(engine: Engine) -> None:
    with engine.seat() as seat:
        outputs = seat.run()
        assert seat.invoke_us >= 0
        assert outputs.keys() == engine.file.outputs.keys()
        for role, spec in engine.file.outputs.items():
            assert outputs[role].shape == spec.shape
            assert outputs[role].dtype == spec.dtype


def test_what_it_gives_can_be_decoded(engine: Engine) -> None:
    with engine.seat() as seat:
        found = decode(engine.bundle, engine.file, seat.run(), 0.5, 1)
    assert all(type(one).__name__ in {"Detection", "Embedding"} for one in found)


def test_only_one_sits_at_a_time(engine: Engine) -> None:
    seated, most = 0, 0

    def sit() -> None:
        nonlocal seated, most
        for _ in range(3):
            with engine.seat() as seat:
                seated += 1
                most = max(most, seated)
                seat.run()
                seated -= 1

    threads = [threading.Thread(target=sit) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 1
    assert seated == 0


def test_an_error_while_seated_frees_the_seat(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), engine.seat():
        raise ZeroDivisionError
    with engine.seat() as seat:
        seat.run()


def test_a_closed_engine_says_so_and_closing_twice_is_safe(engine: Engine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(AcceleratorError, match="is closed; open it again"), engine.seat():
        pass


def test_closing_waits_for_whoever_sits(engine: Engine) -> None:
    closer = threading.Thread(target=engine.close)
    with engine.seat() as seat:
        closer.start()
        time.sleep(0.05)
        assert closer.is_alive()
        seat.run()
    closer.join(5)
    assert not closer.is_alive()


@pytest.mark.parametrize("name", ["coco16-320", "embed88-128"])
def test_the_release_finds_what_its_goldens_say(name: str) -> None:
    engine = open_engine(bundle(name))
    held = goldens(engine.bundle)
    assert [golden.name for golden in held] == ["cat", "person"]
    for golden in held:
        with engine.seat() as seat:
            seat.input[...] = golden.image
            assert differences(engine.bundle, engine.file, golden, seat.run()) == []


def test_goldens_tell_one_picture_from_another() -> None:
    held = bundle("coco16-320")
    cat, person = goldens(held)
    told = differences(held, held.files["cpu"], cat, person.outputs)
    assert told == ["cat: lost cat 0.55", "cat: made up person 0.52"]
    extractor = bundle("embed88-128")
    one, other = goldens(extractor)
    cpu = extractor.files["cpu"]
    assert differences(extractor, cpu, one, other.outputs) == [
        "cat: lost the vector", "cat: made up the vector"]  # fmt: skip
    dark = {"vector": np.full((1, 88), 124, np.uint8)}
    assert len(differences(extractor, cpu, one, dark)) == 2
