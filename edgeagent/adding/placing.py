"""Puts a bundle in its place whole: what is begun stands where no agent looks, until it is done."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edgeagent.atomic import sync_folder
from edgeagent.errors import EdgeagentError, UsageError

_BEGUN = ".adding-"
_FORGOTTEN_S = 3600.0
"""What was begun so long ago was killed."""


@contextmanager
def placed(into: Path, name: str, replace: bool) -> Iterator[Path]:
    """Yield a folder to fill; it becomes ``into/name`` when the block ends well, else it goes.

    Between the going of an old bundle and the coming of the new one there are two renames; a
    power cut just then leaves neither in place.

    Raises:
        UsageError: ``into/name`` is there and not to be replaced, or cannot be written.
    """
    target = into / name
    if target.exists() and not replace:
        raise UsageError(f"{target}: is there already; give --replace, or another --name")
    try:
        into.mkdir(parents=True, exist_ok=True)
        _sweep(into)
        # Two levels down, where nobody looks for manifests.
        with TemporaryDirectory(prefix=_BEGUN, dir=into) as begun:
            folder = Path(begun) / name
            folder.mkdir()
            yield folder
            _sync(folder)
            if target.exists():
                target.rename(Path(begun) / "old")
            folder.rename(target)
            sync_folder(into)
    except OSError as error:
        if isinstance(error, EdgeagentError):
            raise
        raise UsageError(f"{into}: {error.strerror or error}; name a folder for --into") from error


def _sweep(into: Path) -> None:
    """Remove what a killed process left."""
    for begun in into.glob(f"{_BEGUN}*"):
        if time.time() - begun.stat().st_mtime > _FORGOTTEN_S:
            shutil.rmtree(begun, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    for path in (*filter(Path.is_dir, folder.rglob("*")), folder):
        sync_folder(path)
