"""The models on Edge TPUs that are simulated, by the real library door and in real processes."""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeagent import assembly
from edgeagent.accelerators import Ties
from edgeagent.config import ModelConfig
from edgeagent.edgetpu import Device, find_devices
from edgeagent.edgetpu.outcome import REQUEST
from edgeagent.edgetpu.recovery import Recovery
from edgeagent.engines import Engine
from edgeagent.engines.failover import Failover
from edgeagent.errors import AcceleratorError, BundleError, ModelError
from edgeagent.findings import Notice
from edgeagent.health import Health
from edgeagent.looker import Engines

from .compiled import compiled_bundle
from .edgetpu_sim.build import Libraries
from .edgetpu_sim.simulator import Simulator


class Desk:
    """What a device has: bundles, a bus, settings; and what was said."""

    def __init__(self, folder: Path, bus: Simulator) -> None:
        self.folder, self.bus = folder, bus
        self.heard: list[Notice] = []
        self.health = Health()
        self.opened: list[Engines] = []

    def find(self) -> list[Device]:
        return find_devices(self.bus.sysfs, self.bus.dev)

    def open(self, wait: bool = True, **settings: str | float) -> Engines:
        given: dict[str, str | float] = {
            "folder": str(self.folder),
            "name": "embed88-128",
            "library": str(self.bus.library),
            "retry_s": 1.0,
            "deadline_s": 0.5,
            **settings,
        }
        config = ModelConfig(**given)  # type: ignore[arg-type]
        recovery = Recovery(self.bus.folder, self.heard.append, time.monotonic, self.bus.folder)
        ties = Ties(self.heard.append, self.health, find=self.find, recovery=recovery)
        self.opened.append(assembly.open_engines(config, None, ties, wait))
        return self.opened[-1]

    def look(self, **settings: str | float) -> Engine:
        engine = self.open(True, **settings).look
        assert engine is not None
        return engine

    @property
    def told(self) -> list[str]:
        """Return the notices of devices, causes with them."""
        return [
            f"{n.what} {n.why.partition(':')[0] if n.what == 'lost' else n.name}"
            for n in self.heard
            if n.part == "tpu"
        ]

    @property
    def there(self) -> set[str]:
        """Return the devices in use, as ``stat`` would tell."""
        gauges = self.health.snapshot().gauges.items()
        return {name[4:] for name, value in gauges if name.startswith("tpu.") and value}

    def close(self) -> None:
        for engines in self.opened:
            for engine in engines.all():
                engine.close()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's bundles, compiled; made once, and not to be changed."""
    folder = tmp_path_factory.mktemp("bundles")
    for name in ("embed88-128", "coco16-320"):
        compiled_bundle(name, folder)
    return folder


@pytest.fixture
def desk(bundles: Path, edgetpu: Simulator) -> Iterator[Desk]:
    made = Desk(bundles, edgetpu)
    yield made
    made.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("tpu-")]


def answered(engine: Engine) -> str:
    with engine.seat() as seat:
        seat.input[...] = 7
        seat.run()
        return f"{seat.name} {seat.file.path.name}"


def until(holds: Callable[[], object], within_s: float = 60.0) -> bool:
    deadline_s = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return bool(holds())


DATA = os.environ.get("EDGEAGENT_TESTDATA", "")
MANIFEST = """
name = "coral"
version = "1"
task = "{task}"
decoder = "{decoder}"
licence = "Apache-2.0"
origin = "google-coral/test_data"
"""
FILE = """
[files.{device}]
path = "{file.name}"
size_bytes = {size_bytes}
sha256 = "{sha256}"
input = {{ name = "input", shape = [1, {size}, {size}, 3], dtype = "uint8", scale = 0.0078125, zero_point = 128 }}
[files.{device}.outputs]
{output}
"""  # noqa: E501
PAIRS = {
    "mobilenet_v1_0.5_160_quant": (
        "classify",
        "classify",
        160,
        'scores = { name = "#0", shape = [1, 1001], dtype = "uint8", '
        "scale = 0.00390625, zero_point = 0 }",
    ),
    "mobilenet_v1_1.0_224_quant_embedding_extractor": (
        "embed",
        "embedding",
        224,
        'vector = { name = "#0", shape = [1, 1, 1, 1024], dtype = "uint8", '
        "scale = 0.023528477177023888, zero_point = 0 }",
    ),
}
"""Coral's published pairs: what Google's compiler made, and what it was made from."""


def coral_bundle(name: str, folder: Path) -> None:
    task, decoder, size, output = PAIRS[name]
    place = folder / "coral"
    place.mkdir(parents=True)
    text = MANIFEST.format(task=task, decoder=decoder)
    for device, end in (("cpu", ""), ("edgetpu", "_edgetpu")):
        file = Path(shutil.copy(Path(DATA) / "models" / f"{name}{end}.tflite", place))
        data = file.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        text += FILE.format(
            device=device, file=file, size=size, output=output, size_bytes=len(data), sha256=sha256
        )
    (place / "manifest.toml").write_text(text)
    if task == "classify":
        shutil.copy(Path(DATA) / "models" / "imagenet_labels.txt", place / "labels.txt")


@pytest.mark.skipif(not DATA, reason="needs EDGEAGENT_TESTDATA: models that were really compiled")
@pytest.mark.parametrize("name", list(PAIRS))
def test_what_was_really_compiled_is_never_given_to_the_cpu_but_its_sibling_is(
    name: str, tmp_path: Path, edgetpu: Simulator
) -> None:
    coral_bundle(name, tmp_path)
    desk = Desk(tmp_path, edgetpu)
    engine = desk.look(name="coral")
    assert answered(engine) == f"cpu {name}.tflite"
    assert desk.told == []
    # A device that will not take the file is no device: here the simulator, which knows no chip.
    edgetpu.plug()
    assert until(lambda: desk.told == ["lost error"])
    assert answered(engine) == f"cpu {name}.tflite"
    desk.close()


@pytest.mark.skipif(not DATA, reason="needs EDGEAGENT_TESTDATA: models that were really compiled")
@pytest.mark.parametrize("name", list(PAIRS))
def test_a_compiled_file_named_as_the_cpus_is_refused_before_it_is_run(
    name: str, tmp_path: Path, edgetpu: Simulator
) -> None:
    coral_bundle(name, tmp_path)
    manifest = tmp_path / "coral" / "manifest.toml"
    text = manifest.read_text()
    compiled = text[text.index("[files.edgetpu]") :].replace("edgetpu]", "cpu]")
    manifest.write_text(
        text[: text.index("[files.cpu]")] + compiled.replace("edgetpu.outputs", "cpu.outputs")
    )
    with pytest.raises(ModelError, match="is compiled for the Edge TPU"):
        Desk(tmp_path, edgetpu).open(name="coral")


ON_CPU, ON_TPU = "cpu model.tflite", "sim model_edgetpu.tflite"


def test_a_device_that_is_there_is_used_and_what_is_simulated_says_so(desk: Desk) -> None:
    desk.bus.plug()
    assert answered(desk.look()) == ON_TPU
    assert [f"{n.part} {n.what} {n.name}" for n in desk.heard] == [
        "engine ready cpu", "engine ready sim"]  # fmt: skip
    assert desk.there == {"usb:0"}


def test_with_none_there_the_cpu_is_used_and_nothing_is_missed(desk: Desk) -> None:
    engine = desk.look()
    assert answered(engine) == ON_CPU
    assert desk.told == []
    assert desk.health.snapshot().states == {}
    desk.bus.plug()
    assert until(lambda: engine.name == "sim")
    assert answered(engine) == ON_TPU
    assert desk.told == []


def test_a_bundle_that_is_not_compiled_runs_on_the_cpu_and_no_device_is_touched(
    desk: Desk,
) -> None:
    desk.bus.plug()
    engine = desk.look(folder="", name="embed88-128")
    assert not isinstance(engine, Failover)
    assert answered(engine) == ON_CPU
    assert desk.bus.ids() == "1a6e:089a"
    with pytest.raises(BundleError, match=r"files\.edgetpu: missing") as raised:
        desk.open(folder="", device="usb")
    assert 'or set device = "auto"' in str(raised.value)


def test_the_cpu_can_be_named(desk: Desk) -> None:
    desk.bus.plug()
    assert not isinstance(desk.look(device="cpu"), Failover)
    assert desk.look(device="scripted").name == "scripted"
    assert desk.bus.ids() == "1a6e:089a"


def test_one_that_is_named_and_not_there_is_missed_once(desk: Desk) -> None:
    engine = desk.look(device="usb:0")
    assert answered(engine) == ON_CPU
    assert desk.told == ["lost no_device"]
    desk.bus.plug()
    assert until(lambda: engine.name == "sim")
    assert desk.told == ["lost no_device", "back usb:0"]


def test_only_the_kind_that_is_named_is_used(desk: Desk) -> None:
    desk.bus.plug("apex_0")
    desk.bus.plug("2-1")
    assert answered(desk.look(device="pci")) == ON_TPU
    assert desk.bus.ids() == "1a6e:089a"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("abort", "abort"),
        ("hang", "hang"),
        ("error", "error"),
        ("crash", "abort"),
    ],
)
def test_each_way_of_dying_is_survived_told_by_its_cause_and_mended(
    desk: Desk, fault: str, cause: str
) -> None:
    desk.bus.plug()
    engine = desk.look()
    desk.bus.fault(fault, once=True)  # type: ignore[arg-type]
    assert [answered(engine) for _ in range(3)] == [ON_CPU, ON_CPU, ON_CPU]
    assert until(lambda: engine.name == "sim")
    assert answered(engine) == ON_TPU
    assert desk.told == [f"lost {cause}", "back usb:0"]
    assert desk.health.counted(f"tpu_lost_total.{cause}") == 1


def test_pulled_out_and_put_back_it_is_used_again(desk: Desk) -> None:
    desk.bus.plug()
    engine = desk.look()
    desk.bus.unplug()
    assert answered(engine) == ON_CPU
    time.sleep(0.3)
    desk.bus.plug("2-4")
    assert until(lambda: engine.name == "sim")
    assert answered(engine) == ON_TPU
    assert desk.told == ["lost abort", "back usb:0"]


def test_one_that_will_not_be_opened_is_asked_for_and_the_request_taken_back(desk: Desk) -> None:
    desk.bus.plug()
    engine = desk.look()
    desk.bus.fault("stuck")
    desk.bus.fault("abort", once=True)
    request = desk.bus.folder / REQUEST
    assert answered(engine) == ON_CPU
    assert until(request.exists)
    desk.bus.mend()
    desk.bus.replug()
    assert until(lambda: engine.name == "sim")
    assert until(lambda: not request.exists())


def test_root_cannot_mend_a_library_and_is_not_asked_to(desk: Desk) -> None:
    desk.bus.plug()
    desk.look(library="/nowhere/libedgetpu.so.1")
    assert not (desk.bus.folder / REQUEST).exists()


def test_without_a_library_the_cpu_looks(desk: Desk) -> None:
    desk.bus.plug()
    assert answered(desk.look(library="/nowhere/libedgetpu.so.1")) == ON_CPU
    assert desk.told == ["lost library"]


def test_with_a_library_that_is_no_delegate_the_cpu_looks(
    desk: Desk, edgetpu_libraries: Libraries
) -> None:
    desk.bus.plug()
    assert answered(desk.look(library=str(edgetpu_libraries.no_delegate))) == ON_CPU
    assert desk.told == ["lost library"]


def test_with_a_library_that_crashes_when_it_is_loaded_the_cpu_looks(
    desk: Desk, edgetpu_libraries: Libraries
) -> None:
    desk.bus.plug()
    assert answered(desk.look(library=str(edgetpu_libraries.crashing))) == ON_CPU
    assert desk.told == ["lost mismatch"]


def test_without_the_right_to_open_it_the_cpu_looks(desk: Desk) -> None:
    desk.bus.plug()
    desk.bus.fault("denied")
    assert answered(desk.look()) == ON_CPU
    assert desk.told == ["lost permission"]


def test_one_that_answers_wrongly_is_not_used_and_it_is_said_why(desk: Desk) -> None:
    desk.bus.plug()
    desk.bus.fault("wrong", 90)
    engine = desk.look()
    assert answered(engine) == ON_CPU
    assert desk.told == ["lost disagreement"]
    assert "answers otherwise than the CPU's file" in desk.heard[-1].why
    desk.bus.mend()
    assert until(lambda: engine.name == "sim")


def test_one_that_hangs_when_it_is_loaded_delays_nobody_and_is_let_go_of(desk: Desk) -> None:
    desk.bus.plug()
    desk.bus.fault("hang_create")
    began_s = time.monotonic()
    engines = desk.open(wait=False, load_s=600.0)
    assert time.monotonic() - began_s < 20.0
    engines.begin()
    assert engines.look is not None
    assert answered(engines.look) == ON_CPU
    time.sleep(0.5)
    began_s = time.monotonic()
    desk.close()
    assert time.monotonic() - began_s < 20.0


def test_two_models_share_a_device_and_come_and_go_together(desk: Desk) -> None:
    desk.bus.plug()
    engines = desk.open(name="coco16-320", vector="embed88-128")
    look, vector = engines.all()
    assert (answered(look), answered(vector)) == (ON_TPU, ON_TPU)
    desk.bus.fault("abort", once=True)
    assert (answered(vector), answered(look)) == (ON_CPU, ON_CPU)
    assert until(lambda: look.name == vector.name == "sim")
    assert (answered(look), answered(vector)) == (ON_TPU, ON_TPU)
    assert desk.told == ["lost abort", "back usb:0"]


def test_two_models_on_two_devices_stay_together_though_opening_one_renumbers_both(
    desk: Desk,
) -> None:
    desk.bus.plug("2-1")
    desk.bus.plug("2-2")
    engines = desk.open(name="coco16-320", vector="embed88-128")
    assert desk.told == []
    for engine in engines.all():
        with engine.seat() as one, engine.seat() as other:
            one.run()
            other.run()
            assert (one.name, other.name) == ("sim", "sim")


def test_several_devices_share_the_work_and_stand_in_for_each_other(desk: Desk) -> None:
    desk.bus.plug("2-1")
    desk.bus.plug("2-2")
    engine = desk.look()
    assert desk.there == {"usb:0", "usb:1"}
    with engine.seat() as one, engine.seat() as other:
        one.run()
        other.run()
        assert (one.name, other.name) == ("sim", "sim")
    desk.bus.unplug("2-1")
    # Whoever is on it is answered by the CPU, once; from then on the other device does it all.
    assert ON_TPU in {answered(engine) for _ in range(2)}
    assert [answered(engine) for _ in range(5)] == [ON_TPU] * 5
    assert desk.told == ["lost abort"]
    desk.bus.plug("2-1")
    assert until(lambda: desk.there == {"usb:0", "usb:1"})
    with engine.seat() as one, engine.seat() as other:
        one.run()
        other.run()
        assert (one.name, other.name) == ("sim", "sim")


def test_without_a_file_for_the_cpu_it_says_what_to_do_and_may_be_told_to_do_without(
    tmp_path: Path, edgetpu: Simulator
) -> None:
    compiled_bundle("embed88-128", tmp_path, with_cpu=False)
    desk = Desk(tmp_path, edgetpu)
    with pytest.raises(BundleError, match=r'or set \[model\] fallback = "none"'):
        desk.open()
    engine = desk.look(fallback="none", device="usb")
    assert engine.name == "none"
    with pytest.raises(AcceleratorError, match="is away") as raised:
        answered(engine)
    assert raised.value.cause == "no_device"
    assert "tpu usb" in desk.health.snapshot().states
    edgetpu.plug()
    assert until(lambda: engine.name == "sim")
    assert answered(engine) == ON_TPU
    desk.close()
