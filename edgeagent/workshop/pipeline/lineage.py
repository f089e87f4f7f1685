"""Where a model comes from: digests of data, code and model, carried along beside it."""

import hashlib
import json
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import edgeagent
from edgeagent.atomic import write_whole
from edgeagent.errors import DAMAGED, UsageError

SCHEMA = "edgeagent.lineage/1"
FILE = "lineage.json"

_PACKAGES = ("tensorflow-cpu", "tensorflow", "numpy", "ai-edge-litert", "opencv-python-headless")

Lineage = Mapping[str, Any]


@cache
def code_digest() -> str:
    """Return the sha256 of edgeagent's own source, wherever it is installed."""
    root, whole = Path(edgeagent.__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{path.relative_to(root)} {content}\n".encode())
    return whole.hexdigest()


def begun(data: str, features: str) -> Lineage:
    """Return what is known before training."""
    return {
        "schema": SCHEMA,
        "data": data,
        "features": features,
        "code": {"edgeagent": edgeagent.__version__, "sha256": code_digest()},
        "versions": {"python": sys.version.split()[0], **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read(folder: Path) -> Lineage:
    """Return the lineage in ``folder``.

    Raises:
        UsageError: there is none.
    """
    try:
        told: Lineage = json.loads((folder / FILE).read_text())
    except DAMAGED as error:
        raise UsageError(f"{folder / FILE}: cannot be read ({error}); made by the pipeline?") from (
            error
        )
    return told


def write(folder: Path, lineage: Lineage, **more: object) -> None:
    """Write ``lineage`` and what is now known as well into ``folder``."""
    write_whole(folder / FILE, text(lineage, **more))


def text(lineage: Lineage, **more: object) -> bytes:
    """Return ``lineage`` and what is now known as well, as a file has it."""
    return json.dumps({**lineage, **more}, indent=1, sort_keys=True).encode() + b"\n"
