"""Pulls a model of the catalogue: fetches, verifies, and makes a bundle of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from edgeagent.adding import FIRST_VERSION, Wish, add
from edgeagent.adding.placing import placed
from edgeagent.errors import BundleError, UsageError
from edgeagent.model import Bundle, bundles_folder, list_bundles, load_bundle
from edgeagent.pulling.catalogue import Catalogue, Entry
from edgeagent.pulling.origin import WAITING, Origin, clear

__all__ = ["WAITING", "Origin", "pull"]

Tell = Callable[[str], None]


def pull(
    name: str, catalogue: Catalogue, origin: Origin, into: Path, tell: Tell, replace: bool = False
) -> Bundle:
    """Make a bundle of the model ``name`` in ``into``; one of the release is copied there.

    Args:
        name: as the catalogue, or the release, has it.
        catalogue: names, paths and digests.
        origin: where the files are to be had.
        into: where the bundles are.
        tell: hears, a line at a time, what was found out.
        replace: whether another bundle of this name may be there.

    Raises:
        UsageError: there is no such model, or no place for it.
        DownloadError: a file did not come, or is another one; what came is kept for the next time.
        ModelError: the runtime does not take it.
    """
    shipped = {folder.name: folder for folder in list_bundles(bundles_folder())}
    if name in shipped:
        return _copied(shipped[name], into, replace)
    entry = catalogue.find(name)
    if there := _there(entry, into / name):
        tell(f"{into / name}: is there already, and whole")
        return there
    if (into / name).exists() and not replace:
        raise UsageError(f"{into / name}: is there already, and another one; give --replace")
    origin.check()
    waiting = into / WAITING / name
    paths = {use: origin.get(file, waiting) for use, file in entry.files.items()}
    bundle = add(_wish(name, entry, catalogue, paths), into, tell)
    clear(waiting)
    return bundle


def _wish(name: str, entry: Entry, catalogue: Catalogue, paths: dict[str, Path]) -> Wish:
    return Wish(
        model=paths["cpu"],
        edgetpu=paths.get("edgetpu"),
        labels=paths.get("labels"),
        name=name,
        version=f"{FIRST_VERSION}+{catalogue.commit[:12]}",
        licence=catalogue.licence,
        origin=catalogue.base + entry.cpu.path,
        task=entry.task,
        replace=True,
    )


def _there(entry: Entry, folder: Path) -> Bundle | None:
    """Return the bundle in ``folder`` where it is of the same files."""
    try:
        bundle = load_bundle(folder)
    except BundleError:
        return None
    wanted = {use: file.sha256 for use, file in entry.files.items() if use != "labels"}
    there = {device: file.sha256 for device, file in bundle.files.items()}
    return bundle if there == wanted else None


def _copied(shipped: Path, into: Path, replace: bool) -> Bundle:
    with placed(into, shipped.name, replace) as folder:
        shutil.copytree(shipped, folder, dirs_exist_ok=True)
        load_bundle(folder)
    return load_bundle(into / shipped.name)
