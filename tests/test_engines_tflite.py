"""The interpreter shim: what it refuses, and the fair seat."""

import hashlib
import importlib.util
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeagent.decode import decode
from edgeagent.engines import Turnstile, open_engine
from edgeagent.engines.tflite import Runtime, find_runtime, load
from edgeagent.errors import AcceleratorError, BundleError, RuntimeRefusedError
from edgeagent.findings import Embedding, Label, Notice
from edgeagent.heads import Decoder, Task
from edgeagent.model import Bundle, ModelFile, bundles_folder, find_bundle
from edgeagent.tensor import TensorSpec

DATA = os.environ.get("EDGEAGENT_TESTDATA", "")
needs_coral = pytest.mark.skipif(
    not DATA, reason="needs EDGEAGENT_TESTDATA: Coral's classifier and extractor"
)
BUNDLE = find_bundle("embed88-128", [bundles_folder()])
CPU = BUNDLE.files["cpu"]


def with_file(file: ModelFile) -> Bundle:
    return replace(BUNDLE, files={"cpu": file})


def refusal(file: ModelFile) -> str:
    with pytest.raises(BundleError) as raised:
        open_engine(with_file(file))
    return str(raised.value).replace(str(file.path), "model.tflite")


def test_the_engine_tells_what_runs_and_has_run_once_before_it_is_used() -> None:
    heard: list[Notice] = []
    engine = open_engine(BUNDLE, tell=heard.append)
    assert engine.load_ms > 0
    assert engine.first_ms > 0
    (notice,) = heard
    assert (notice.part, notice.what, notice.name) == ("engine", "ready", "cpu")
    assert notice.why.startswith("embed88-128 7fd2c739 by ")
    engine.close()


def test_without_warming_the_first_call_is_still_to_come() -> None:
    engine = open_engine(BUNDLE, warm=False)
    assert engine.first_ms == 0
    with engine.seat() as seat:
        seat.run()
        assert seat.invoke_us > 0
    assert engine.first_ms > 0


def test_outputs_outlive_the_next_run() -> None:
    engine = open_engine(BUNDLE)
    with engine.seat() as seat:
        seat.input[...] = 200
        first = seat.run()["vector"]
        kept = first.copy()
        seat.input[...] = 10
        assert (seat.run()["vector"] != kept).any()
        assert (first == kept).all()


def test_an_output_may_be_named_by_its_place_in_the_file() -> None:
    spec = replace(CPU.outputs["vector"], name="#0")
    engine = open_engine(with_file(replace(CPU, outputs={"vector": spec})))
    with engine.seat() as seat:
        assert seat.run()["vector"].shape == (1, 88)


def test_a_tensor_that_is_not_there_is_named() -> None:
    spec = replace(CPU.outputs["vector"], name="embedding")
    assert refusal(replace(CPU, outputs={"vector": spec})) == (
        "model.tflite: outputs.vector: has no tensor 'embedding'; there are PartitionedCall:0"
    )


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            replace(CPU.input, shape=(1, 96, 96, 3)),
            "has the shape [1, 128, 128, 3], the manifest says [1, 96, 96, 3]",
        ),
        (replace(CPU.input, dtype="int8"), "is of uint8, the manifest says int8"),
        (
            replace(CPU.input, scale=0.5),
            "has the quantisation 1.0, 0, the manifest says 0.5, 0",
        ),
    ],
)
def test_a_tensor_unlike_the_manifest_is_refused(spec: TensorSpec, told: str) -> None:
    assert refusal(replace(CPU, input=spec)) == (
        f"model.tflite: input: serving_default_image:0 {told}; deploy the bundle again"
    )


def test_a_device_that_this_release_does_not_have_is_said_so() -> None:
    with pytest.raises(AcceleratorError, match="this release runs models on 'cpu' alone"):
        open_engine(BUNDLE, device="edgetpu")


def test_a_runtime_is_found_or_its_absence_named_with_the_cure() -> None:
    if importlib.util.find_spec("tflite_runtime"):
        assert find_runtime("tflite").package == "tflite-runtime"
        return
    with pytest.raises(RuntimeRefusedError, match="no interpreter for runtime 'tflite'") as raised:
        find_runtime("tflite")
    assert str(raised.value).endswith("install one: python -m pip install tflite-runtime")


def test_a_model_compiled_for_the_edge_tpu_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    compiled = tmp_path / "model_edgetpu.tflite"
    compiled.write_bytes(b"....TFL3....edgetpu-custom-op....")
    with pytest.raises(BundleError) as raised:
        load(compiled, Runtime(None, "none", "0"), threads=1)
    assert str(raised.value) == (
        f"{compiled}: is compiled for the Edge TPU (operator edgetpu-custom-op) and cannot "
        "run on the CPU; name the file it was compiled from"
    )


def test_what_the_interpreter_will_not_take_is_told_with_its_words(tmp_path: Path) -> None:
    broken = tmp_path / "model.tflite"
    broken.write_bytes(CPU.path.read_bytes()[:2000])
    with pytest.raises(RuntimeRefusedError, match="does not take it: "):
        load(broken, find_runtime("litert"), threads=1)


def coral(name: str, task: Task, role: str, spec: TensorSpec, size: int) -> Bundle:
    path = Path(DATA) / "models" / name
    taken = TensorSpec("input", (1, size, size, 3), "uint8", 0.0078125, 128)
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    file = ModelFile(path, len(data), sha256, taken, {role: spec})
    decoder: Decoder = "classify" if task == "classify" else "embedding"
    labels = tuple((path.parent / "imagenet_labels.txt").read_text().splitlines())
    return replace(BUNDLE, task=task, decoder=decoder, labels=labels, files={"cpu": file})


@needs_coral
def test_the_real_classifier_says_on_noise_what_its_bytes_say() -> None:
    spec = TensorSpec("MobilenetV1/Predictions/Reshape_1", (1, 1001), "uint8", 1 / 256, 0)
    bundle = coral("mobilenet_v1_0.5_160_quant.tflite", "classify", "scores", spec, 160)
    engine = open_engine(bundle)
    with engine.seat() as seat:
        seat.input[...] = np.random.default_rng(1).integers(0, 256, seat.input.shape)
        raw = seat.run()
        found = decode(bundle, engine.file, raw, 0.0, 3)
    scores = raw["scores"].ravel().astype(int)
    assert [one.score for one in found if isinstance(one, Label)] == [
        value / 256 for value in sorted(scores, reverse=True)[:3]
    ]
    best = found[0]
    assert isinstance(best, Label)
    assert best.name == bundle.labels[int(scores.argmax())]


@needs_coral
def test_the_real_extractor_gives_its_bytes_as_they_are() -> None:
    name = "MobilenetV1/Logits/AvgPool_1a/AvgPool"
    spec = TensorSpec(name, (1, 1, 1, 1024), "uint8", 0.023528477177023888, 0)
    file = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    bundle = coral(file, "embed", "vector", spec, 224)
    engine = open_engine(bundle)
    with engine.seat() as seat:
        raw = seat.run()
        (found,) = decode(bundle, engine.file, raw, 0.0, 1)
    assert isinstance(found, Embedding)
    assert found.values == raw["vector"].tobytes()
    assert len(found.values) == 1024


@needs_coral
def test_the_real_compiled_file_is_refused_on_the_cpu() -> None:
    path = Path(DATA) / "models" / "mobilenet_v1_0.5_160_quant_edgetpu.tflite"
    with pytest.raises(BundleError, match="operator edgetpu-custom-op"):
        load(path, find_runtime(), threads=1)


def test_the_turnstile_lets_in_whoever_waits_longest() -> None:
    turnstile, order = Turnstile(), list[int]()

    def enter(number: int) -> None:
        with turnstile:
            order.append(number)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(5)]
    with turnstile:
        for waiting, thread in enumerate(threads, 1):
            thread.start()
            deadline_s = time.monotonic() + 5
            while turnstile.waiting < waiting and time.monotonic() < deadline_s:
                time.sleep(0.001)
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2, 3, 4]


def test_a_busy_thread_cannot_keep_the_turnstile_from_another() -> None:
    turnstile, rounds, done = Turnstile(), 0, threading.Event()

    def greedy() -> None:
        nonlocal rounds
        while not done.is_set():
            with turnstile:
                rounds += 1
                time.sleep(0.002)

    thread = threading.Thread(target=greedy)
    thread.start()
    while rounds == 0:
        time.sleep(0.001)
    before = rounds
    for _ in range(10):
        with turnstile:
            pass
    served_meanwhile = rounds - before
    done.set()
    thread.join(5)
    assert served_meanwhile <= 21
