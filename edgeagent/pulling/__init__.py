"""Pulls a model of the catalogue: fetches, verifies, and makes a bundle of it."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgeagent.adding import FIRST_VERSION, Wish, add
from edgeagent.adding.placing import placed
from edgeagent.errors import BundleError, DownloadError, UsageError
from edgeagent.model import Bundle, bundles_folder, list_bundles, load_bundle
from edgeagent.pulling.catalogue import Catalogue, Entry, RemoteFile
from edgeagent.pulling.download import Fetcher
from edgeagent.pulling.verify import fault_of

Tell = Callable[[str], None]

WAITING = ".pulling"
"""Folder beside the bundles where files stand until all of a model are there."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the files are: an address that ends in a slash, or a folder here."""

    base: str
    fetcher: Fetcher

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one."""
        return None if "://" in self.base else Path(self.base)

    def check(self) -> None:
        """Refuse an address that is not to be asked.

        Raises:
            UsageError: it is not https, nor http to this host or by leave.
        """
        if self.folder is None:
            self.fetcher.check(self.base)

    def get(self, file: RemoteFile, waiting: Path) -> Path:
        """Return where the verified ``file`` is now.

        Raises:
            DownloadError: it cannot be had, or is not what the catalogue says.
        """
        if self.folder is not None:
            return _local(self.folder, file)
        here = waiting / file.name
        _prepare(waiting)
        if not here.is_file() or fault_of(here, file):
            self.fetcher.fetch(self.base.rstrip("/") + "/" + file.path, file, here)
        return here


def _local(folder: Path, file: RemoteFile) -> Path:
    places = [folder / file.path, folder / file.name]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DownloadError(f"{folder}: has no {file.name} in it; name the folder that has")
    if fault := fault_of(found, file):
        raise DownloadError(f"{found}: {fault}; it is another file")
    return found


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
    _clear(waiting)
    return bundle


def _prepare(waiting: Path) -> None:
    try:
        waiting.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{waiting}: {error.strerror}; name a folder for --into") from error


def _clear(waiting: Path) -> None:
    shutil.rmtree(waiting, ignore_errors=True)
    # Other pulls may wait there.
    with suppress(OSError):
        waiting.parent.rmdir()


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
