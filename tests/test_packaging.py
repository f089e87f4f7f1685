"""What is packed, pinned and said about it agrees with what is there."""

import re
import tomllib
from pathlib import Path

import pytest

import edgeagent

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = sorted((ROOT / "requirements").glob("py*.txt"))


def test_every_package_folder_is_packed() -> None:
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "edgeagent").rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders | {"edgeagent.models"}


@pytest.mark.parametrize("pins", PINS, ids=lambda path: path.name)
def test_every_pin_has_hashes_and_names_no_index(pins: Path) -> None:
    text = pins.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) > 5
    assert all("==" in line and "--hash=sha256:" in line for line in lines)
    assert not re.search(r"://|index-url|find-links", text)


def test_the_camera_survives_on_bookworm() -> None:
    for pins in PINS:
        # Those of the cloud half never meet a camera.
        cloud = "train|pipeline|serve|notebook"
        if pins.name.startswith("py311") and not re.search(cloud, pins.name):
            assert re.search(r"^numpy==1\.", pins.read_text(), re.MULTILINE), pins.name


def test_the_wrong_pycoral_is_nowhere() -> None:
    named = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        named += extra
    assert not [name for name in named if name.startswith("pycoral")]
    assert not any("pycoral==" in pins.read_text() for pins in PINS)


def test_the_changelog_begins_with_this_version() -> None:
    first = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == edgeagent.__version__
