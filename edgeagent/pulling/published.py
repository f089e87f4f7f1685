"""Pulls what a registry has: found in its index, fetched, verified, and unpacked whole.

A registry is a folder, or an address under which these can be read::

    index.json            what there is, newest last
    sha256/<digest>       a pack: the .tar.gz of a bundle
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edgeagent.adding.placing import placed
from edgeagent.errors import BundleError, DownloadError, UsageError
from edgeagent.manifest import did_you_mean
from edgeagent.model import Bundle, load_bundle
from edgeagent.pulling.catalogue import RemoteFile
from edgeagent.pulling.origin import WAITING, Origin, clear
from edgeagent.pulling.unpacking import unpack

INDEX = "index.json"
SCHEMA = "edgeagent.registry/1"
PACKS = "sha256"

MOST_INDEX_BYTES = 1 << 24
"""Some 40,000 versions."""

CURE = "is it a registry? `scripts/pipeline run --set registry=...` publishes into one"

_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Name = Annotated[str, Meta(pattern="^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$")]


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a model; what else the index says of it is for others."""

    version: str
    pack: _Digest
    bytes: Annotated[int, Meta(ge=1)]
    """Of the pack."""
    model: _Digest
    """Of the file for the CPU."""


@dataclass(frozen=True, slots=True)
class Index:
    """All that is published, by name, newest last."""

    schema: Literal["edgeagent.registry/1"]
    models: Mapping[_Name, Sequence[Entry]]

    def find(self, name: str, version: str = "") -> Entry:
        """Return this version of ``name``; the one published last where none is named.

        Raises:
            UsageError: there is none.
        """
        listed = self.models.get(name, ())
        if not listed:
            near = did_you_mean(name, self.models) if self.models else "; there is none at all"
            raise UsageError(f"{name!r}: no such model in the registry{near}")
        found = [one for one in listed if version in ("", one.version)]
        if not found:
            known = ", ".join(one.version for one in listed)
            raise UsageError(f"{name}: no version {version!r} in the registry; there is {known}")
        return found[-1]


def read_index(origin: Origin) -> Index:
    """Return what there is.

    Raises:
        UsageError: it is not to be asked.
        DownloadError: it does not answer, or is no registry.
    """
    origin.check()
    if origin.folder is not None and not (origin.folder / INDEX).is_file():
        raise DownloadError(f"{origin.folder}: has no {INDEX} in it; {CURE}")
    data = origin.read(INDEX, MOST_INDEX_BYTES)
    try:
        return msgspec.json.decode(data, type=Index)
    except msgspec.MsgspecError as error:
        raise DownloadError(f"{origin.base}: {INDEX}: {error}; {CURE}") from error


def pull_published(
    name: str, version: str, origin: Origin, into: Path, replace: bool = False
) -> Bundle:
    """Put a published bundle into ``into``, or leave it where the same is there.

    Args:
        name: as the index has it.
        version: "" is the one published last.
        origin: the registry.
        into: where the bundles are.
        replace: whether another bundle of this name may be there.

    Raises:
        UsageError: there is no such model, or no place for it.
        DownloadError: it did not come; what came is kept for the next time.
        BundleError: it is not what the index says, or no bundle.
    """
    entry = read_index(origin).find(name, version)
    if not replace and (there := _there(entry, into / name)):
        return there
    if (into / name).exists() and not replace:
        raise UsageError(f"{into / name}: is there already, and another one; give --replace")
    waiting = into / WAITING / name
    pack = origin.get(RemoteFile(f"{PACKS}/{entry.pack}", entry.pack, entry.bytes), waiting)
    with placed(into, name, replace) as folder:
        unpack(pack, name, folder)
        _check(load_bundle(folder), name, entry)
    clear(waiting)
    return load_bundle(into / name)


def _there(entry: Entry, folder: Path) -> Bundle | None:
    try:
        bundle = load_bundle(folder)
    except BundleError:
        return None
    return bundle if _same(bundle, entry) else None


def _same(bundle: Bundle, entry: Entry) -> bool:
    known = {file.sha256 for file in bundle.files.values()}
    return bundle.version == entry.version and entry.model in known


def _check(bundle: Bundle, name: str, entry: Entry) -> None:
    if bundle.name != name or not _same(bundle, entry):
        raise BundleError(
            f"{name} {entry.version}: its pack has {bundle.name} {bundle.version} in it, with "
            "other files than the index says; publish it again"
        )
