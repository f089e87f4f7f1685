"""``edgeagent models eval`` on the device's path: models that ship, on their goldens."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeagent import cli
from edgeagent.decode import decode
from edgeagent.decode.golden import goldens
from edgeagent.findings import Detection
from edgeagent.model import bundles_folder, find_bundle

from .compiled import compiled_bundle
from .edgetpu_sim.simulator import Simulator

DETECTOR = find_bundle("coco16-320", [bundles_folder()])
SQUARES = Path(__file__).parent / "models" / "squares-v8"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The goldens as stills, and what the detector finds in them as what is there."""
    folder = tmp_path_factory.mktemp("stills")
    rows = ["file,label,left,top,right,bottom,light"]
    for golden in goldens(DETECTOR):
        image = np.ascontiguousarray(golden.image[0])
        for light, part in (("day", image), ("night", image // 80)):
            name = f"{golden.name}-{light}.ppm"
            (folder / name).write_bytes(b"P6 320 320 255\n" + part.tobytes())
            for one in decode(DETECTOR, DETECTOR.files["cpu"], golden.outputs, 0.4, 5):
                assert isinstance(one, Detection)
                b = one.box
                edges = ",".join(f"{320 * e:.2f}" for e in (b.left, b.top, b.right, b.bottom))
                rows.append(f"{name},{one.name},{edges},{light}")
    (folder / "truth.csv").write_text("\n".join(rows) + "\n")
    return folder / "truth.csv"


def measured(*words: object) -> int:
    return cli.main(["models", "eval", *map(str, words)])


def figures(file: Path, part: str) -> dict[str, float]:
    told = json.loads(file.read_text())
    metrics = next(o["metrics"] for o in told["slicingMetrics"] if o["slice"] == part)
    return {k: v["boundedValue"]["value"] for k, v in metrics.items() if k != "exampleCount"}


def test_a_detector_finds_by_day_what_it_found_and_less_in_the_dark(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.json"
    words = ("coco16-320", table, "--slice", "light", "--slice", "class", "--report", file)
    assert measured(*words) == 0
    assert "light:night" in capsys.readouterr().out
    assert figures(file, "light:day")["AP50"] == pytest.approx(1, abs=0.02)
    assert figures(file, "light:night")["AP50"] < figures(file, "light:day")["AP50"]
    # Against itself nothing is worse; and the very same figures come out.
    again = tmp_path / "again.json"
    assert measured(*words[:-1], again, "--against", file, "--max-worse", "0") == 0
    assert again.read_bytes() == file.read_bytes()


def test_the_gate_fails_with_status_1_and_names_the_slice(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.json"
    assert measured("coco16-320", table, "--slice", "light", "--report", file) == 0
    dark = table.with_name("dark.csv")
    # By day the same pictures, now dark ones: a model made worse on purpose.
    dark.write_text(table.read_text().replace("-day.ppm", "-night.ppm").replace(",night", ",day"))
    capsys.readouterr()
    assert measured("coco16-320", dark, "--slice", "light", "--against", file) == 1
    told = capsys.readouterr().err
    assert "worse: AP50 of light:day" in told
    assert "light:night: was measured" in told
    assert "measured on other pictures" in told


def test_vectors_of_the_same_thing_are_nearer(table: Path, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    named = [f"{row[0]},{row[0].split('-')[0]}" for row in rows]
    same = table.with_name("same.csv")
    same.write_text("\n".join(["file,label", *dict.fromkeys(named)]) + "\n")
    assert measured("embed88-128", same, "--report", file) == 0
    assert figures(file, "Overall").keys() == {"recall@1", "recall@5", "auc"}


def test_what_is_broken_is_all_named_and_nothing_is_written(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"no picture")
    rows = tmp_path / "t.csv"
    box = "1,1,9,9"
    rows.write_text(
        f"file,label,left,top,right,bottom\na.jpg,cat,{box}\nb.png,cta,{box}\nc.png,cat,{box}\n"
    )
    out = tmp_path / "r.json"
    assert measured("coco16-320", rows, "--report", out) == 64
    told = capsys.readouterr().err
    assert "a.jpg: is no picture" in told
    assert "b.png: is no picture" in told
    assert "c.png: no such file" in told
    assert "label 'cta': the model has none; did you mean 'cat'?" in told
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [("--max-worse", "7"), ("--every", "0"), ("--against", "/nowhere.json"),
     ("--slice", "camera"), ("--float", "x.tflite", "--device", "usb"), ("--identity",)],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_the_model_is_opened(
    table: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert measured("coco16-320", table, *words) == 64
    assert words[0] in capsys.readouterr().err


def test_no_other_engine_answers_in_the_place_of_an_edge_tpu(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measured("coco16-320", table, "--device", "usb") == 65
    assert "files.edgetpu: missing" in capsys.readouterr().err


def test_the_simulated_edge_tpu_is_named_and_says_what_the_cpu_says(
    table: Path, tmp_path: Path, edgetpu: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    edgetpu.plug()
    bundle = compiled_bundle("coco16-320", tmp_path / "bundles").folder
    file = tmp_path / "r.json"
    words = (bundle, table, "--device", "usb", "--library", edgetpu.library)
    assert measured(*words, "--report", file) == 0
    assert "EDGETPU-SIM" in capsys.readouterr().out
    assert json.loads(file.read_text())["simulated"]
    assert measured(bundle, table, "--against", file, "--max-worse", "0") == 0


def test_a_file_of_another_decoder_is_no_twin(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measured("coco16-320", table, "--float", SQUARES / "model.tflite") == 65
    assert "model.tflite" in capsys.readouterr().err


def test_the_models_own_file_is_a_twin_with_the_same_figures(table: Path, tmp_path: Path) -> None:
    own = shutil.copy(DETECTOR.files["cpu"].path, tmp_path / "own.tflite")
    file = tmp_path / "r.json"
    assert measured("coco16-320", table, "--report", file) == 0
    words = ("--float", own, "--against", file, "--max-worse", "0")
    assert measured("coco16-320", table, *words) == 0


def test_a_plot_is_a_png(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    file = tmp_path / "x.png"
    assert measured("coco16-320", table, "--plot", file) == 0
    assert file.read_bytes().startswith(b"\x89PNG")


def test_nothing_of_tensorflow_is_imported() -> None:
    code = (
        "import sys; from edgeagent.evaluation import evaluate, reading, twin; "
        "print(sorted({'tensorflow', 'pycocotools', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_it_says_what_to_install(table: Path) -> None:
    code = (
        "import sys; sys.modules['pycocotools'] = None; from edgeagent.cli import main; "
        f"sys.exit(main(['models', 'eval', 'coco16-320', {str(table)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "pip install 'edgeagent[eval]'" in done.stderr
