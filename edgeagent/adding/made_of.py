"""What an owner says that a model was made of: a folder of pictures is counted, a name is kept."""

from collections.abc import Iterator
from pathlib import Path

from edgeagent.contents import digest
from edgeagent.errors import UsageError
from edgeagent.pedigree import Data, Use, digest_of
from edgeagent.sources.images import SUFFIXES


def data_of(use: Use, what: str, licence: str) -> Data:
    """Return what the manifest says of ``what``: a folder, or the name of what is elsewhere.

    Raises:
        UsageError: the folder has no pictures.
    """
    folder = Path(what)
    if not folder.is_dir():
        return Data(use, what, licence)
    digests = [digest(path) for path in _pictures(folder)]
    if not digests:
        raise UsageError(f"{folder}: no picture in it; it takes {' '.join(sorted(SUFFIXES))}")
    return Data(use, folder.resolve().name, licence, len(digests), digest_of(digests))


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
