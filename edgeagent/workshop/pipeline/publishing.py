"""Packs a bundle, puts it into a registry, and finds there what went out last."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeagent import semver
from edgeagent.card.quality import EVALUATION
from edgeagent.errors import DownloadError, UsageError
from edgeagent.model import Bundle, load_bundle
from edgeagent.workshop.pipeline import lineage
from edgeagent.workshop.pipeline.registry import Registry, TakenError, entries

TRIES = 8
"""How often somebody else may write the index first."""


def pack(folder: Path) -> bytes:
    """Return ``folder`` as a .tar.gz: the same files, the same bytes, whoever packs them when."""
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder)}")
            member.size, member.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                tar.addfile(member, file)
    return gzip.compress(text.getvalue(), mtime=0)


def publish(folder: Path, registry: Registry) -> Mapping[str, Any]:
    """Put the bundle in ``folder`` into ``registry``; the index is the last thing that changes.

    What is there already, byte for byte, is not listed twice.

    Returns:
        What the index says of it.

    Raises:
        BundleError: it is no whole bundle.
        UsageError: a later version is published.
        DownloadError: the registry refuses.
    """
    bundle = load_bundle(folder, everything=True)
    _check_order(bundle, registry)
    known, packed = lineage.read(folder), pack(folder)
    report = (folder / EVALUATION).read_bytes()
    entry = {
        "version": bundle.version, "least_agent": bundle.least_agent,
        "pack": _digest(packed), "bytes": len(packed),
        "evaluation": _digest(report), "model": known["model"], "data": known["data"],
        "code": known["code"]["sha256"],
    }  # fmt: skip
    for data in (packed, report):
        registry.put(_digest(data), data)
    _list(bundle.name, entry, registry)
    return entry


def _check_order(bundle: Bundle, registry: Registry) -> None:
    """Refuse a version that comes before one that is out: who takes the newest would not get it."""
    listed = entries(registry.read_index()[0])["models"].get(bundle.name, [])
    newest = max((str(one["version"]) for one in listed), key=semver.rank_of_any, default="")
    if bundle.rank < semver.rank_of_any(newest):
        raise UsageError(
            f"{bundle.name} {bundle.version}: version {newest} is published already; give it a "
            "version that does not come before that one"
        )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _list(name: str, entry: Mapping[str, Any], registry: Registry) -> None:
    for _ in range(TRIES):
        index, tag = registry.read_index()
        told = entries(index)
        there = [one for one in told["models"].get(name, []) if one["pack"] != entry["pack"]]
        told["models"][name] = [*there, entry]
        try:
            text = json.dumps(told, indent=1, sort_keys=True)
            registry.replace_index(text.encode() + b"\n", tag)
        except TakenError:
            continue
        return
    raise DownloadError(f"the index was written by others {TRIES} times over; publish again")


def last_evaluation(name: str, registry: Registry) -> bytes | None:
    """Return the report of the model ``name`` that went out last; None: none has.

    Raises:
        DownloadError: it cannot be had.
    """
    listed = entries(registry.read_index()[0])["models"].get(name)
    return registry.get(listed[-1]["evaluation"]) if listed else None
