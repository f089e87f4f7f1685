"""Files out of an npm package, as a registry sends it and as nobody should."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgeagent.errors import BundleError, UsageError
from edgeagent.workshop.package import MOST_BYTES, members, model_in

FILES = {"package/m/model.json": b"{}", "package/m/b.bin": b"two", "package/m/a.bin": b"one"}


def packed(path: Path, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


def test_what_is_named_comes_and_weights_in_the_order_of_their_names(tmp_path: Path) -> None:
    package = packed(tmp_path / "x.tgz", FILES)
    assert members(package, ["package/m/b.bin"]) == [b"two"]
    assert model_in(package) == (b"{}", b"onetwo")


def test_what_is_not_there_or_there_twice_is_refused(tmp_path: Path) -> None:
    package = packed(tmp_path / "x.tgz", {**FILES, "package/n/model.json": b""})
    with pytest.raises(BundleError, match=r"has no package/none; is it the package"):
        members(package, ["package/none"])
    with pytest.raises(UsageError, match=r"holds 2 model.json"):
        model_in(package)


def test_links_are_not_followed_not_even_in_a_circle(tmp_path: Path) -> None:
    links = {"a": "b", "b": "a", "c": "/etc/passwd", "d": "package/m/a.bin"}
    package = packed(tmp_path / "x.tgz", FILES, links)
    for name in links:
        with pytest.raises(BundleError, match="is no file of its own"):
            members(package, [name])


def test_a_size_that_is_a_lie_is_found_before_it_is_read(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("huge")
    huge.size = MOST_BYTES + 1
    (tmp_path / "x.tar").write_bytes(huge.tobuf() + bytes(1024))
    with pytest.raises(BundleError, match=r"unexpected end of data"):
        members(tmp_path / "x.tar", ["huge"])
