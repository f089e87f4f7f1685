"""Where a model's files are: an address or a folder; and where they wait until all are there."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgeagent.errors import DownloadError, UsageError
from edgeagent.pulling.catalogue import RemoteFile
from edgeagent.pulling.download import Fetcher
from edgeagent.pulling.verify import fault_of

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
            DownloadError: it cannot be had, or is not what is listed.
        """
        if self.folder is not None:
            return _local(self.folder, file)
        here = waiting / file.name
        prepare(waiting)
        if not here.is_file() or fault_of(here, file):
            self.fetcher.fetch(self.base.rstrip("/") + "/" + file.path, file, here)
        return here

    def read(self, path: str, most_bytes: int) -> bytes:
        """Return all of a small file, of which no digest is known.

        Raises:
            DownloadError: it cannot be had, or is larger.
        """
        if self.folder is None:
            return self.fetcher.read(self.base.rstrip("/") + "/" + path, most_bytes)
        file = self.folder / path
        try:
            with file.open("rb") as content:
                data = content.read(most_bytes + 1)
        except OSError as error:
            raise DownloadError(f"{file}: {error.strerror}") from error
        if len(data) > most_bytes:
            raise DownloadError(f"{file}: has more than {most_bytes:,} bytes; it is another file")
        return data


def _local(folder: Path, file: RemoteFile) -> Path:
    places = [folder / file.path, folder / file.name]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DownloadError(f"{folder}: has no {file.name} in it; name the folder that has")
    if fault := fault_of(found, file):
        raise DownloadError(f"{found}: {fault}; it is another file")
    return found


def prepare(waiting: Path) -> None:
    """Make the folder that files wait in.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        waiting.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{waiting}: {error.strerror}; name a folder for --into") from error


def clear(waiting: Path) -> None:
    """Remove what waited, for it is in its place."""
    shutil.rmtree(waiting, ignore_errors=True)
    # Other pulls may wait there.
    with suppress(OSError):
        waiting.parent.rmdir()
