"""What a release holds, told in its bill of materials; and that its bytes come out the same."""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom

from edgeagent.model import load_bundle
from scripts.releasing.archive import same
from scripts.releasing.bom import GIVEN, bill, text
from scripts.releasing.pins import Pin, pins_of
from scripts.releasing.wheels import wheel_of

ROOT = Path(__file__).parent.parent


def wheel(folder: Path, name: str, version: str, *lines: str) -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    said = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA", said + "\n\nText.\n")
    return path


@pytest.fixture
def house(tmp_path: Path) -> Path:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    needs = ["numpy>=1.24", "msgspec>=0.18", 'matplotlib>=3; extra == "plot"']
    said = ["License-Expression: Apache-2.0", *(f"Requires-Dist: {need}" for need in needs)]
    wheel(wheels, "edgeagent", "0.1.0", *said)
    wheel(wheels, "msgspec", version_of("msgspec"), "License: BSD-3-Clause")
    return tmp_path


def version_of(name: str) -> str:
    return next(pin.version for pin in pins() if pin.name == name)


def pins() -> list[Pin]:
    return pins_of([ROOT / "requirements" / name for name in GIVEN])


def parts(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {part["bom-ref"]: part for part in told["components"]}


def test_the_bill_is_cyclonedx_and_read_back_by_its_own_library(house: Path) -> None:
    told = json.loads(text(bill(ROOT, house, 1_700_000_000)))
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert told["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    again = Bom.from_json(told)  # type: ignore[attr-defined]
    assert {part.name for part in again.components} == {one["name"] for one in told["components"]}
    root = told["metadata"]["component"]
    assert (root["name"], root["licenses"]) == ("edgeagent", [{"license": {"id": "Apache-2.0"}}])


def test_every_pin_of_a_device_is_in_it_with_what_its_wheel_says(house: Path) -> None:
    told = json.loads(text(bill(ROOT, house, 1_700_000_000)))
    found = parts(told)
    assert len(pins()) > 15
    assert {f"{pin.name}=={pin.version}" for pin in pins()} <= set(found)
    msgspec = found[f"msgspec=={version_of('msgspec')}"]
    assert msgspec["purl"] == f"pkg:pypi/msgspec@{version_of('msgspec')}"
    assert msgspec["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    (file,) = msgspec["components"]
    mine = next((house / "wheels").glob("msgspec*"))
    assert file["hashes"][0]["content"] == hashlib.sha256(mine.read_bytes()).hexdigest()
    edges = {one["ref"]: set(one.get("dependsOn", [])) for one in told["dependencies"]}
    numpies = {f"numpy=={pin.version}" for pin in pins() if pin.name == "numpy"}
    assert len(numpies) == 2
    models = {"model coco16-320", "model embed88-128"}
    assert edges["edgeagent"] >= numpies | models | {msgspec["bom-ref"]}
    assert not any("matplotlib" in one for one in edges["edgeagent"])


def test_every_file_of_a_model_is_in_it_with_licence_and_digest(house: Path) -> None:
    found = parts(json.loads(text(bill(ROOT, house, 1_700_000_000))))
    for folder in sorted((ROOT / "models").iterdir()):
        part = found[f"model {folder.name}"]
        bundle = load_bundle(folder)
        assert part["type"] == "machine-learning-model"
        assert part["properties"] == [{"name": "edgeagent:licence", "value": bundle.licence}]
        digests = {one["name"]: one["hashes"][0]["content"] for one in part["components"]}
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert set(digests) == {str(path.relative_to(ROOT)) for path in files}
        for file in bundle.files.values():
            assert file.sha256 in digests.values()
    clip = found["edgeagent/clips/cockatoo.mp4"]
    assert clip["hashes"][0]["content"] in (ROOT / "edgeagent/clips/LICENSE").read_text()


def test_a_bill_that_would_not_be_cyclonedx_is_not_written(house: Path) -> None:
    made = bill(ROOT, house, 1_700_000_000)
    made.version = -1
    with pytest.raises(ValueError, match=r"not CycloneDX 1\.6"):
        text(made)


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (["License-Expression: MIT", "License: other"], "MIT"),
        (["License: BSD"], "BSD"),
        (
            ["License: " + "x" * 200, "Classifier: License :: OSI Approved :: MIT License"],
            "MIT License",
        ),
        (["Classifier: Topic :: Home Automation"], ""),
    ],
)
def test_a_wheels_licence_is_what_names_it_shortest(
    tmp_path: Path, lines: list[str], licence: str
) -> None:
    assert wheel_of(wheel(tmp_path, "A_b", "1", *lines)).licence == licence


def archive(mode: int, mtime: int, owner: str, names: list[str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime, member.uname = 1, mode, mtime, owner
            tar.addfile(member, io.BytesIO(b"x"))
    return made.getvalue()


def test_a_source_archive_tells_nothing_of_who_packed_it() -> None:
    one = same(archive(0o600, 5, "eve", ["a", "b"]), 1_700_000_000)
    two = same(archive(0o664, 9, "bob", ["b", "a"]), 1_700_000_000)
    assert one == two
    assert one != same(archive(0o755, 5, "eve", ["a", "b"]), 1_700_000_000)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(one))) as tar:
        told = [(m.name, m.mode, m.mtime, m.uid, m.uname) for m in tar.getmembers()]
    assert told == [(name, 0o644, 1_700_000_000, 0, "") for name in ("a", "b")]


def test_two_builds_of_a_release_give_the_same_bytes() -> None:
    """As `scripts/proof-release` has it; the wheels of others are left out, and one suite."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb")
    if not (ROOT / ".git").exists():
        pytest.skip("needs a checkout by git")
    told = subprocess.run(
        [ROOT / "scripts/proof-release", "--bare", "--suite", "bookworm"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "the same bytes twice" in told.stdout
    made = [line.split()[1] for line in told.stdout.splitlines() if len(line.split()[0]) == 64]
    # What is set up is ours still, and not that of a folder that was thrown away.
    ask = [sys.executable, "-c", "import edgeagent; print(edgeagent.__file__)"]
    there = subprocess.run(ask, cwd="/", capture_output=True, text=True, check=True).stdout
    assert Path(there.strip()) == ROOT / "edgeagent" / "__init__.py"
    assert [name.rpartition(".")[2] for name in made] == ["whl", "json", "gz", "deb", "sha256"]
