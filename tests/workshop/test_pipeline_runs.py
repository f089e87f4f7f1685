"""The pipeline as kfp runs it without a cluster, and as it compiles for one."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeagent.clock import ManualClock
from edgeagent.config import CameraConfig, Config
from edgeagent.engines.scripted import Scripted
from edgeagent.errors import UsageError
from edgeagent.findings import WHOLE
from edgeagent.health import Health
from edgeagent.looker import NO_LAPS, Engines, Looker
from edgeagent.model import load_bundle
from edgeagent.sources import open_source
from edgeagent.workshop.pipeline.__main__ import main
from edgeagent.workshop.pipeline.dataset import TABLE, read_rows, write_rows
from edgeagent.workshop.pipeline.featurising import IMAGES, feature, still
from edgeagent.workshop.pipeline.judging import evaluate
from edgeagent.workshop.pipeline.running import FOLDER, compile_to, run_here

REPLAY = (
    "import sys; from edgeagent.cli import main; status = main(sys.argv[1:]); "
    "assert not {'tensorflow', 'kfp'} & set(sys.modules); sys.exit(status)"
)


class Run:
    """One that went to its end."""

    def __init__(self, work: Path) -> None:
        self.registry = work / "registry"
        words = ["run", "--example", "--work", str(work), "--set", "epochs=12"]
        assert main([*words, "--set", f"registry={self.registry}"]) == 0
        [self.folder] = (work / "runs").iterdir()
        self.bundle = self.folder / "bundle" / "bundle" / "shapes"
        self.dataset = self.folder / "ingest" / "dataset"
        self.features = self.folder / "featurise" / "features"
        self.report = self.folder / "evaluate" / "report"
        self.model = self.folder / "accelerate" / "model"

    def index(self) -> Any:  # noqa: ANN401
        return json.loads((self.registry / "index.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("road"))


def test_a_run_ends_in_a_bundle_that_the_agent_replays_without_tensorflow(
    run: Run, tmp_path: Path
) -> None:
    stills = tmp_path / "stills"
    stills.mkdir()
    for path in sorted((run.dataset / "pictures").iterdir())[:40]:
        shutil.copy(path, stills)
    words = [sys.executable, "-c", REPLAY, "replay", str(stills), "--model", str(run.bundle)]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    events = [json.loads(line) for line in told.stdout.splitlines()]
    labels = {label for event in events if event["k"] == "label" for label, _ in event["cls"]}
    assert labels
    assert labels <= set(load_bundle(run.bundle).labels)


def test_the_bundle_knows_where_it_comes_from(run: Run) -> None:
    bundle = load_bundle(run.bundle)
    known = json.loads((run.bundle / "lineage.json").read_text())
    table = (run.dataset / TABLE).read_bytes()
    assert known["data"] == hashlib.sha256(table).hexdigest()
    assert known["model"] == bundle.files["cpu"].sha256
    assert known["plan"]["epochs"] == 12
    told = json.loads((run.bundle / "evaluation.json").read_text())
    assert told["model"]["sha256"] == known["model"]
    assert {row.use: row.pictures for row in bundle.data} == {
        "train": 336, "judge": 144, "calibrate": 64,
    }  # fmt: skip
    assert {row.sha256 for row in bundle.data} == {known["data"]}
    assert "| camera:yard |" in (run.bundle / "CARD.md").read_text()
    assert {"light:night", "camera:yard"} <= {one["slice"] for one in told["slicingMetrics"]}


def test_what_is_published_is_listed_by_its_digest(run: Run) -> None:
    [entry] = run.index()["models"]["shapes"]
    pack = (run.registry / "sha256" / entry["pack"]).read_bytes()
    assert hashlib.sha256(pack).hexdigest() == entry["pack"]
    assert entry["model"] == load_bundle(run.bundle).files["cpu"].sha256


def test_training_saw_bit_for_bit_what_the_device_gives_the_model(run: Run) -> None:
    bundle = load_bundle(run.bundle)
    engine = Scripted(bundle)
    looker = Looker("door", Engines(look=engine), Health())
    looker.retune(Config())
    rows, images = read_rows(run.features / TABLE), np.load(run.features / IMAGES)
    for place in range(0, len(rows), 40):
        address = str(run.dataset / rows[place].file)
        source = open_source(
            CameraConfig(name="door", source="images", address=address), ManualClock(), pace=False
        )
        looker.look(next(iter(source.frames())), [WHOLE], 0.5, NO_LAPS)
        source.close()
        assert np.array_equal(engine.saw[-1][0], images[place])


def test_that_holds_for_pictures_of_other_shapes_and_subsampled_colours(
    run: Run, tmp_path: Path
) -> None:
    engine = Scripted(load_bundle(run.bundle))
    looker = Looker("door", Engines(look=engine), Health())
    looker.retune(Config())
    draw = np.random.default_rng(3)
    for size in ((90, 161), (200, 120)):
        path = tmp_path / f"{size[0]}.jpg"
        cv2.imwrite(str(path), draw.integers(0, 256, (*size, 3), np.uint8))
        source = open_source(
            CameraConfig(name="door", source="images", address=str(path)), ManualClock(), pace=False
        )
        looker.look(next(iter(source.frames())), [WHOLE], 0.5, NO_LAPS)
        source.close()
        picture = still(path)
        assert picture is not None
        assert np.array_equal(engine.saw[-1][0], feature(picture, 48))


def test_a_slice_made_worse_stops_at_the_gate_and_nothing_goes_out(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from kfp import dsl

    from edgeagent.workshop.pipeline.components import STEPS

    before = run.index()
    spoilt = shutil.copytree(run.dataset, tmp_path / "spoilt")
    for row in read_rows(spoilt / TABLE, "test"):
        if row.columns["light"] == "day":
            cv2.imwrite(str(spoilt / row.file), np.zeros((96, 96, 3), np.uint8))
    slices = ["class", "camera", "light"]
    evaluate(run.model, spoilt, run.features, slices, tmp_path / "report", print)

    @dsl.pipeline(name="last-steps")  # type: ignore[untyped-decorator, unused-ignore]
    def last_steps(registry: str) -> None:
        def taken(path: Path, kind: Any) -> Any:  # noqa: ANN401
            return dsl.importer(artifact_uri=str(path), artifact_class=kind).output

        report, features = (
            taken(tmp_path / "report", dsl.Artifact),
            taken(run.features, dsl.Dataset),
        )
        passed = STEPS.gate(
            report=report, name="shapes", registry=registry, token_file="", at_most=0.05
        )
        bundle = STEPS.bundle(
            model=taken(run.model, dsl.Model), features=features, report=report,
            passed=passed.output, name="shapes", version="2.0.0", licence="mine",
            data_licence="none",
        )  # fmt: skip
        STEPS.publish(
            bundle=bundle.outputs["bundle"], name="shapes", registry=registry, token_file=""
        )

    with pytest.raises(UsageError, match=r"last: .*gate"):
        run_here("last", {"registry": str(run.registry)}, tmp_path / "runs", last_steps)
    assert "top1 of light:day" in capfd.readouterr().out
    assert not list((tmp_path / "runs").glob("*/bundle"))
    assert run.index() == before


def test_a_sweep_ends_in_one_page(run: Run, tmp_path: Path) -> None:
    rows = [one for one in read_rows(run.dataset / TABLE) if one.columns["camera"] == "door"]
    (tmp_path / "few").mkdir()
    write_rows(tmp_path / "few" / "data.csv", rows)
    shutil.copytree(run.dataset / "pictures", tmp_path / "few" / "pictures")
    candidates = [{"epochs": 1, "width": width, "rate": 0.005} for width in (4, 8)]
    arguments = {"source": str(tmp_path / "few"), "candidates": candidates}
    folder = run_here("sweep", arguments, tmp_path / "runs")
    page = (folder / "compare" / "page").read_text()
    assert "2 runs compared" in page
    reports = list(folder.glob("for-loop-*/evaluate/report"))
    assert len(reports) == 2
    for report in reports:
        assert json.loads(report.read_text())["model"]["sha256"][:16] in page


@pytest.mark.parametrize("name", ["road", "sweep"])
def test_what_ships_for_a_cluster_is_what_compiles(name: str, tmp_path: Path) -> None:
    import yaml

    compile_to(name, tmp_path / "now.yaml")
    # Parsed: a comment lists defaults in an order that differs from run to run.
    now, shipped = (
        list(yaml.safe_load_all(path.read_text()))
        for path in (tmp_path / "now.yaml", FOLDER / f"{name}.yaml")
    )
    assert now == shipped, "make it anew: scripts/pipeline compile"
    asked = now[0]["deploymentSpec"]["executors"]["exec-train"]["container"]["resources"]
    assert "accelerators" in asked["accelerator"]["resourceCount"]
