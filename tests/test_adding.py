"""A .tflite file becomes a bundle that the agent runs; what does not, leaves nothing behind."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeagent import cli
from edgeagent.adding import Wish, add
from edgeagent.adding.pair import find_pair
from edgeagent.adding.placing import placed
from edgeagent.cli.models_add import advice
from edgeagent.decode.golden import goldens
from edgeagent.errors import BundleError, ModelError, UsageError
from edgeagent.model import Bundle, load_bundle

from .edgetpu_sim.wrap import wrap_file

DATA = os.environ.get("EDGEAGENT_TESTDATA", "")
CORAL = Path(DATA) / "models"
STILLS = Path(DATA) / "images"
MODELS = Path(__file__).parent / "models"
RELEASE = Path(__file__).parents[1] / "models"
needs_coral = pytest.mark.skipif(not DATA, reason="needs EDGEAGENT_TESTDATA: Coral's models")

CLASSIFIER = "mobilenet_v1_0.5_160_quant"
EXTRACTOR = "mobilenet_v1_1.0_224_quant_embedding_extractor"


def made(into: Path, model: Path, **wish: Any) -> tuple[Bundle, list[str]]:  # noqa: ANN401
    told: list[str] = []
    return add(Wish(model, **wish), into, told.append), told


def refusal(into: Path, model: Path, **wish: Any) -> str:  # noqa: ANN401
    with pytest.raises(ModelError) as raised:
        made(into, model, **wish)
    assert not into.exists() or list(into.iterdir()) == []
    return str(raised.value)


def tables(bundle: Path) -> dict[str, Any]:
    table = tomllib.loads((bundle / "manifest.toml").read_text())
    kept: dict[str, Any] = json.loads(json.dumps(table["files"]["cpu"]))
    return {**kept, "params": table.get("params")}


@pytest.mark.parametrize("name", ["squares-ssd", "squares-v5", "squares-v8", "squares-dfl"])
def test_what_is_guessed_is_what_was_written_by_hand(tmp_path: Path, name: str) -> None:
    wanted = MODELS / name
    bundle, told = made(tmp_path, wanted / "model.tflite", labels=wanted / "labels.txt", name=name)
    assert bundle.folder == tmp_path / name
    assert tables(bundle.folder) == tables(wanted)
    assert bundle.decoder == load_bundle(wanted).decoder
    assert bundle.labels == load_bundle(wanted).labels
    assert [golden.name for golden in goldens(bundle)] == ["cat", "person"]
    assert told[0].startswith("model.tflite: takes ")
    assert told[-1].endswith("--still FILE of what it is to see")


def test_the_releases_own_models_are_guessed_too(tmp_path: Path) -> None:
    for name in ("coco16-320", "embed88-128"):
        own = RELEASE / name
        labels = own / "labels.txt" if (own / "labels.txt").exists() else None
        bundle, told = made(tmp_path, own / "model.tflite", labels=labels, name=name)
        assert bundle.decoder == load_bundle(own).decoder
        assert bundle.files["cpu"].outputs == load_bundle(own).files["cpu"].outputs
        assert bundle.params == load_bundle(own).params
    assert told[1:] == [f"shown {which}: a vector of 88 bytes" for which in ("cat", "person")]


def test_goldens_are_of_the_owners_stills_where_there_are_any(tmp_path: Path) -> None:
    with np.load(MODELS / "squares-ssd" / "golden" / "squares.npz") as golden:
        image = golden["image"][0]
    stills = [tmp_path / "still96.png", tmp_path / "still33.png"]
    for path, size in zip(stills, ((96, 96), (33, 51)), strict=True):
        cv2.imwrite(str(path), cv2.resize(image[:, :, ::-1], size))
    bundle, told = made(
        tmp_path / "into",
        MODELS / "squares-ssd" / "model.tflite",
        labels=MODELS / "squares-ssd" / "labels.txt",
        stills=tuple(stills),
    )
    assert [golden.name for golden in goldens(bundle)] == ["0-still96", "1-still33"]
    assert told[1].startswith("shown 0-still96: ")
    assert "nothing" not in told[1]


@needs_coral
def test_corals_classifier_runs_as_a_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, told = made(
        tmp_path, CORAL / f"{CLASSIFIER}.tflite", labels=CORAL / "imagenet_labels.txt"
    )
    assert bundle.name == CLASSIFIER
    assert told[0].endswith(f"{CLASSIFIER}_edgetpu.tflite: found beside it, taken as the same "
                            "model for the Edge TPU")  # fmt: skip
    assert set(bundle.files) == {"cpu", "edgetpu"}
    assert bundle.files["edgetpu"].sha256.startswith("e8fc3764")
    assert bundle.files["cpu"].outputs == bundle.files["edgetpu"].outputs
    assert "Egyptian cat" in told[2]
    seen = {"cat.bmp": "Egyptian cat", "parrot.jpg": "macaw"}
    for still, label in seen.items():
        assert cli.main(["replay", str(STILLS / still), "--model", str(bundle.folder)]) == 0
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert events[0]["cls"][0][0] == label


@needs_coral
def test_corals_extractor_is_found_from_its_compiled_file(tmp_path: Path) -> None:
    bundle, told = made(tmp_path, CORAL / f"{EXTRACTOR}_edgetpu.tflite")
    assert (bundle.name, bundle.task, bundle.labels) == (EXTRACTOR, "embed", ())
    assert "found beside it, taken as what it was compiled from" in told[0]
    assert set(bundle.files) == {"cpu", "edgetpu"}
    assert told[-1] == "shown person: a vector of 1024 bytes"


@needs_coral
def test_labels_within_the_file_are_used(tmp_path: Path) -> None:
    bundle, _ = made(tmp_path, CORAL / f"{CLASSIFIER}.tflite")
    assert len(bundle.labels) == 1001


@needs_coral
def test_a_float_model_needs_to_know_what_white_is(tmp_path: Path) -> None:
    labels = tmp_path / "coco80.txt"
    coco = (CORAL / "coco_labels.txt").read_text().splitlines()
    labels.write_text("\n".join(label for label in coco if label != "n/a"))
    model, into = CORAL / "orig_320_float.tflite", tmp_path / "into"
    told = refusal(into, model, labels=labels)
    assert "takes floats, and the file does not say which float is white" in told
    assert "--takes 0..1, -1..1, 0..255" in told
    bundle, heard = made(into, model, labels=labels, takes="0..255")
    assert (bundle.files["cpu"].input.scale, bundle.decoder) == (1.0, "centernet")
    assert "shown person: person" in heard[-1]


@needs_coral
def test_corals_refused_are_refused_by_name(tmp_path: Path) -> None:
    into = tmp_path / "into"
    assert "takes 3 inputs (input1, inputs/rnn1, inputs/rnn2)" in refusal(
        into, CORAL / "split_concat.tflite"
    )
    alone = Path(shutil.copy(CORAL / f"{CLASSIFIER}_edgetpu.tflite", tmp_path))
    told = refusal(into, alone)
    assert told.startswith(f"{alone}: is compiled for the Edge TPU")
    assert "give that file, and this one after --edgetpu" in told
    assert "--fallback none" in told
    told = refusal(into, alone, edgetpu=CORAL / f"{CLASSIFIER}.tflite")
    assert "give the file it was compiled from, and this one after --edgetpu" in told
    told = refusal(into, CORAL / f"{CLASSIFIER}.tflite", edgetpu=CORAL / f"{CLASSIFIER}.tflite")
    assert "was not compiled for the Edge TPU" in told
    told = refusal(
        into, CORAL / f"{CLASSIFIER}.tflite", edgetpu=CORAL / f"{EXTRACTOR}_edgetpu.tflite"
    )
    assert f"it was not compiled from {CORAL / CLASSIFIER}.tflite, give the pair" in told


def test_a_damaged_model_never_reaches_a_runtime(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    whole = (MODELS / "squares-ssd" / "model.tflite").read_bytes()
    into = tmp_path / "into"
    model.write_bytes(whole[: len(whole) // 2])
    assert "damaged or cut short" in refusal(into, model, labels=MODELS / "squares-ssd/labels.txt")
    model.write_text("person\nbicycle\n")
    assert "is not a .tflite model" in refusal(into, model)


def test_what_the_runtime_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    whole = (MODELS / "squares-ssd" / "model.tflite").read_bytes()
    model.write_bytes(
        whole.replace(b"TFLite_Detection_PostProcess", b"TFLite_Detection_PostProcesS")
    )
    told = refusal(tmp_path / "into", model, labels=MODELS / "squares-ssd/labels.txt")
    assert "TFLite_Detection_PostProcesS" in told


def test_a_bundle_that_is_there_stays(tmp_path: Path) -> None:
    model = RELEASE / "embed88-128" / "model.tflite"
    bundle, _ = made(tmp_path, model, name="vector")
    before = (bundle.folder / "manifest.toml").stat().st_mtime_ns
    with pytest.raises(UsageError, match=r"vector: is there already; give --replace, or another"):
        made(tmp_path, model, name="vector")
    assert (bundle.folder / "manifest.toml").stat().st_mtime_ns == before
    again, _ = made(tmp_path, model, name="vector", replace=True, licence='MIT, "as" stated')
    assert again.licence == 'MIT, "as" stated'
    assert [path.name for path in tmp_path.iterdir()] == ["vector"]


@pytest.mark.parametrize("name", ["a/b", "../x", ".hidden", "x" * 65, "a b"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a bundle is named by 1 to 64 of"):
        made(tmp_path, RELEASE / "embed88-128" / "model.tflite", name=name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name a folder for --into"):
        made(tmp_path / "file", RELEASE / "embed88-128" / "model.tflite")


KILLED = """
import os, signal, sys
from pathlib import Path
from edgeagent.adding.pair import find_pair
from edgeagent.adding.placing import placed
from edgeagent.cli.models_add import advice

with placed(Path(sys.argv[1]), "new", True) as folder:
    (folder / "manifest.toml").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_who_is_killed_leaves_nothing_that_an_agent_sees(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    (begun,) = tmp_path.iterdir()
    assert cli.main(["models", "--folder", str(tmp_path)]) == 0
    os.utime(begun, (0, 0))
    with placed(tmp_path, "new", replace=False) as folder:
        (folder / "x").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x"]


def test_the_daemon_knows_nothing_of_adding_and_pulling() -> None:
    code = (
        "import sys; import edgeagent.cli.run; "
        "print([m for m in sys.modules if m.startswith(('edgeagent.adding', 'edgeagent.pulling'))])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "tail"), [("squares-ssd", 1), ("squares-v8", 0), ("squares-dfl", 0)]
)
def test_a_compiled_file_is_read_beside_its_own(tmp_path: Path, name: str, tail: int) -> None:
    """As the simulator compiles: a detector's last operator stays with the CPU."""
    own = MODELS / name
    compiled = wrap_file(own / "model.tflite", tmp_path / "compiled.tflite", tail)
    bundle, _ = made(
        tmp_path / "into",
        own / "model.tflite",
        edgetpu=compiled,
        labels=own / "labels.txt",
        name=name,
    )
    assert bundle.files["edgetpu"].outputs == bundle.files["cpu"].outputs
    assert bundle.files["edgetpu"].path.read_bytes() == compiled.read_bytes()


def unsaid(model: Path, path: Path) -> Path:
    """Write ``model`` with nothing said of how large its outputs are, as converters do."""
    read = schema.ModelT.InitFromPackedBuf(model.read_bytes(), 0)
    for place, index in enumerate(read.subgraphs[0].outputs):
        read.subgraphs[0].tensors[index].shape = [] if place % 2 else [1]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(read.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(builder.Output())
    return path


def test_a_detector_that_does_not_say_its_sizes_is_asked(tmp_path: Path) -> None:
    own, labels = MODELS / "squares-ssd", MODELS / "squares-ssd" / "labels.txt"
    model = unsaid(own / "model.tflite", tmp_path / "model.tflite")
    compiled = wrap_file(model, tmp_path / "compiled.tflite", tail=1)
    bundle, _ = made(tmp_path / "into", model, edgetpu=compiled, labels=labels, name="one")
    assert bundle.files["cpu"].outputs == load_bundle(own).files["cpu"].outputs
    assert bundle.files["edgetpu"].outputs == bundle.files["cpu"].outputs
    with pytest.raises(BundleError, match="is not "):
        made(tmp_path / "into", compiled, labels=labels, fallback="none")


def test_a_compiled_file_may_come_alone_by_leave(tmp_path: Path) -> None:
    own = MODELS / "squares-v8"
    compiled = wrap_file(own / "model.tflite", tmp_path / "m_edgetpu.tflite")
    told = refusal(tmp_path / "into", compiled, labels=own / "labels.txt")
    assert "or do without: --fallback none" in told
    files = find_pair(compiled, None, "none", print)
    assert list(files) == ["edgetpu"]
    assert files["edgetpu"].compiled
    bundle = load_bundle(own)
    assert "fallback" not in advice(bundle)
    alone = replace(bundle, files={"edgetpu": bundle.files["cpu"]})
    assert advice(alone).endswith('  name = "squares-v8"\n  fallback = "none"')
