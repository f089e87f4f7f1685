"""The pipeline's steps, one by one, as functions over folders."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeagent.errors import BundleError, UsageError
from edgeagent.workshop.pipeline import lineage
from edgeagent.workshop.pipeline.accelerating import COMPILED, accelerate
from edgeagent.workshop.pipeline.bundling import Title, make_bundle
from edgeagent.workshop.pipeline.comparing import compare
from edgeagent.workshop.pipeline.dataset import LABELS, TABLE, read_rows
from edgeagent.workshop.pipeline.ingest import ingest
from edgeagent.workshop.pipeline.judging import gate
from edgeagent.workshop.pipeline.publishing import pack
from edgeagent.workshop.pipeline.training import KERAS, Plan, train, weights_digest
from edgeagent.workshop.pipeline.validating import Bounds, validate
from tests.edgetpu_sim import compiler

from .colours import Made, pictures, plain, quiet

ROOT = Path(__file__).parents[2]


def test_the_same_pictures_are_the_same_data_wherever_they_lie(tmp_path: Path) -> None:
    one, two = (pictures(tmp_path / name, *plain(4)) for name in "12")
    assert ingest(str(one), tmp_path / "d1") == ingest(str(two), tmp_path / "d2")


def test_a_folder_for_each_class_is_split_by_content_and_more_pictures_move_none(
    tmp_path: Path,
) -> None:
    draw, splits = np.random.default_rng(1), []
    for count in (20, 40):
        for n in range(count - 20, count):
            (tmp_path / "in" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
            image = draw.integers(0, 256, (16, 16, 3), np.uint8)
            cv2.imwrite(str(tmp_path / "in" / "ab"[n % 2] / f"{n}.png"), image)
        ingest(str(tmp_path / "in"), tmp_path / f"d{count}")
        splits.append({row.file: row.split for row in read_rows(tmp_path / f"d{count}" / TABLE)})
    assert set(splits[0].values()) == {"train", "test"}
    assert splits[0].items() <= splits[1].items()


def test_every_row_that_will_not_do_is_named(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", *plain(2))
    with (folder / "data.csv").open("a") as file:
        file.write("nowhere.png,a,,\na0.png,,,\na1.png,a,tset,\n")
    with pytest.raises(UsageError, match=r"(?s):6: 'nowhere.*:7: no label.*:8: split 'tset'"):
        ingest(str(folder), tmp_path / "d")


def test_every_fault_of_a_dataset_is_told_at_once(tmp_path: Path) -> None:
    rows = [*plain(12), ("c0.png", "c", "train", "day")]
    folder = pictures(tmp_path / "in", *rows)
    (folder / "a1.png").write_bytes(b"no picture")
    (folder / "b0.png").write_bytes((folder / "a0.png").read_bytes())
    ingest(str(folder), tmp_path / "d")
    with pytest.raises(UsageError) as told:
        validate(tmp_path / "d", Bounds(least=4, most_ratio=5), tmp_path / "v.json")
    lines = str(told.value).splitlines()
    assert sum("at least 4 are wanted" in line for line in lines) == 2
    assert any("a: 12 pictures, 12.0 times those of c" in line for line in lines)
    assert any("the same picture is said to be of a and of b" in line for line in lines)
    assert any("(a): is no picture that the device can decode" in line for line in lines)
    assert not (tmp_path / "v.json").exists()


def test_what_is_alike_may_not_be_in_train_and_test(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", *plain(4))
    text = (folder / "data.csv").read_text().splitlines()
    lines = [text[0] + ",unit", *(f"{line},clip" for line in text[1:])]
    (folder / "data.csv").write_text("\n".join(lines))
    ingest(str(folder), tmp_path / "d")
    with pytest.raises(UsageError, match="unit clip: is in train and in test"):
        validate(tmp_path / "d", Bounds(least=1), tmp_path / "v.json")


def test_a_plan_that_cannot_be_carried_out_is_refused_with_every_fault(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)epochs 0: .*rate 7: "):
        train(tmp_path, Plan(epochs=0, rate=7), tmp_path / "k", quiet)


def test_trained_twice_the_weights_are_the_same(made: Made, tmp_path: Path) -> None:
    plan = Plan(epochs=1, width=4)
    one, two = (train(made.features, plan, tmp_path / name, quiet) for name in "12")
    assert one == two
    assert one != train(made.features, Plan(epochs=1, width=4, seed=2), tmp_path / "3", quiet)


def test_two_workers_learn_what_one_does_within_rounding(made: Made, tmp_path: Path) -> None:
    import tensorflow as tf

    nets = []
    for workers in (1, 2):
        into = tmp_path / str(workers)
        train(made.features, Plan(epochs=2, width=4, workers=workers), into, quiet)
        nets.append(tf.keras.models.load_model(into / KERAS, compile=False).get_weights())
    for one, two in zip(*nets, strict=True):
        assert np.allclose(one, two, atol=1e-4)


def test_the_bundle_is_the_same_bytes_twice_and_is_what_was_judged(
    made: Made, tmp_path: Path
) -> None:
    one, two = made.bundle(tmp_path / "1"), made.bundle(tmp_path / "2")
    assert pack(one) == pack(two)
    assert made.found.digest == lineage.read(one)["model"]
    assert made.found.slices[0].metrics["top1"].value == 1.0


def test_a_model_that_was_not_judged_becomes_no_bundle(made: Made, tmp_path: Path) -> None:
    told = json.loads(made.report.read_text())
    told["model"]["sha256"] = "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(told))
    with pytest.raises(BundleError, match="evaluate it first"):
        make_bundle(made.model, made.features, tmp_path / "other.json", Title("x"), tmp_path, quiet)
    assert not (tmp_path / "x").exists()


def test_without_a_compiler_it_is_said_what_would_map(made: Made) -> None:
    assert made.told["compiled"] is False
    assert made.told["forecast"]


def test_with_a_compiler_the_bundle_has_a_file_for_the_edge_tpu(made: Made, tmp_path: Path) -> None:
    program = tmp_path / "edgetpu_compiler"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m {compiler.__name__} "$@"\n'
    )
    program.chmod(0o755)
    told = accelerate(made.model, tmp_path / "m", quiet, str(program))
    assert told["compiled"] is True
    title = Title("colours")
    bundle = make_bundle(tmp_path / "m", made.features, made.report, title, tmp_path, quiet)
    assert set(bundle.files) == {"cpu", "edgetpu"}
    assert (tmp_path / "m" / COMPILED).is_file()


def test_the_gate_names_each_slice_that_is_worse_and_by_how_much(
    made: Made, tmp_path: Path
) -> None:
    told = json.loads(made.report.read_text())
    for one in told["slicingMetrics"]:
        if one["slice"] in ("class:a", "light:night"):
            one["metrics"]["top1"]["boundedValue"]["value"] -= 0.2
    (tmp_path / "now.json").write_text(json.dumps(told))
    gate(tmp_path / "now.json", made.report, 0.21, quiet)
    with pytest.raises(UsageError, match=r"(?s)class:a is 0.800.*worse by 0.200.*light:night"):
        gate(tmp_path / "now.json", made.report, 0.1, quiet)
    gate(tmp_path / "now.json", None, 0.1, quiet)


def test_the_page_of_a_sweep_needs_nothing_else_and_puts_the_best_first(
    made: Made, tmp_path: Path
) -> None:
    worse = tmp_path / "worse"
    worse.mkdir()
    (worse / "model.tflite").write_bytes(b"worse")
    known = dict(lineage.read(made.model))
    digest = hashlib.sha256(b"worse").hexdigest()
    lineage.write(worse, known | {"plan": {"epochs": "<b>"}}, model=digest)
    told = json.loads(made.report.read_text())
    told["model"]["sha256"] = digest
    told["slicingMetrics"][0]["metrics"]["top1"]["boundedValue"]["value"] = 0.5
    (tmp_path / "worse.json").write_text(json.dumps(told))
    reports = [made.report, tmp_path / "worse.json"]
    compare("colours & more", [worse, made.model], reports, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.index("run 2") < page.index("run 1")
    assert "colours &amp; more" in page
    assert "&lt;b&gt;" in page
    assert known["data"] in page
    assert not any(
        word in page for word in ("http:", "https:", "src=", "<link", "<script", "@import")
    )


def test_a_run_without_its_report_is_not_compared(made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no report is of a model"):
        compare("x", [made.model], [], tmp_path / "page.html")


def test_the_digest_of_weights_tells_shapes_apart(made: Made) -> None:
    class Net:
        def __init__(self, shape: tuple[int, ...]) -> None:
            self._shape = shape

        def get_weights(self) -> list[Any]:
            return [np.zeros(self._shape)]

    assert weights_digest(Net((2, 3))) != weights_digest(Net((3, 2)))
    assert (made.features / LABELS).read_text() == "a\nb\n"
