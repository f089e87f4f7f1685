"""What a bundle says of itself, and that it is so."""

import json
import re
import shutil
from pathlib import Path

import pytest

from edgeagent import cli
from edgeagent.adding import Wish, add
from edgeagent.adding.manifest_text import manifest_text
from edgeagent.adding.sealing import seal
from edgeagent.card import card
from edgeagent.contents import digest
from edgeagent.model import Bundle, bundles_folder, list_bundles, load_bundle
from edgeagent.pedigree import Data

from .older import older

RELEASE = bundles_folder()
SQUARES = Path(__file__).parent / "models" / "squares-ssd"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RELEASE / "embed88-128", tmp_path / "embed88-128"))


def report_of(sha256: str, file: Path) -> Path:
    """Write what `models eval` does, of a model with this digest."""
    told = json.loads((RELEASE / "embed88-128" / "evaluation.json").read_text())
    told["model"]["sha256"] = sha256
    file.write_text(json.dumps(told))
    return file


@pytest.mark.parametrize("folder", list_bundles(RELEASE), ids=lambda folder: folder.name)
def test_what_ships_is_listed_whole_and_its_card_is_what_the_manifest_says(folder: Path) -> None:
    bundle = load_bundle(folder, everything=True)
    again = "make it anew: edgeagent models card models/NAME"
    assert (folder / "manifest.toml").read_text() == manifest_text(bundle), again
    assert (folder / "CARD.md").read_text() == card(bundle), again
    known = {path for path in folder.rglob("*") if path.is_file()}
    listed = {one.path for one in bundle.contents} | {file.path for file in bundle.files.values()}
    assert known - listed == {folder / "manifest.toml", folder / "CARD.md"}, again
    assert {one.use for one in bundle.data} == {"train", "calibrate", "judge"}


def test_a_manifest_read_and_written_is_the_same(copy: Path) -> None:
    bundle = seal(load_bundle(copy))
    assert load_bundle(copy) == bundle
    before = {path: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    seal(load_bundle(copy))
    assert {path: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before


def test_a_cell_of_the_card_cannot_make_another(copy: Path) -> None:
    data = (Data("train", "mine | yours\n# loud", "none"),)
    bundle = load_bundle(copy)
    seal(Bundle(**{name: getattr(bundle, name) for name in bundle.__slots__} | {"data": data}))
    assert r"| trained on | mine \| yours # loud | not known |" in (copy / "CARD.md").read_text()


def test_a_bundle_is_shown_to_people_and_to_machines(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "show", str(copy)]) == 0
    assert capsys.readouterr().out == (copy / "CARD.md").read_text()
    assert cli.main(["models", "show", str(copy), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["least_agent"]) == ("1.0.0", "0.1.0")
    assert told["sha256"] == digest(copy / "manifest.toml")
    assert told["contents"]["golden/cat.npz"] == digest(copy / "golden" / "cat.npz")
    overall = told["evaluation"]["slices"][0]
    assert overall["slice"] == "Overall"
    assert len(overall["metrics"]["auc"]) == 3
    assert told["files"]["cpu"]["outputs"]["vector"]["zero_point"] == 124


def test_what_is_not_what_it_was_is_neither_shown_nor_listed(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "CARD.md").write_text("# The best model there is\n")
    assert cli.main(["models", "show", str(copy)]) == 65
    assert "is not what the manifest says; make it anew" in capsys.readouterr().err
    assert cli.main(["models", "card", str(copy)]) == 0
    (copy / "LICENSE").write_text("yours")
    assert cli.main(["models", "--folder", str(copy.parent)]) == 65
    assert "LICENSE: has the sha256" in capsys.readouterr().out


def test_a_bundle_for_newer_agents_is_listed_as_such(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = copy / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('"0.1.0"', '"77.0.0"'))
    assert cli.main(["models", "--folder", str(copy.parent)]) == 65
    assert "is for edgeagent 77.0.0 and newer" in capsys.readouterr().out
    for words in (["models", "show"], ["models", "card"], ["bench", "--runs", "1", "--model"]):
        assert cli.main([*words, str(copy)]) == 65
        assert "least_agent: the bundle is for edgeagent 77.0.0" in capsys.readouterr().err


def test_an_older_bundle_is_shown_and_brought_up_to_date(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("CARD.md", "evaluation.json"):
        (older(copy) / name).unlink()
    assert cli.main(["models", "show", str(copy)]) == 0
    shown = capsys.readouterr().out
    assert "| edgeagent | any |" in shown
    assert "Nobody has said." in shown
    assert "Nobody has measured it" in shown
    assert cli.main(["models", "card", str(copy)]) == 0
    bundle = load_bundle(copy, everything=True)
    assert (bundle.version, bundle.least_agent) == ("1.0.0", "0.1.0")
    assert len(bundle.contents) == 4


def test_a_report_of_this_model_is_taken_in_and_another_refused(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (older(copy) / "evaluation.json").unlink()
    mine = load_bundle(copy).files["cpu"].sha256
    before = (copy / "manifest.toml").read_bytes()
    other = report_of("0" * 64, tmp_path / "other.json")
    assert cli.main(["models", "card", str(copy), "--evaluation", str(other)]) == 65
    assert "which embed88-128 does not have" in capsys.readouterr().err
    (tmp_path / "none.json").write_text("{}")
    words = ["models", "card", str(copy), "--evaluation"]
    assert cli.main([*words, str(tmp_path / "none.json")]) == 65
    assert cli.main([*words, str(tmp_path / "nowhere.json")]) == 65
    assert (copy / "manifest.toml").read_bytes() == before
    assert cli.main([*words, str(report_of(mine, tmp_path / "own.json"))]) == 0
    assert "| Overall | 729 |" in (copy / "CARD.md").read_text()


def test_a_version_only_goes_up(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["models", "card", str(copy), "--version"]
    assert cli.main([*words, "1.1.0-rc.1"]) == 0
    assert load_bundle(copy).version == "1.1.0-rc.1"
    assert cli.main([*words, "1.0.9"]) == 64
    assert "comes before 1.1.0-rc.1" in capsys.readouterr().err
    assert cli.main([*words, "2"]) == 64
    assert "is not a semantic version" in capsys.readouterr().err


def test_what_is_added_says_its_version_its_data_and_every_digest(tmp_path: Path) -> None:
    stills = tmp_path / "stills"
    stills.mkdir()
    for n in range(3):
        (stills / f"{n}.ppm").write_bytes(b"P6 1 1 255\n" + bytes([n] * 3))
    words = ["models", "add", str(SQUARES / "model.tflite"), "--into", str(tmp_path / "into")]
    words += ["--labels", str(SQUARES / "labels.txt"), "--name", "squares", "--version", "0.2.0"]
    assert cli.main([*words, "--trained-on", str(stills), "--data-licence", "CC0"]) == 0
    bundle = load_bundle(tmp_path / "into" / "squares", everything=True)
    assert (bundle.version, bundle.least_agent) == ("0.2.0", "0.1.0")
    [data] = bundle.data
    assert (data.use, data.name, data.licence, data.pictures) == ("train", "stills", "CC0", 3)
    assert re.fullmatch("[0-9a-f]{64}", data.sha256)
    names = {str(one.path.relative_to(bundle.folder)) for one in bundle.contents}
    assert names == {"golden/cat.npz", "golden/person.npz", "labels.txt"}


def test_added_twice_a_bundle_is_the_same_bytes(tmp_path: Path) -> None:
    wish = Wish(SQUARES / "model.tflite", labels=SQUARES / "labels.txt", name="squares")
    one, two = (add(wish, tmp_path / n, lambda _: None).folder for n in "12")
    files = [path.relative_to(one) for path in sorted(one.rglob("*")) if path.is_file()]
    assert "CARD.md" in map(str, files)
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in files)


def test_a_version_that_is_none_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["models", "add", str(SQUARES / "model.tflite"), "--into", str(tmp_path / "into")]
    words += ["--labels", str(SQUARES / "labels.txt"), "--version", "one"]
    assert cli.main(words) == 64
    assert "--version 'one' is not a semantic version" in capsys.readouterr().err
    assert not (tmp_path / "into").exists()
