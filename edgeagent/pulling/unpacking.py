"""Unpacks a bundle that came from elsewhere: plain files of one folder, and not too much."""

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from edgeagent.errors import BundleError

MOST_BYTES = 1 << 28
"""Most that a pack may hold, so that a small one does not fill the disk."""

MOST_FILES = 1000
DEEPEST = 4
"""Names in a path: a bundle has files, and ``golden/`` with some more."""


def unpack(pack: Path, name: str, into: Path) -> None:
    """Put what is in the .tar.gz ``pack`` below ``name/`` into the folder ``into``.

    Raises:
        BundleError: it is no pack, or something in it is no plain file below ``name/``.
        OSError: it cannot be written.
    """
    try:
        with (
            _Counted(pack) as plain,
            tarfile.open(fileobj=plain, mode="r|") as members,
        ):
            for count, member in enumerate(members):
                if count >= MOST_FILES:
                    raise BundleError(f"{pack}: has more than {MOST_FILES} files")
                path = into / _path(member, name, pack)
                _write(members.extractfile(member), path)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BundleError(f"{pack}: is no pack of a bundle ({error}); publish it again") from error


def _path(member: tarfile.TarInfo, name: str, pack: Path) -> Path:
    path = PurePosixPath(member.name)
    plain = member.isreg() and not path.is_absolute() and ".." not in path.parts
    if not plain or path.parts[:1] != (name,) or not 1 < len(path.parts) <= DEEPEST:
        raise BundleError(f"{pack}: {member.name!r} is no plain file below {name}/; not unpacked")
    return Path(*path.parts[1:])


def _write(content: IO[bytes] | None, path: Path) -> None:
    assert content is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)


class _Counted(gzip.GzipFile):
    """What a pack says, up to a limit."""

    given_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes.

        Raises:
            BundleError: there are too many.
        """
        data = super().read(size)
        self.given_bytes += len(data)
        if self.given_bytes > MOST_BYTES:
            raise BundleError(f"{self.name}: holds more than {MOST_BYTES:,} bytes; not unpacked")
        return data
