"""What looks when the model in the settings may not."""

import shutil
from pathlib import Path

import pytest

from edgeagent.accelerators import Ties
from edgeagent.assembly import keep_looking
from edgeagent.config import ModelConfig
from edgeagent.findings import Notice
from edgeagent.model import bundles_folder


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """A fleet's bundles: each in a folder of its own, a link says which is in use."""
    folder = tmp_path / "bundles"
    for name in ("embed88-128@1", "embed88-128@2"):
        shutil.copytree(bundles_folder() / "embed88-128", folder / name)
    manifest = folder / "embed88-128@2" / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('"0.1.0"', '"99.0.0"'))
    (folder / "embed88-128").symlink_to("embed88-128@1")
    return folder


def test_a_bundle_for_newer_agents_is_said_so_and_the_last_good_one_looks_on(
    bundles: Path, tmp_path: Path
) -> None:
    told: list[Notice] = []
    ties = Ties(tell=told.append)
    config = ModelConfig(name=str(bundles / "embed88-128"), device="scripted")
    assert keep_looking(config, tmp_path, ties).look is not None
    (bundles / "embed88-128").unlink()
    (bundles / "embed88-128").symlink_to("embed88-128@2")
    engines = keep_looking(config, tmp_path, ties)
    assert engines.look is not None
    assert engines.look.bundle.folder == (bundles / "embed88-128@1").resolve()
    [notice] = [one for one in told if one.what == "refused"]
    assert "is for edgeagent 99.0.0 and newer" in notice.why
