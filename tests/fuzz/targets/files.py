"""What an owner writes or gets from tools: settings, catalogues, steps, tables, reports."""

import contextlib
import json
from pathlib import Path

import numpy as np

from edgeagent import settings
from edgeagent.bench.report import read_report
from edgeagent.compiling.log import read_log
from edgeagent.edgetpu.ladder import read_ladder
from edgeagent.errors import EdgeagentError
from edgeagent.evaluation.reading import read_truth
from edgeagent.evaluation.report import SCHEMA, read_good
from edgeagent.pulling.catalogue import FILE as CATALOGUE
from edgeagent.pulling.catalogue import read_catalogue
from tests.fuzz.target import Target

ROOT = Path(__file__).parents[3]
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
    for path, value in settings.flat(config):
        settings.line_of(data.decode(), path)
        assert not isinstance(value, str) or value.isprintable()


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


def _toml() -> list[bytes]:
    odd = [
        b'device = "pi\\n"\n',
        b"camera = 0x" + b"f" * 5000,
        b"site = " + b"[" * 900 + b"]" * 900,
    ]
    return [CAMERAS, *odd, (ROOT / "systemd" / "edgeagent.toml").read_bytes()]


TARGETS = [
    Target("settings", _settings, _toml),
    Target("catalogue", _catalogue, lambda: [CATALOGUE.read_bytes()]),
    Target("ladder", _ladder, lambda: [LADDER, b""]),
    Target("compiler-log", _compiler, lambda: [COMPILED]),
    Target("truth", _truth, lambda: [json.dumps(COCO).encode(), TABLE, MOT]),
    Target("report", _reports, _report_files),
]
