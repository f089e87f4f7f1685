"""CenterNet heads: what the real model said, and the corner cases it never says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeagent.decode import decode
from edgeagent.findings import Box, Detection
from edgeagent.model import Bundle, ModelFile, bundles_folder, find_bundle
from edgeagent.tensor import Tensor, TensorSpec

GOLDEN = Path(__file__).parent / "golden"
BUNDLE = find_bundle("coco16-320", [bundles_folder()])
CPU = BUNDLE.files["cpu"]


def found(
    outputs: dict[str, Tensor], threshold: float = 0.3, file: ModelFile = CPU, of: Bundle = BUNDLE
) -> list[Detection]:
    return [f for f in decode(of, file, outputs, threshold, 1) if isinstance(f, Detection)]


def corners(detections: list[Detection]) -> NDArray[np.float32]:
    boxes = [(d.box.left, d.box.top, d.box.right, d.box.bottom) for d in detections]
    return np.array(boxes, np.float32).reshape(-1, 4)


def silence() -> dict[str, NDArray[np.uint8]]:
    return {
        "heat": np.zeros((1, 80, 80, 16), np.uint8),
        "box": np.full((1, 80, 80, 4), 13, np.uint8),
    }


def as_tensors(arrays: dict[str, NDArray[np.uint8]]) -> dict[str, Tensor]:
    return {**arrays}


@pytest.mark.parametrize("name", ["coco16_bird", "coco16_four"])
def test_it_reads_in_the_real_models_outputs_what_the_slow_way_reads(name: str) -> None:
    golden = np.load(GOLDEN / f"{name}.npz")
    got = found({"heat": golden["heat"], "box": golden["box"]})
    assert [d.name for d in got] == [BUNDLE.labels[kind] for kind in golden["kind"]]
    np.testing.assert_allclose([d.score for d in got], golden["score"], atol=1e-6)
    np.testing.assert_allclose(corners(got) * 320, golden["edges_px"], atol=1e-3)


def test_the_golden_pictures_hold_what_a_person_sees() -> None:
    golden = np.load(GOLDEN / "coco16_four.npz")
    got = found({"heat": golden["heat"], "box": golden["box"]})
    assert [d.name for d in got] == ["cat", "person", "cat"]
    assert got[0].box.left >= 0.5
    assert got[1].box.bottom <= 0.5


def test_an_object_is_where_its_cell_and_distances_say() -> None:
    outputs = silence()
    outputs["heat"][0, 40, 20, 9] = 200
    got = found(as_tensors(outputs))
    reach = 10 * CPU.outputs["box"].scale
    (bird,) = got
    assert bird.name == "bird"
    assert bird.score == pytest.approx(200 / 256)
    wanted = np.array([80 - reach, 160 - reach, 80 + reach, 160 + reach]) / 320
    np.testing.assert_allclose(corners(got)[0], wanted, atol=1e-6)


@pytest.mark.parametrize(("value", "counts"), [(102, 0), (103, 1)])
def test_the_threshold_is_a_step_of_the_quantised_score(value: int, counts: int) -> None:
    outputs = silence()
    outputs["heat"][0, 40, 20, 0] = value
    assert len(found(as_tensors(outputs), 0.4)) == counts


def test_a_score_equal_to_the_threshold_counts() -> None:
    outputs = silence()
    outputs["heat"][0, 40, 20, 0] = 64
    assert len(found(as_tensors(outputs), 0.25)) == 1
    assert found(as_tensors(outputs), 1.0) == []


def test_a_lesser_neighbour_is_no_object_but_another_class_is() -> None:
    outputs = silence()
    outputs["heat"][0, 40, 20, 0] = 200
    outputs["heat"][0, 41, 21, 0] = 190
    outputs["heat"][0, 41, 21, 5] = 150
    assert [d.name for d in found(as_tensors(outputs))] == ["person", "bus"]


def test_equal_neighbours_are_one_object() -> None:
    outputs = silence()
    outputs["heat"][0, 40, 20:23, 0] = 200
    outputs["box"][...] = 60
    assert len(found(as_tensors(outputs))) == 1


def test_peaks_on_the_border_are_found() -> None:
    outputs = silence()
    for y, x in ((0, 0), (0, 79), (79, 0), (79, 79)):
        outputs["heat"][0, y, x, 2] = 255
    assert len(found(as_tensors(outputs))) == 4


def test_a_box_turned_inside_out_is_dropped() -> None:
    outputs = silence()
    outputs["heat"][0, 40, 20, 0] = 200
    outputs["box"][...] = 0
    assert found(as_tensors(outputs)) == []


def test_silence_is_nothing_and_uproar_is_bounded() -> None:
    assert found(as_tensors(silence())) == []
    uproar = silence()
    uproar["heat"][...] = 255
    assert 1 <= len(found(as_tensors(uproar))) <= 100


def test_float_outputs_are_read_alike_and_nan_is_nothing() -> None:
    golden = np.load(GOLDEN / "coco16_bird.npz")
    raw: dict[str, Tensor] = {"heat": golden["heat"], "box": golden["box"]}
    specs = {
        role: TensorSpec(spec.name, spec.shape, "float32") for role, spec in CPU.outputs.items()
    }
    reals = {role: CPU.outputs[role].dequantise(raw[role]) for role in raw}
    reals["heat"][0, 0, 0, 0] = np.nan
    got = found({**reals}, 0.3, replace(CPU, outputs=specs))
    wanted = found(raw)
    assert [d.name for d in got] == [d.name for d in wanted]
    np.testing.assert_allclose(corners(got), corners(wanted), atol=1e-6)


def test_int8_outputs_are_read_alike() -> None:
    golden = np.load(GOLDEN / "coco16_bird.npz")
    specs = {
        role: replace(spec, dtype="int8", zero_point=spec.zero_point - 128)
        for role, spec in CPU.outputs.items()
    }
    raw: dict[str, Tensor] = {"heat": golden["heat"], "box": golden["box"]}
    shifted: dict[str, Tensor] = {
        role: (raw[role].astype(np.int16) - 128).astype(np.int8) for role in raw
    }
    assert found(shifted, 0.3, replace(CPU, outputs=specs)) == found(raw)


def test_lesser_boxes_of_a_class_go_and_other_classes_stay() -> None:
    outputs = silence()
    outputs["box"][...] = 60
    outputs["heat"][0, 40, 20, 0] = 200
    outputs["heat"][0, 40, 23, 0] = 180
    outputs["heat"][0, 40, 23, 1] = 170
    outputs["heat"][0, 40, 60, 0] = 160
    assert [d.name for d in found(as_tensors(outputs))] == ["person", "bicycle", "person"]
    lenient = replace(BUNDLE, params=replace(BUNDLE.params, nms_iou=0.95))
    assert len(found(as_tensors(outputs), of=lenient)) == 4


def test_boxes_may_reach_beyond_the_input() -> None:
    outputs = silence()
    outputs["box"][...] = 60
    outputs["heat"][0, 0, 0, 0] = 200
    (one,) = found(as_tensors(outputs))
    assert one.box.left < 0
    assert isinstance(one.box, Box)
