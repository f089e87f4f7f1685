"""The notebook, executed as an owner does it: small, and with folders that will not do."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeagent.model import load_bundle

ROOT = Path(__file__).parents[2]
NAME = "from-pictures-to-agent"


def run(into: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, str(ROOT / "scripts" / "run_notebook.py"), "--run", "--small"]
    return subprocess.run(
        [*program, "--into", str(into), *words],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


class Shown:
    """What a run of the whole notebook showed."""

    def __init__(self, into: Path) -> None:
        done = run(into)
        assert done.returncode == 0, done.stderr
        self.stderr = done.stderr
        self.page = (into / f"{NAME}.html").read_text()
        cells = json.loads((into / f"{NAME}.run.ipynb").read_text())["cells"]
        self.outputs = {one["id"]: one["outputs"] for one in cells if one["cell_type"] == "code"}
        [self.work] = [path for path in into.iterdir() if path.is_dir()]

    def text(self, cell: str) -> str:
        """Return what one cell printed."""
        return "".join("".join(one.get("text", "")) for one in self.outputs[f"{cell}-code"])

    def of_kind(self, kind: str) -> list[Any]:
        """Return all that was shown as ``text/markdown``, say."""
        shown = [one for each in self.outputs.values() for one in each]
        return [one["data"][kind] for one in shown if kind in one.get("data", {})]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return Shown(tmp_path_factory.mktemp("notebook"))


def test_it_goes_the_whole_way_and_says_where_it_is(shown: Shown) -> None:
    chapters = [line.split("s  ", 1)[1] for line in shown.stderr.splitlines() if "s  " in line]
    assert chapters[0] == "1. Pictures"
    assert chapters[-1] == "11. The same in the cloud"
    assert len(chapters) == 11


def test_nothing_but_what_it_means_to_say_is_shown(shown: Shown) -> None:
    every = [one for each in shown.outputs.values() for one in each]
    assert {one["output_type"] for one in every} == {"stream", "display_data"}
    assert [one for one in every if one.get("name") == "stderr"] == []
    # What it draws is in the page, with words for who cannot see it.
    drawn = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,', shown.page)
    assert len(drawn) == shown.page.count("<img ") == 7
    assert "No description has been provided" not in shown.page


def test_each_step_of_shrinking_is_in_the_table(shown: Shown) -> None:
    [rows] = [one for one in shown.of_kind("text/markdown") if "like float" in "".join(one)]
    text = "".join(rows)
    for step in ("freeze variables", "training nodes", "batch norms", "calculations in 8 bits"):
        assert step in text


def test_the_gate_opens_for_the_first_and_closes_for_a_slice_that_is_worse(shown: Shown) -> None:
    first, *refused = shown.text("gate").splitlines()
    assert first == "nothing was published before: there is nothing to be worse than"
    assert refused[0].startswith("gate: top1 of ")


def test_what_was_pulled_is_what_was_made(shown: Shown) -> None:
    made, pulled = (load_bundle(shown.work / one / "shapes") for one in ("made", "models"))
    assert pulled.files["cpu"].sha256 == made.files["cpu"].sha256
    assert "edgeagent models pull shapes --registry $work/registry" in shown.text("publish")


def test_it_says_what_is_held_before_it_on_the_devices_path(shown: Shown) -> None:
    assert re.search(r"label +clip +in (cross|disc|square)", shown.text("replay"))
    assert '"dev":"notebook"' in shown.text("replay")


def test_an_agent_ran_and_its_messages_came_through_a_broker(shown: Shown) -> None:
    # What it says of shapes is for the replay: on a busy machine it looks less often.
    told = shown.text("agent")
    assert "edge/v1/home/notebook/sys    engine_ready" in told
    assert re.search(r"edge/v1/home/notebook/evt/desk motion +desk", told)
    assert re.search(r"frames seen +[1-9]", shown.text("account"))


def pictures(folder: Path, *labels: str) -> Path:
    for label in labels:
        (folder / label).mkdir(parents=True)
        for number in range(3):
            image = np.full((20, 20, 3), number + 30 * len(label), np.uint8)
            cv2.imwrite(str(folder / label / f"{number}.png"), image)
    return folder


def test_folders_that_will_not_do_are_refused_in_words_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()
    broken = pictures(tmp_path / "broken", "fox", "badger")
    (broken / "fox" / "3.jpg").write_bytes(b"no picture")
    for folder, told in (
        ("nowhere", r"nowhere: no such folder; give one with a folder a class"),
        ("empty", r"empty: no picture in it"),
        ("broken", r"\(fox\): is no picture that the device can decode"),
    ):
        done = run(tmp_path / "into", str(tmp_path / folder))
        assert done.returncode == 64
        assert re.search(told, done.stderr), done.stderr
        assert "Traceback" not in done.stderr
        assert list((tmp_path / "into").glob(f"{NAME}*")) == []
