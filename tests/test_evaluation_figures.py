"""The figures are what COCO's own tool says, what a hand counts, and the same twice."""

import contextlib
import io
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeagent.errors import UsageError
from edgeagent.evaluation.asking import Seen
from edgeagent.evaluation.average_precision import Judged
from edgeagent.evaluation.interval import Measured, bootstrap
from edgeagent.evaluation.means import classified, compared, confusion
from edgeagent.evaluation.report import Figures, Report, read_good, worse
from edgeagent.evaluation.slices import slices
from edgeagent.evaluation.truth import Corners, Row, Shot, Truth, box_area

LABELS = ("cat", "dog", "emu")


def shot(number: int, **columns: str) -> Shot:
    return Shot(f"{number}.png", Path(f"{number}.png"), unit=str(number), columns=columns)


def row(shot: int, label: str, box: Corners | None = None, **columns: str) -> Row:
    return Row(shot, label, box, box_area(box) if box else 0.0, False, columns)


def scene(seed: int, shots: int = 12) -> tuple[Truth, list[Seen]]:
    """Things of all sizes, seen here and there, beside where they are, twice, or as others."""
    random = np.random.default_rng(seed)
    rows, seen = [], []
    for number in range(shots):
        for _ in range(random.integers(0, 6)):
            left, top = random.uniform(0, 400, 2)
            width, height = random.choice([20, 60, 150]) * random.uniform(0.7, 1.4, 2)
            label = str(random.choice(LABELS))
            rows.append(row(number, label, (left, top, left + width, top + height)))
            for _ in range(random.integers(0, 3)):
                dx, dy = random.normal(0, 0.08, 2) * (width, height)
                said = label if random.random() < 0.9 else str(random.choice(LABELS))
                box = (left + dx, top + dy, left + dx + width, top + dy + height)
                seen.append(Seen(number, said, round(float(random.random()), 2), box))
        seen.append(Seen(number, "cat", float(random.random()), (5.0, 5.0, 60.0, 60.0)))
    camera = [shot(n, camera="door" if n % 2 else "yard") for n in range(shots)]
    return Truth(tuple(camera), tuple(rows)), seen


def official(truth: Truth, seen: list[Seen], drawn: list[int]) -> list[float]:
    """AP, AP50, and AP by size as pycocotools itself sums them up, pictures drawn again copied."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    names = list(LABELS)
    there: list[Any] = []
    said: list[Any] = []
    for copy, number in enumerate(drawn):
        there += [(copy, one.label, one.box_px, {}) for one in truth.rows if one.shot == number]
        mine = [one for one in seen if one.shot == number]
        said += [(copy, one.label, one.box_px, {"score": one.score}) for one in mine]
    coco = []
    for boxes in (there, said):
        one = COCO()
        one.dataset = {
            "images": [{"id": n} for n in range(len(drawn))],
            "categories": [{"id": n} for n in range(len(names))],
            "annotations": [annotation(n, names, *box) for n, box in enumerate(boxes)],
        }
        one.createIndex()
        coco.append(one)
    run = COCOeval(*coco, iouType="bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    return [float(run.stats[n]) for n in (0, 1, 3, 4, 5)]


def annotation(
    number: int, names: list[str], image: int, label: str, box: Corners | None, more: dict[str, Any]
) -> dict[str, Any]:
    assert box is not None
    left, top, right, bottom = box
    return {"id": number + 1, "image_id": image, "category_id": names.index(label),
            "bbox": [left, top, right - left, bottom - top], "area": box_area(box),
            "iscrowd": 0, **more}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_what_pycocotools_says(seed: int) -> None:
    truth, seen = scene(seed)
    every = np.ones(len(truth.shots), np.int64)
    with contextlib.redirect_stdout(io.StringIO()):
        wanted = official(truth, seen, list(range(len(truth.shots))))
    parts = {part.name: part for part in slices(truth, ["size"])}
    overall = Judged(truth, seen, parts["Overall"])(every)
    assert overall == pytest.approx(wanted[:2], abs=1e-9)
    for size, figure in zip(("small", "medium", "large"), wanted[2:], strict=True):
        ours = Judged(truth, seen, parts[f"size:{size}"])(every)[0]
        assert ours == pytest.approx(figure, abs=1e-9)


def test_a_draw_is_what_pycocotools_says_of_copied_pictures() -> None:
    truth, seen = scene(7)
    # Scores all different: which of two equal ones comes first depends on the pictures' order.
    seen = [Seen(s.shot, s.label, s.score + n * 1e-6, s.box_px) for n, s in enumerate(seen)]
    weights = np.random.default_rng(0).poisson(1.0, len(truth.shots))
    judged = Judged(truth, seen, slices(truth, [])[0])
    drawn = [number for number, times in enumerate(weights) for _ in range(times)]
    with contextlib.redirect_stdout(io.StringIO()):
        wanted = official(truth, seen, drawn)[:2]
    assert judged(weights) == pytest.approx(wanted, abs=5e-3)


def test_a_slice_of_a_camera_is_as_if_there_were_no_other() -> None:
    truth, seen = scene(3)
    door = next(part for part in slices(truth, ["camera"]) if part.name == "camera:door")
    odd = [n for n in range(len(truth.shots)) if n % 2]
    with contextlib.redirect_stdout(io.StringIO()):
        only = Truth(truth.shots, tuple(one for one in truth.rows if one.shot in odd))
        wanted = official(only, seen, odd)[:2]
    ours = Judged(truth, seen, door)(np.ones(len(truth.shots), np.int64))
    assert ours == pytest.approx(wanted, abs=1e-9)


def test_a_thing_of_another_slice_is_neither_asked_for_nor_held_against_the_model() -> None:
    left, right = (0.0, 0.0, 50.0, 50.0), (100.0, 0.0, 150.0, 50.0)
    rows = (row(0, "cat", left, hidden="no"), row(0, "cat", right, hidden="yes"))
    truth = Truth((shot(0),), rows)
    seen = [Seen(0, "cat", 0.9, right), Seen(0, "cat", 0.8, left)]
    no = next(part for part in slices(truth, ["hidden"]) if part.name == "hidden:no")
    assert Judged(truth, seen, no)(np.ones(1, np.int64)) == pytest.approx((1.0, 1.0))
    wrong = [*seen, Seen(0, "cat", 0.95, (300.0, 300.0, 350.0, 350.0))]
    assert Judged(truth, wrong, no)(np.ones(1, np.int64))[0] == pytest.approx(0.5)


def test_what_is_seen_in_an_empty_picture_counts_against_the_model() -> None:
    box = (0.0, 0.0, 50.0, 50.0)
    truth = Truth((shot(0), shot(1)), (row(0, "cat", box),))
    seen = [Seen(1, "cat", 0.9, box), Seen(0, "cat", 0.8, box)]
    judged = Judged(truth, seen, slices(truth, [])[0])
    assert judged(np.array([1, 1])) == pytest.approx((0.5, 0.5))
    assert judged(np.array([1, 0])) == pytest.approx((1.0, 1.0))
    assert np.isnan(judged(np.array([0, 1]))).all()


def test_a_detector_that_sees_nothing_scores_nothing() -> None:
    truth, _ = scene(1)
    assert Judged(truth, [], slices(truth, [])[0])(np.ones(12, np.int64)) == (0.0, 0.0)


def test_the_best_label_and_the_best_five_are_counted() -> None:
    truth = Truth((shot(0),), tuple(row(0, label) for label in ("cat", "dog", "emu")))
    ranked = [("cat", "dog"), ("cat", "dog"), ("cat", "dog")]
    values = classified(truth, ranked)
    assert values["top1"].tolist() == [1, 0, 0]
    assert values["top5"].tolist() == [1, 1, 0]
    assert confusion(truth, ranked) == {"cat": {"cat": 1}, "dog": {"cat": 1}, "emu": {"cat": 1}}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_same_against_different_is_what_counting_every_pair_gives(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = [str(random.choice(LABELS)) for _ in range(9)]
    truth = Truth((shot(0),), tuple(row(0, label) for label in labels))
    # Few directions, so that there are ties.
    vectors = random.integers(0, 2, (9, 3)).astype(np.float32) + 0.5
    values = compared(truth, vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for place, label in enumerate(labels):
        near = unit @ unit[place]
        same = [near[n] for n in range(9) if n != place and labels[n] == label]
        others = [near[n] for n in range(9) if labels[n] != label]
        if not same or not others:
            assert np.isnan(values["auc"][place])
            continue
        pairs = [(a > b) + (a == b) / 2 for a, b in product(same, others)]
        assert values["auc"][place] == pytest.approx(np.mean(pairs))
        nearest = int(np.argmax([-1 if n == place else near[n] for n in range(9)]))
        assert values["recall@1"][place] == (labels[nearest] == label)


def test_slices_cross_and_name_what_there_is_not() -> None:
    truth = Truth(
        (shot(0, camera="door", light="day"), shot(1, camera="yard", light="night")),
        (row(0, "cat"), row(1, "dog"), row(1, "cat")),
    )
    names = [part.name for part in slices(truth, ["camera", "class,light"])]
    assert names[:3] == ["Overall", "camera:door", "camera:yard"]
    crossed = ["cat_X_day", "cat_X_night", "dog_X_night"]
    assert names[3:] == [f"class_X_light:{one}" for one in crossed]
    with pytest.raises(UsageError) as told:
        slices(truth, ["camra", "size"])
    assert "--slice camra: no such column; did you mean 'camera'?" in str(told.value)
    assert "--slice size" in str(told.value)


def test_an_interval_holds_the_figure_is_the_same_twice_and_narrower_with_more() -> None:
    def mean_of(values: np.ndarray[Any, Any]) -> Measured:
        units = [str(n) for n in range(len(values))]
        return bootstrap(units, lambda w: [float((values * w).sum() / w.sum())])[0]

    few = mean_of(np.arange(20) % 2)
    many = mean_of(np.arange(2000) % 2)
    assert few.low < few.value == 0.5 < few.high
    assert mean_of(np.arange(20) % 2) == few
    assert many.high - many.low < (few.high - few.low) / 3


def test_neighbours_are_drawn_together() -> None:
    seen = []

    def scores(weights: np.ndarray[Any, Any]) -> list[float]:
        seen.append(weights.tolist())
        return [0.0]

    bootstrap(["a", "b", "a"], scores, replicates=9)
    assert all(draw[0] == draw[2] for draw in seen)
    assert any(draw[0] != draw[1] for draw in seen)


def report(**values: float) -> Report:
    parts = [
        Figures(name, "", 3, {"AP": Measured(value, value - 0.25, value + 0.25)})
        for name, value in {"Overall": 0.9, **values}.items()
    ]
    return Report("m", "1", "0" * 64, "cpu", "d", 3, parts, {"cat": {"cat": 2, "dog": 1}})


def good(folder: Path, **values: float) -> Path:
    file = folder / "good.json"
    file.write_text(report(**values).json())
    return file


def test_the_gate_names_the_slice_that_is_worse_and_by_how_much(tmp_path: Path) -> None:
    before = read_good(good(tmp_path, night=0.8, day=0.8))
    assert worse(report(night=0.79, day=0.9), before, 0.02) == []
    told = worse(report(night=0.7, day=0.9), before, 0.02)
    assert len(told) == 1
    assert "AP of night is 0.700, it was 0.800" in told[0]


def test_a_slice_that_was_measured_before_must_be_measured_again(tmp_path: Path) -> None:
    assert "night: was measured in" in worse(report(), read_good(good(tmp_path, night=0.8)), 0.1)[0]


def test_a_report_is_in_the_terms_of_tensorflow_model_analysis() -> None:
    told = json.loads(report(night=0.5).json())["slicingMetrics"]
    assert [one["slice"] for one in told] == ["Overall", "night"]
    bounded = told[1]["metrics"]["AP"]["boundedValue"]
    assert bounded == {
        "value": 0.5, "lowerBound": 0.25, "upperBound": 0.75, "methodology": "POISSON_BOOTSTRAP",
    }  # fmt: skip
    assert told[0]["metrics"]["exampleCount"] == {"doubleValue": 3}


def test_the_table_says_what_was_taken_for_what() -> None:
    assert "cat: 2 of 3 right; taken for dog 1" in "\n".join(report().lines())


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema": "other/1"}', "no json"])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(UsageError, match="is no report of edgeagent models eval"):
        read_good(file)
