"""A detector's heads that are trained here, and the boxes they learn from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeagent.errors import UsageError
from edgeagent.findings import Box, Detection

from .nets import SIDE, tiny_front, write_boxed
from .test_training import quiet, still

Made = Any


def squares(*edges: tuple[float, float, float, float]) -> Made:
    return np.array(edges, np.float32).reshape(-1, 4)


def test_a_detector_is_trained_and_finds_what_it_was_not_shown(tmp_path: Path) -> None:
    from edgeagent.workshop.training.fitting import Plan
    from edgeagent.workshop.training.road import DETECTOR, Order, tune

    data, held = write_boxed(tmp_path / "data", 24), write_boxed(tmp_path / "held", 8, seed=5)
    order = Order(data, tmp_path / "work", tmp_path / "into", "mine", held)
    made = tune(DETECTOR, order, tiny_front("map"), Plan(40, 8, 0.05), quiet, still)
    assert made is not None
    bundle, precision = made
    assert (bundle.decoder, bundle.params.stride) == ("centernet", 2)
    assert precision.mean("float") > 0.5
    assert precision.mean("int8") > 0.5
    assert precision.known("coco16-320") == []
    assert (bundle.folder / "evaluation.json").is_file()
    assert "| class:blue |" in (bundle.folder / "CARD.md").read_text()
    assert any("blue" in line and "-" in line for line in precision.lines())


def test_boxes_are_read_alike_from_a_csv_and_from_cocos_json(tmp_path: Path) -> None:
    from edgeagent.workshop.training.boxes import read_boxed

    data = write_boxed(tmp_path / "data", 4)
    rows = [line.split(",") for line in (data / "boxes.csv").read_text().splitlines()[1:]]
    edges = [list(map(int, row[2:])) for row in rows]
    told = {
        "images": [{"id": n + 1, "file_name": row[0]} for n, row in enumerate(rows)],
        "categories": [
            {"id": 3, "name": "blue"}, {"id": 5, "name": "never"}, {"id": 7, "name": "red"},
        ],
        "annotations": [
            {"image_id": n + 1, "category_id": {"blue": 3, "red": 7}[row[1]],
             "bbox": [e[0], e[1], e[2] - e[0], e[3] - e[1]]}
            for n, (row, e) in enumerate(zip(rows, edges, strict=True))
        ],
    }  # fmt: skip
    (data / "mine.json").write_text(json.dumps(told))
    one, other = read_boxed(data, SIDE), read_boxed(data / "mine.json", SIDE)
    assert one.labels == other.labels == ("blue", "red")
    for n in range(4):
        assert np.array_equal(one.boxes[n], other.boxes[n])
        assert np.allclose(one.boxes[n], [edges[n]])
        assert np.array_equal(one.classes[n], other.classes[n])


def test_a_box_lies_in_the_input_where_the_picture_does(tmp_path: Path) -> None:
    import cv2

    from edgeagent.workshop.training.boxes import read_boxed

    image = np.full((100, 200, 3), 60, np.uint8)
    image[40:80, 50:150] = 255
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    rows = [f"{name}.png,square,50,40,150,80" for name in "ab"]
    (tmp_path / "boxes.csv").write_text("file,label,left,top,right,bottom\n" + "\n".join(rows))
    read = read_boxed(tmp_path, 320)
    rows_px, columns_px = np.nonzero(read.images[0, :, :, 0] > 150)
    seen = [columns_px.min(), rows_px.min(), columns_px.max() + 1, rows_px.max() + 1]
    assert np.abs(read.boxes[0][0] - seen).max() <= 1


def test_all_faults_of_a_table_are_told_at_once(tmp_path: Path) -> None:
    from edgeagent.workshop.training.boxes import read_boxed

    data = write_boxed(tmp_path / "data", 4)
    table = data / "boxes.csv"
    table.write_text(table.read_text() + "gone.png,red,1,1,2,2\n0.png,red,5,5,5,9\n")
    with pytest.raises(UsageError, match=r"(?s)not there: gone\.png.*0\.png: a box of 'red' has"):
        read_boxed(data, SIDE)
    table.write_text("file,label,left,top,right,bottom\n0.png,red,1,1,a,2\n")
    with pytest.raises(UsageError, match=r"boxes\.csv:2: .*wanted are the columns file, label"):
        read_boxed(data, SIDE)
    table.unlink()
    with pytest.raises(UsageError, match=r"no boxes; give COCO's"):
        read_boxed(data, SIDE)
    (data / "boxes.json").write_text('{"images": []}')
    with pytest.raises(UsageError, match="is not COCO's format"):
        read_boxed(data, SIDE)
    (data / "boxes.json").write_text('{"images": [], "categories": [], "annotations": []}')
    with pytest.raises(UsageError, match=r"(?s)has no box.*has 0 pictures"):
        read_boxed(data, SIDE)


def test_average_precision_counts_each_box_once_and_punishes_what_is_too_much() -> None:
    from edgeagent.evaluation.slices import slices
    from edgeagent.workshop.training.boxes import Boxed
    from edgeagent.workshop.training.known import of_boxed
    from edgeagent.workshop.training.precision import _precisions, _seen

    wanted = squares((0, 0, 0.2, 0.2), (0.5, 0, 0.7, 0.2)) * SIDE, squares()
    held = Boxed(
        ("a", "b"), np.zeros((2, SIDE, SIDE, 3), np.uint8), wanted,
        (np.zeros(2, np.intp), np.zeros(0, np.intp)), ("one", "other"),
    )  # fmt: skip
    truth = of_boxed(held)

    def found(score: float, left: float) -> Detection:
        return Detection("a", score, Box(left, 0, left + 0.2, 0.2))

    def precision(*said: list[Detection]) -> float | None:
        one, other = _precisions(truth, _seen(said, held), slices(truth, ["class"]), held.labels)
        assert other is None
        return one

    # COCO looks at 101 recalls, so that a share of them may be a hundredth off.
    both = [found(0.9, 0), found(0.8, 0.5)]
    assert precision(both, []) == 1
    assert precision([found(0.9, 0)], []) == pytest.approx(0.5, abs=0.01)
    # The same box again, after both were found, takes nothing away; before, it does.
    assert precision([*both, found(0.1, 0)], []) == 1
    twice = precision([found(0.9, 0), found(0.85, 0.01), found(0.8, 0.5)], [])
    assert twice == pytest.approx((1 + 2 / 3) / 2, abs=0.01)
    # One where nothing is comes first of all.
    assert precision(both, [found(0.95, 0)]) == pytest.approx(2 / 3, abs=0.01)
    assert precision([], []) == 0


def test_a_label_without_a_box_to_judge_by_is_left_out_of_the_mean() -> None:
    from edgeagent.workshop.training.precision import Precision

    rows = {"float": (0.5, None, 1.0), "int8": (0.5, None, 0.5), "ready": (0.25, None, None)}
    precision = Precision(("a", "b", "c"), (3, 0, 1), rows)
    assert precision.mean("float") == 0.75
    assert precision.mean("ready") == 0.125
    assert precision.known("ready") == [0]
    assert precision.mean("float", precision.known("ready")) == 0.5


def test_a_cell_learns_the_distances_of_the_box_that_it_stands_for() -> None:
    from edgeagent.workshop.training.boxes import Boxed
    from edgeagent.workshop.training.detector import Detector

    boxed = Boxed(
        ("a", "b"), np.zeros((1, SIDE, SIDE, 3), np.uint8), (squares((4, 8, 20, 24)),),
        (np.array([1]),), ("",),
    )  # fmt: skip
    hills, edges = Detector(boxed, tiny_front("map"))._hills(boxed.boxes[0], boxed.classes[0])
    assert hills.shape == (16, 16, 2)
    assert hills[8, 6].tolist() == [0, 1]
    assert hills[..., 0].max() == 0
    assert edges[8, 6].tolist() == [8, 8, 8, 8, 1]
    assert edges[8, 7, :4].tolist() == [10, 8, 6, 8]


def test_the_examples_boxes_are_where_things_were_put(tmp_path: Path) -> None:
    from edgeagent.workshop.training.boxes import read_boxed
    from edgeagent.workshop.training.example import HEIGHT_PX, WIDTH_PX, write_scenes

    write_scenes(tmp_path / "made", counts=(6, 3))
    read = read_boxed(tmp_path / "made" / "learn", 320)
    assert len(read.images) == 6
    for boxes in read.boxes:
        assert len(boxes) >= 1
        assert boxes.min() >= 0
        assert boxes[:, [0, 2]].max() <= 320
        assert boxes[:, [1, 3]].max() <= 320 - (320 - 320 * HEIGHT_PX / WIDTH_PX) / 2 + 0.01
