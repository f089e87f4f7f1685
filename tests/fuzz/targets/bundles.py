"""What a stranger gives or a registry has: bundles, labels, models, packages."""

import contextlib
import hashlib
import io
import re
import tarfile
import zipfile
from pathlib import Path

from edgeagent.adding.anatomy import examine
from edgeagent.adding.labels import labels_within, read_labels
from edgeagent.compiling.table import forecast, forecast_lines
from edgeagent.errors import EdgeagentError
from edgeagent.model import bundles_folder, find_bundle, list_bundles, load_bundle
from edgeagent.workshop.package import members, model_in
from tests.fuzz.target import Target

from .parcel import laid, packed, parts

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "tests" / "models"


def _bundle(data: bytes, folder: Path) -> None:
    place = laid(data, folder / "models" / "one")
    place.mkdir(parents=True, exist_ok=True)
    bundle = load_bundle(place)
    assert all(file.path.is_relative_to(place) for file in bundle.files.values())
    assert bundle.name.isprintable()
    find_bundle("one", [place.parent])


def bundled(name: str) -> bytes:
    """Return a bundle of the tests as one input."""
    return packed({p.name: p.read_bytes() for p in (MODELS / name).iterdir() if p.is_file()})


def _small(manifest: bytes) -> bytes:
    return bundle_sealed(packed({"manifest.toml": manifest, "labels.txt": b"red\nblue\n",
                                 "model.tflite": b"TFL3" * 8}))  # fmt: skip


def bundle_sealed(data: bytes) -> bytes:
    """Make the digests in a manifest those of the model beside it."""
    files = parts(data)
    model, manifest = files.get("model.tflite"), files.get("manifest.toml")
    if model is None or manifest is None:
        return data
    digest = hashlib.sha256(model).hexdigest().encode()
    manifest = re.sub(rb'sha256 = "[^"]*"', b'sha256 = "%s"' % digest, manifest)
    manifest = re.sub(rb"size_bytes = \d+", b"size_bytes = %d" % len(model), manifest)
    return packed({**files, "manifest.toml": manifest})


def _bundles() -> list[bytes]:
    manifests = [folder / "manifest.toml" for folder in list_bundles(bundles_folder())]
    manifests += sorted(MODELS.glob("*/manifest.toml"))
    small = [_small(path.read_bytes()) for path in manifests]
    bare = {name: body for name, body in parts(small[0]).items() if name != "labels.txt"}
    odd = [
        packed({**bare, "labels.txt -> ../../../other/secret": b""}),
        packed({"manifest.toml |": b"", "labels.txt": b"red\n"}),
        packed({"manifest.toml": parts(small[0])["manifest.toml"], "labels.txt |": b""}),
        packed({**bare, "labels.txt": b"red\nblue\n", "long": b"x" * 300}),
    ]
    return [*small, *odd]


def _labels(data: bytes, folder: Path) -> None:
    (folder / "labels.txt").write_bytes(data)
    with contextlib.suppress(EdgeagentError):
        read_labels(folder / "labels.txt")
    labels_within(folder / "labels.txt")


def _zip(method: int, names: tuple[str, ...] = ("labels.txt",)) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", method) as archive:
        for name in names:
            archive.writestr(name, "red\nblue\n" * 4)
    return kept.getvalue()


def _label_files() -> list[bytes]:
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", bytes(40 << 20))
    zips = [*(_zip(method) for method in methods), _zip(0, ("../labels.txt", "/etc/x.txt"))]
    return [b"red\nblue\n", b"0  person\n1: bicycle\n90 hair\n", *zips, bomb.getvalue()]


def _tflite(data: bytes, folder: Path) -> None:
    (folder / "model.tflite").write_bytes(data)
    list(forecast_lines(forecast(examine(folder / "model.tflite"))))


def _package(data: bytes, folder: Path) -> None:
    (folder / "package.tgz").write_bytes(data)
    with contextlib.suppress(EdgeagentError):
        members(folder / "package.tgz", ["package/model.json", "package/group1.bin"])
    model_in(folder / "package.tgz")


def tarred(*members: tarfile.TarInfo, how: str = "gz") -> bytes:
    """Return an archive of ``members``, each file full of zeros."""
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode=f"w:{how}") as archive:  # type: ignore[call-overload]
        for one in members:
            archive.addfile(one, io.BytesIO(bytes(one.size)) if one.isreg() else None)
    return kept.getvalue()


def member(
    name: str, size: int = 0, link: str = "", kind: bytes = tarfile.REGTYPE
) -> tarfile.TarInfo:
    """Return one member."""
    info = tarfile.TarInfo(name)
    info.size, info.linkname, info.type = size, link, tarfile.SYMTYPE if link else kind
    return info


def _packages() -> list[bytes]:
    plain = [member("package/model.json", 40), member("package/group1.bin", 64)]
    loop = [member("package/model.json", link="group1.bin"),
            member("package/group1.bin", link="model.json")]  # fmt: skip
    out = [member("package/model.json", link="../../../../etc/passwd"), plain[1]]
    huge = member("package/group1.bin", 300 << 20).tobuf() + bytes(1024)
    folders = [member("package/model.json", kind=tarfile.DIRTYPE), member("package/group1.bin")]
    return [*(tarred(*plain, how=how) for how in ("gz", "bz2", "xz", "")),
            *(tarred(*one) for one in (loop, out, folders)), huge]  # fmt: skip


TARGETS = [
    Target("bundle", _bundle, _bundles, seal=bundle_sealed),
    Target("labels", _labels, _label_files),
    Target("tflite", _tflite, lambda: [p.read_bytes() for p in sorted(MODELS.glob("*/*.tflite"))]),
    Target("package", _package, _packages),
]
