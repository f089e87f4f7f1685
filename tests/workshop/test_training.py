"""A head that is trained here: the same each time, however often it was stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeagent.errors import UsageError

from .nets import SIDE, tiny_front, write_album

Made = Any
"""Of TensorFlow, or of what imports it: it is not installed everywhere."""

Orders = Callable[..., Made]
Progress = Callable[[float, float], None]


def quiet(_: str) -> None:
    """Take no notice."""


def still(done: float, whole: float) -> None:
    """Take no notice."""


@pytest.fixture
def order(tmp_path: Path) -> Orders:
    """Return what makes an order for ``data``."""

    def made(data: Path, place: str = "one", **said: Made) -> Made:
        from edgeagent.workshop.training.road import Order

        return Order(data, tmp_path / place / "work", tmp_path / place / "into", "mine", **said)

    return made


def plan(epochs: int = 4, rate: float = 0.05) -> Made:
    """Return a short plan."""
    from edgeagent.workshop.training.fitting import Plan

    return Plan(epochs, batch=8, rate=rate)


def learnt(data: Path, kept: Path, progress: Progress = still, epochs: int = 4) -> Made:
    """Train a head on the tiny front and return its weights."""
    from edgeagent.workshop.training.album import read_album
    from edgeagent.workshop.training.classifier import Classifier
    from edgeagent.workshop.training.fitting import fit

    task = Classifier(read_album(data, SIDE), tiny_front())
    return fit(task, plan(epochs), kept, quiet, progress)


def alike(one: Made, other: Made) -> bool:
    """Say whether weights are the same, bit for bit."""
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_killed_and_begun_again_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    data = write_album(tmp_path / "data")

    def killed(done: float, whole: float) -> None:
        # In the middle of the third epoch of four.
        if done > whole * 5 / 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learnt(data, tmp_path / "kept.npz", killed)
    heard: list[float] = []
    again = learnt(data, tmp_path / "kept.npz", lambda done, whole: heard.append(done / whole))
    assert heard[0] > 0.5
    assert alike(again, learnt(data, tmp_path / "other.npz"))


def test_a_checkpoint_of_another_plan_or_of_rubbish_is_not_gone_on_from(tmp_path: Path) -> None:
    data = write_album(tmp_path / "data", count=4)
    wanted = learnt(data, tmp_path / "clean.npz", epochs=2)
    learnt(data, tmp_path / "kept.npz", epochs=1)
    assert alike(learnt(data, tmp_path / "kept.npz", epochs=2), wanted)
    (tmp_path / "kept.npz").write_bytes(b"PK\x03\x04 cut off")
    assert alike(learnt(data, tmp_path / "kept.npz", epochs=2), wanted)


def test_trained_twice_the_bundle_is_the_same_and_tells_the_classes(
    tmp_path: Path, order: Orders
) -> None:
    from edgeagent.card.quality import quality_of
    from edgeagent.model import load_bundle
    from edgeagent.workshop.training.road import CLASSIFIER, tune

    data, held = write_album(tmp_path / "data"), write_album(tmp_path / "held", seed=9)
    made = [
        tune(CLASSIFIER, order(data, place, held=held), tiny_front(), plan(60, 0.3), quiet, still)
        for place in ("one", "other")
    ]
    (one, verdict), (other, _) = (pair for pair in made if pair is not None)
    files = sorted(path.relative_to(one.folder) for path in one.folder.rglob("*"))
    names = {path.name for path in files}
    assert {"manifest.toml", "CARD.md", "model.tflite", "report.json", "evaluation.json"} <= names
    for path in files:
        if (one.folder / path).is_file():
            assert (one.folder / path).read_bytes() == (other.folder / path).read_bytes(), path
    assert min(verdict.accuracy) > 0.9
    assert one.labels == ("blue", "green", "red")
    assert len(list(verdict.lines())) == 5
    known = quality_of(load_bundle(one.folder, everything=True))
    assert known is not None
    assert [part.name for part in known.parts] == [
        "Overall", "class:blue", "class:green", "class:red",
    ]  # fmt: skip
    assert known.parts[0].figures["top1"][0] == verdict.accuracy[1]
    told = {(row.use, row.name): row.pictures for row in one.data}
    assert told == {
        ("train", "data"): 30, ("calibrate", "data"): 30, ("judge", "held"): 30,
        ("calibrate", "stills of scikit-image and scikit-learn"): 10,
    }  # fmt: skip


def test_an_album_that_will_not_do_is_refused_before_anything_is_written(
    tmp_path: Path, order: Orders
) -> None:
    from edgeagent.workshop.training.road import CLASSIFIER, tune

    def refused(data: Path, match: str) -> None:
        with pytest.raises(UsageError, match=match):
            tune(CLASSIFIER, order(data), tiny_front(), plan(), quiet, still)
        assert not (tmp_path / "one").exists()

    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no pictures .* make one folder a class")
    refused(tmp_path / "nowhere", "no such folder")
    (write_album(tmp_path / "single") / "blue").rename(tmp_path / "elsewhere")
    (tmp_path / "single" / "green").rename(tmp_path / "elsewhere-too")
    refused(tmp_path / "single", r"one class alone \(red\)")
    few = write_album(tmp_path / "few", count=1)
    refused(few, r"too few pictures of blue \(1\), green \(1\), red \(1\)")
    broken = write_album(tmp_path / "broken", count=3)
    for name in ("blue/1.png", "red/2.png"):
        (broken / name).write_bytes(b"no picture")
    refused(broken, r"blue/1\.png, .*red/2\.png; mend them")


def test_a_bundle_that_is_there_is_not_trained_for(tmp_path: Path, order: Orders) -> None:
    from edgeagent.workshop.training.road import CLASSIFIER, tune

    wanted = order(tmp_path / "not looked at")
    (wanted.into / "mine").mkdir(parents=True)
    with pytest.raises(UsageError, match="give --replace"):
        tune(CLASSIFIER, wanted, tiny_front(), plan(), quiet, still)


def test_pictures_to_judge_by_must_be_of_classes_that_were_learnt(
    tmp_path: Path, order: Orders
) -> None:
    from edgeagent.workshop.training.road import albums

    data, held = write_album(tmp_path / "data", 2), write_album(tmp_path / "held", 1)
    (held / "red").rename(held / "rad")
    with pytest.raises(UsageError, match="nothing was learnt of rad"):
        albums(order(data, held=held), SIDE)


def test_the_same_pictures_are_held_out_whatever_their_names(tmp_path: Path) -> None:
    from edgeagent.workshop.training.album import read_album, split

    def held(folder: Path) -> set[str]:
        album = read_album(folder, SIDE)
        kept, out = split(album.classes.tolist(), album.digests)
        assert sorted(kept + out) == list(range(30))
        return {album.digests[place] for place in out}

    data = write_album(tmp_path / "data")
    before = held(data)
    (data / "red" / "0.png").rename(data / "red" / "zero.png")
    assert held(data) == before
    assert len(before) == 6


def test_boxes_follow_the_picture(tmp_path: Path) -> None:
    from edgeagent.workshop.training.variety import follow, vary

    image = np.zeros((64, 64, 3), np.uint8)
    image[20:30, 12:28] = 255
    draw = np.random.default_rng(2)
    for _ in range(8):
        other, moved = vary(image, draw)
        [box] = follow(np.array([[12, 20, 28, 30]], np.float32), moved, 64)
        rows, columns = np.nonzero(other[:, :, 0] > other.max() / 2)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(box - found).max() <= 1.5


def test_the_example_is_the_same_each_time_and_never_half_written(tmp_path: Path) -> None:
    from edgeagent.workshop.training.example import write_crops

    for place in ("one", "other"):
        write_crops(tmp_path / place, counts=(3, 2))
    paths = sorted(path.relative_to(tmp_path / "one") for path in tmp_path.glob("one/*/*/*"))
    assert len(paths) == 5 * (3 + 2)
    for path in paths:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "other" / path).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]
    assert all(cv2.imread(str(tmp_path / "one" / path)) is not None for path in paths)
