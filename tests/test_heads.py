"""What a decoder cannot read is said before a model is run."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgeagent.errors import BundleError
from edgeagent.heads import PLAIN, ROLES, Decoder, Params, cells_of, faults, layout_of
from edgeagent.model import load_bundle
from edgeagent.tensor import TensorSpec

MODELS = Path(__file__).parent / "models"
TAKEN = TensorSpec("image", (1, 320, 320, 3), "uint8")


def rows(*shape: int, scale: float = 1 / 255) -> dict[str, TensorSpec]:
    return {"rows": TensorSpec("rows", shape, "int8" if scale else "float32", scale, -128)}


def told(
    decoder: Decoder, outputs: dict[str, TensorSpec], labels: int = 80, params: Params = PLAIN
) -> list[str]:
    return [*faults(decoder, params, labels, TAKEN, outputs)]


def test_the_cells_of_a_yolo_are_those_of_its_strides() -> None:
    assert cells_of(TAKEN, (8, 16, 32)) == 1600 + 400 + 100
    assert cells_of(replace(TAKEN, shape=(1, 192, 320, 3)), (16,)) == 12 * 20


@pytest.mark.parametrize(
    ("shape", "classes", "layout"),
    [
        ((1, 6300, 85), 80, "v5"),
        ((1, 84, 2100), 80, "v8"),
        ((1, 6300, 6), 1, "v5"),
        ((1, 5, 2100), 1, "v8"),
        ((1, 84, 2100), 79, None),
        ((1, 2100, 84), 80, None),
        ((1, 300, 6), 1, None),
        ((1, 300, 6), 2, None),
        ((6300, 85), 80, None),
    ],
)
def test_a_yolos_layout_is_told_by_its_shape(
    shape: tuple[int, ...], classes: int, layout: str | None
) -> None:
    assert layout_of(shape, classes, 2100) == layout


@pytest.mark.parametrize("outputs", [rows(1, 84, 2100), rows(1, 6300, 85)])
def test_a_yolo_as_exporters_make_it_is_no_fault(outputs: dict[str, TensorSpec]) -> None:
    assert told("yolo", outputs) == []


def test_a_yolo_of_finished_boxes_is_refused_with_what_would_do() -> None:
    assert told("yolo", rows(1, 300, 6)) == [
        "outputs.rows.shape: [1, 300, 6] is neither [1, boxes, 85] nor [1, 84, boxes], for the 80 "
        "labels of labels.txt and 2100 boxes (or a multiple) for strides [8, 16, 32]; finished "
        "boxes are not read"
    ]


def test_strides_larger_than_the_input_are_refused() -> None:
    tiny = replace(TAKEN, shape=(1, 16, 16, 3))
    assert len([*faults("yolo", Params(strides=(32,)), 80, tiny, rows(1, 84, 1))]) == 1


def test_bytes_that_cannot_hold_a_score_are_refused_with_the_cure() -> None:
    assert told("yolo", rows(1, 84, 2100, scale=1.77)) == [
        "outputs.rows: one step is 1.77, too coarse for a score from 0 to 1; export the model "
        "with its boxes as fractions of the input"
    ]


def test_pixels_are_believed_of_floats_and_not_of_bytes_that_end_at_one() -> None:
    pixels = Params(coordinates="pixels")
    assert told("yolo", rows(1, 84, 2100, scale=0), params=pixels) == []
    assert told("yolo", rows(1, 84, 2100), params=pixels) == [
        "params.coordinates: 'pixels' cannot be, rows spans no more than 1"
    ]


def distributions(cells: int = 2100, bins: int = 64, classes: int = 80) -> dict[str, TensorSpec]:
    return {
        "boxes": TensorSpec("boxes", (1, cells, bins), "int8", 0.1, 0),
        "scores": TensorSpec("scores", (1, cells, classes), "int8", 0.1, 0),
    }


def test_distributions_must_have_the_inputs_cells_the_labels_classes_and_four_edges() -> None:
    assert told("yolo_dfl", distributions()) == []
    assert told("yolo_dfl", distributions(8400)) == [
        "outputs: boxes and scores are not [1, 2100, ...], as the input has cells for strides "
        "[8, 16, 32]"
    ]
    assert told("yolo_dfl", distributions(classes=17)) == [
        "labels.txt has 80 labels, the model 17 classes"
    ]
    assert told("yolo_dfl", distributions(bins=4)) == [
        "outputs.boxes.shape: [1, 2100, 4] does not end in 4 equal distributions"
    ]


def finished(**shapes: tuple[int, ...]) -> dict[str, TensorSpec]:
    known = {"boxes": (1, 20, 4), "classes": (1, 20), "scores": (1, 20), "count": (1,), **shapes}
    return {role: TensorSpec(role, shape, "float32") for role, shape in known.items()}


def test_an_ssds_tensors_must_be_of_as_many_as_its_boxes() -> None:
    assert told("ssd", finished()) == []
    assert told("ssd", finished(classes=(1, 10), count=(1, 20))) == [
        "outputs.classes.shape: [1, 10] is not of 20, as boxes says",
        "outputs.count.shape: [1, 20] is not of 1, as boxes says",
    ]
    assert told("ssd", finished(boxes=(1, 80))) == [
        "outputs.boxes.shape: [1, 80] is not [1, boxes, 4]"
    ]
    assert told("ssd", finished(), labels=0) == ["labels.txt has no label"]


def spoilt(tmp_path: Path, name: str, *edits: tuple[str, str]) -> str:
    folder = Path(shutil.copytree(MODELS / name, tmp_path / name))
    manifest = folder / "manifest.toml"
    text = manifest.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    manifest.write_text(text)
    with pytest.raises(BundleError) as raised:
        load_bundle(folder)
    return str(raised.value).replace(f"{folder}/", "")


def test_a_manifests_faults_say_of_which_file_they_are(tmp_path: Path) -> None:
    told = spoilt(tmp_path, "squares-v8", ("[1, 6, 189]", "[1, 6, 84]"))
    assert told.startswith("manifest.toml: files.cpu.outputs.rows.shape: [1, 6, 84] is neither")


def test_a_manifest_may_name_strides_and_coordinates(tmp_path: Path) -> None:
    params = '[params]\nstrides = [8, 16]\ncoordinates = "pixels"\n\n[files.cpu]'
    told = spoilt(tmp_path, "squares-v8", ("[files.cpu]", params)).split("\n")
    assert "and 180 boxes (or a multiple) for strides [8, 16]" in told[0]
    assert told[1].startswith("manifest.toml: params.coordinates: 'pixels' cannot be")


def test_an_input_without_a_size_is_told_before_shapes_are_compared(tmp_path: Path) -> None:
    told = spoilt(tmp_path, "squares-v8", ("[1, 96, 96, 3]", "[1, 96]"))
    assert told == (
        "manifest.toml: files.cpu.input.shape: [1, 96] is not [1, height, width, 3]; "
        "deploy the bundle again"
    )


def test_every_decoder_has_roles() -> None:
    assert all(roles for _, roles in ROLES.values())
