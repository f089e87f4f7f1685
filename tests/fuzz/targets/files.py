"""What an owner writes, downloads or is given: settings, bundles, models, tables, certificates."""

import base64
import contextlib
import hashlib
import io
import json
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from edgeagent import settings
from edgeagent.adding.anatomy import examine
from edgeagent.adding.labels import labels_within, read_labels
from edgeagent.bench.report import read_report
from edgeagent.certificates import validities
from edgeagent.compiling.log import read_log
from edgeagent.compiling.table import forecast, forecast_lines
from edgeagent.config import MqttConfig, PageConfig
from edgeagent.credentials import read_secret
from edgeagent.edgetpu.ladder import read_ladder
from edgeagent.errors import EdgeagentError
from edgeagent.evaluation.reading import read_truth
from edgeagent.evaluation.report import SCHEMA, read_good
from edgeagent.model import bundles_folder, find_bundle, list_bundles, load_bundle
from edgeagent.page.door import tls_context as page_tls
from edgeagent.page.token_file import read_token
from edgeagent.pulling.catalogue import FILE as CATALOGUE
from edgeagent.pulling.catalogue import read_catalogue
from edgeagent.tls import tls_context
from edgeagent.workshop.package import members, model_in
from tests.fuzz.target import Target

from .parcel import laid, packed, parts

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "tests" / "models"

CAMERAS = b"""
device_name = "pi"
[mqtt]
host = "broker.example"
username = "door"
[commands]
allow = ["ping", "set"]
[[camera]]
name = "door"
address = "rtsp://user@192.0.2.7:554/stream"
fps = 5.0
[[camera.zone]]
name = "path"
polygon = [[0.1, 0.2], [0.9, 0.2], [0.5, 1.0]]
[[camera.line]]
name = "gate"
from = [0.1, 0.5]
to = [0.9, 0.5]
[[camera]]
name = "yard"
source = "synthetic"
"""


def _settings(data: bytes, folder: Path) -> None:
    file = folder / "edgeagent.toml"
    file.write_bytes(data)
    config = settings.load(file)
    assert settings.changes(config, config) == []
    for path, _ in settings.flat(config):
        settings.line_of(data.decode(), path)


def _bundle(data: bytes, folder: Path) -> None:
    place = laid(data, folder / "models" / "one")
    place.mkdir(parents=True, exist_ok=True)
    bundle = load_bundle(place)
    assert all(file.path.is_relative_to(place) for file in bundle.files.values())
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


def _catalogue(data: bytes, folder: Path) -> None:
    (folder / "catalogue.toml").write_bytes(data)
    catalogue = read_catalogue(folder / "catalogue.toml")
    for name in catalogue.model:
        for file in catalogue.find(name).files.values():
            assert (folder / file.name).parent == folder
            assert (folder / file.path).resolve().is_relative_to(folder.resolve())


def _ladder(data: bytes, folder: Path) -> None:
    (folder / "recover.toml").write_bytes(data)
    read_ladder(folder / "recover.toml")


LADDER = b"""again_within_s = 600
[[step]]
name = "reset"
command = ["/usr/sbin/uhubctl", "-a", "cycle"]
time_limit_s = 30
[[step]]
command = ["/sbin/reboot"]
"""


def _secret(data: bytes, folder: Path) -> None:
    (folder / "password").write_bytes(data)
    (folder / "password").chmod(0o600)
    with contextlib.suppress(EdgeagentError):
        read_secret(str(folder / "password"))
    read_token(folder / "password").is_said_by("abcd-efgh-jkmn-pqrs")


def _dates(data: bytes, folder: Path) -> None:
    (folder / "cert.pem").write_bytes(data)
    for dates in validities(folder / "cert.pem"):
        f"{dates.begins:%Y-%m-%d}, {dates.ends:%Y-%m-%d}"


CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIBfDCCASOgAwIBAgIUQpQd9vFqg1K8Xw0m3mEoTq1XgSgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2MDEwMTAwMDAwMFoXDTM2MDEwMTAw
MDAwMFowFDESMBAGA1UEAwwJbG9jYWxob3N0
-----END CERTIFICATE-----
"""
"""Cut short: it looks like one until its end."""


def der(*fields: tuple[int, bytes]) -> bytes:
    """Return DER, for certificates that nobody signed."""
    return b"".join(
        bytes([tag, 0x82, *len(data).to_bytes(2, "big")]) + data for tag, data in fields
    )


def _unsigned() -> bytes:
    dates = der((0x17, b"260101000000Z"), (0x18, b"20990101000000Z"))
    empty = (0x30, b"")
    signed = der((0xA0, b"\x02\x01\x02"), (0x02, b"\x01"), empty, empty, (0x30, dates), empty)
    text = base64.encodebytes(der((0x30, der((0x30, signed), empty))))
    return b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % text


def _tls(data: bytes, folder: Path) -> None:
    """Take it for a CA, and for a certificate with its key, at the broker's side and the page's."""
    file = folder / "all.pem"
    file.write_bytes(data)
    file.chmod(0o600)
    for mqtt in (
        MqttConfig(ca_file=str(file)),
        MqttConfig(cert_file=str(file), key_file=str(file)),
    ):
        with contextlib.suppress(EdgeagentError):
            tls_context(mqtt)
    page_tls(PageConfig(cert_file=str(file), key_file=str(file)))


LOCKED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAi0Y7u2nqR0
-----END ENCRYPTED PRIVATE KEY-----
"""


def _compiler(data: bytes, folder: Path) -> None:
    log = read_log(data.decode(errors="replace"))
    "\n".join(log.lines())
    json.dumps(log.told())


COMPILED = b"""Edge TPU Compiler version 16.0.384591198
Model compiled successfully in 542 ms.
On-chip memory used for caching model parameters: 3.42MiB
On-chip memory remaining for caching model parameters: 511.50KiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1

Operator                       Count      Status

CONV_2D                        36         Mapped to Edge TPU
DEQUANTIZE                     2          Operation is working on an unsupported data type
Compilation failed: Compilation failed due to large activation tensors in model.
"""


def _truth(data: bytes, folder: Path) -> None:
    """Read it as COCO's instances and as a table, whichever it is."""
    pictures = folder / "pictures"
    pictures.mkdir()
    (pictures / "a.jpg").write_bytes(b"")
    for name in ("truth.json", "truth.csv"):
        (folder / name).write_bytes(data)
        with contextlib.suppress(EdgeagentError):
            read_truth(pictures, folder / name)
    read_truth(folder / "film.mp4", folder / "truth.csv")


COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "categories": [{"id": 3, "name": "person"}],
    "annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 30.5, 40], "area": 9,
                     "iscrowd": 0}],
}  # fmt: skip
TABLE = b"file,label,left,top,right,bottom,light\na.jpg,person,1,2,30.5,40,dark\nb.jpg,,,,,,day\n"
MOT = b"1,1,10,20,30,40,1,-1,-1,-1\n3,2,10.5,20,30,40,0,-1,-1,-1\n"


def _reports(data: bytes, folder: Path) -> None:
    (folder / "report.json").write_bytes(data)
    with contextlib.suppress(EdgeagentError):
        read_report(folder / "report.json")
    good = read_good(folder / "report.json")
    assert all(np.isfinite(value) for value in good.values.values())


GOOD = {
    "schema": "edgeagent.eval/1",
    "data": {"sha256": "0" * 64, "pictures": 3},
    "slicingMetrics": [
        {"slice": "all", "metrics": {"AP": {"boundedValue": {"value": 0.5, "lowerBound": 0.4,
                                                             "upperBound": 0.6}}}},
    ],
}  # fmt: skip


def _report_files() -> list[bytes]:
    kept = sorted((ROOT / "tests" / "golden").rglob("*bench*.json"))
    return [json.dumps({**GOOD, "schema": SCHEMA}).encode(), *(path.read_bytes() for path in kept)]


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


def _toml() -> list[bytes]:
    return [CAMERAS, (ROOT / "systemd" / "edgeagent.toml").read_bytes()]


TARGETS = [
    Target("settings", _settings, _toml),
    Target("bundle", _bundle, _bundles, seal=bundle_sealed),
    Target("labels", _labels, _label_files),
    Target("tflite", _tflite, lambda: [p.read_bytes() for p in sorted(MODELS.glob("*/*.tflite"))]),
    Target("catalogue", _catalogue, lambda: [CATALOGUE.read_bytes()]),
    Target("ladder", _ladder, lambda: [LADDER, b""]),
    Target("secret", _secret, lambda: [b"password\n", b"abcd-efgh-jkmn-pqrs-tuvw\n", b""]),
    Target("dates", _dates, lambda: [CERTIFICATE, _unsigned()], raises=(ValueError,)),
    Target("tls", _tls, lambda: [CERTIFICATE, _unsigned(), LOCKED, b""], share=0.1),
    Target("compiler-log", _compiler, lambda: [COMPILED]),
    Target("truth", _truth, lambda: [json.dumps(COCO).encode(), TABLE, MOT]),
    Target("report", _reports, _report_files),
    Target("package", _package, _packages),
]
